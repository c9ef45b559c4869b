"""What another machine answers in place of an answer, as our errors.

A status's text may hold what somebody said, so none of it is passed on: the code and the address say enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata

from realtime.backend.statuses import ERROR_CODE
from realtime.errors import ContextTooLong, EngineBusy, EngineFailed, NotServed

_TOO_LONG = re.compile(r"context.{0,20}(size|length|window)", re.IGNORECASE)
"""How backends that give no code say it."""


MASK = "Internal error from Core"
"""What gRPC tells of a stream that was over when it was written to, in place of what the other side has said."""


class NotOffered(EngineFailed, NotServed):
    """The backend has no such call."""


class Unreachable(EngineFailed):
    """The backend is not there, or no longer."""


_REFUSALS: Mapping[StatusCode, tuple[Callable[[str], EngineFailed], str]] = MappingProxyType(
    {
        StatusCode.RESOURCE_EXHAUSTED: (EngineBusy, "has too much to do, or the message was too large"),
        StatusCode.UNIMPLEMENTED: (NotOffered, "does not offer '{call}'"),
        StatusCode.UNAUTHENTICATED: (EngineFailed, "does not accept the token (option `token`)"),
        StatusCode.PERMISSION_DENIED: (EngineFailed, "does not permit '{call}'"),
        StatusCode.DEADLINE_EXCEEDED: (EngineFailed, "did not answer '{call}' in time (option `deadline_s`)"),
        StatusCode.UNAVAILABLE: (Unreachable, "cannot be reached, or broke off the connection"),
        StatusCode.FAILED_PRECONDITION: (EngineFailed, "has not loaded what answers '{call}'"),
        StatusCode.CANCELLED: (EngineFailed, "broke '{call}' off"),
    }
)


def refusal(problem: AioRpcError, address: str, call: str) -> EngineFailed:
    """The error that tells of `problem`, which the backend at `address` answered `call` with."""
    code = code_of(problem)
    if code is StatusCode.INVALID_ARGUMENT and _is_too_long(problem):
        return ContextTooLong(f"the conversation is too long for the backend at {address}")
    kind, what = _REFUSALS.get(code, (EngineFailed, f"failed at '{{call}}' ({code.name})"))
    return kind(f"the backend at {address} {what.format(call=call)}")


def code_of(problem: AioRpcError) -> StatusCode:
    """The status, where `MASK` stands for a backend that is gone."""
    return StatusCode.UNAVAILABLE if problem.details() == MASK else problem.code()


def _is_too_long(problem: AioRpcError) -> bool:
    code = (problem.trailing_metadata() or Metadata()).get(ERROR_CODE)
    return code == ContextTooLong.code or (code is None and bool(_TOO_LONG.search(problem.details() or "")))
