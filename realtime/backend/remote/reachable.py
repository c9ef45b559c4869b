"""Whether a backend is there: asked once, before anything is served. Blocks, so it is for engines' openers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc
import structlog
from google.protobuf.json_format import ParseDict, ParseError
from grpc import RpcError, StatusCode
from grpc_health.v1 import health_pb2, health_pb2_grpc

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.pb import backend_pb2_grpc as rpc
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import Connection, Line, make_line
from realtime.backend.remote.places import SERVICE
from realtime.engines.registry import Workshop
from realtime.errors import BadConfiguration, ModelUnavailable

log = structlog.get_logger(__name__)

_SERVING = health_pb2.HealthCheckResponse.SERVING

_NO_TOKEN = {StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED}


def open_channels(workshop: Workshop, connection: Connection) -> Channels:
    """Channels to the workshop's address, at one of which at least a backend is ready.

    Raises `ModelUnavailable` where none is, unless the connection is not `required`; `BadConfiguration` for an address
    or options that cannot work, or a token that is not accepted.
    """
    line = make_line(workshop.address, connection)
    model = _model(connection)
    with ThreadPoolExecutor(len(line.addresses), thread_name_prefix="reaching") as threads:
        found = list(threads.map(lambda address: _look(line, address, model), line.addresses))
    absent = [place.problem for place in found if place.problem]
    if connection.required and len(absent) == len(found):
        raise absent[0]
    for problem in absent:
        log.warning("a backend is away", problem=str(problem))
    unwatched = frozenset(place.address for place in found if place.unwatched)
    return Channels(replace(line, unwatched=unwatched))


def ask_once(workshop: Workshop, connection: Connection, name: str, request: Any) -> Any:
    """The answer of the first address that gives one to the unary call `name`, while no event loop is there yet.

    Raises `ModelUnavailable` where none does.
    """
    line = make_line(workshop.address, connection)
    problem: RpcError | None = None
    for address in line.addresses:
        with _channel(line, address) as channel:
            stub: Any = rpc.BackendStub(channel)  # type: ignore[no-untyped-call]  # generated
            try:
                return getattr(stub, name)(request, **_options(connection))
            except RpcError as refused:
                problem = refused
    assert problem
    raise ModelUnavailable(
        f"the backend at {workshop.address} does not answer '{name}' ({_code(problem).name})"
    ) from problem


@dataclass(frozen=True, slots=True)
class _Found:
    """What is at one address."""

    address: str
    problem: ModelUnavailable | None = None
    unwatched: bool = False
    """Whether it has no health service."""


def _look(line: Line, address: str, model: pb.ModelOptions | None) -> _Found:
    with _channel(line, address) as channel:
        stub: Any = rpc.BackendStub(channel)  # type: ignore[no-untyped-call]  # generated
        try:
            unwatched = not _serves(channel, address, line.connection.start_timeout_s)
            if unwatched:
                stub.Health(pb.HealthMessage(), **_options(line.connection))
            _show_token(stub, address, line.connection)
            if model:
                _load(stub, address, line.connection, model)
        except ModelUnavailable as problem:
            return _Found(address, problem)
        except RpcError as problem:
            return _Found(address, _absence(channel, address, problem))
    return _Found(address, unwatched=unwatched)


def _serves(channel: grpc.Channel, address: str, timeout_s: float) -> bool:
    """Return once the health service says so; False where there is no such service."""
    request = health_pb2.HealthCheckRequest(service=SERVICE.full_name)
    health: Any = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(request, timeout=timeout_s, wait_for_ready=True)
    told = None
    try:
        for told in watch:
            if told.status == _SERVING:
                return True
    except RpcError as problem:
        if _code(problem) is StatusCode.UNIMPLEMENTED:
            return False
        if told:
            raise ModelUnavailable(f"the backend at {address} is there, but not ready to serve") from problem
        raise
    finally:
        watch.cancel()
    raise ModelUnavailable(f"the backend at {address} does not tell whether it is ready to serve")


def _show_token(stub: Any, address: str, connection: Connection) -> None:
    """Health is told to anybody; what is not shows whether the token is right."""
    try:
        stub.Status(pb.HealthMessage(), **_options(connection))
    except RpcError as problem:
        if _code(problem) in _NO_TOKEN:
            raise BadConfiguration(f"the backend at {address} does not accept the token (option `token`)") from problem


def _load(stub: Any, address: str, connection: Connection, model: pb.ModelOptions) -> None:
    result = stub.LoadModel(model, **_options(connection))
    if not result.success:
        raise ModelUnavailable(f"the backend at {address} cannot load the model of option `load`: {result.message}")


def _model(connection: Connection) -> pb.ModelOptions | None:
    try:
        return ParseDict(connection.load, pb.ModelOptions()) if connection.load else None
    except ParseError as problem:
        raise BadConfiguration(f"option `load` is no ModelOptions: {problem}") from problem


def _absence(channel: grpc.Channel, address: str, problem: RpcError) -> ModelUnavailable:
    """Why nothing answers: only a call that does not wait is told why there is no connection."""
    reason = ""
    if _code(problem) is StatusCode.DEADLINE_EXCEEDED:
        health: Any = health_pb2_grpc.HealthStub(channel)
        try:
            health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        except RpcError as again:
            reason = f": {again.details()}" if _code(again) is StatusCode.UNAVAILABLE else ""
    return ModelUnavailable(f"no backend can be reached at {address} ({_code(problem).name}{reason})")


def _code(problem: RpcError) -> StatusCode:
    """Every error of a call is a call, and has a code; the library's types do not say so."""
    code: StatusCode = problem.code()
    return code


def _options(connection: Connection) -> dict[str, Any]:
    return {"timeout": connection.start_timeout_s, "metadata": connection.metadata or None}


@contextmanager
def _channel(line: Line, address: str) -> Iterator[grpc.Channel]:
    if line.credentials:
        channel = grpc.secure_channel(address, line.credentials, line.arguments)
    else:
        channel = grpc.insecure_channel(address, line.arguments)
    with channel:
        yield channel
