"""What holds for every call: how many there may be, how long each may take, and how it ends when something fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeAlias

import structlog
from grpc import StatusCode
from grpc.aio import EOF, ServicerContext

from realtime.backend.clients import Client, client_of
from realtime.backend.statuses import Trailing, status_of, trailing_of
from realtime.errors import RealtimeError
from realtime.settings import GrpcSettings

log = structlog.get_logger(__name__)

Context: TypeAlias = ServicerContext[Any, Any]

Unary: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Answers a message with a message."""
Streaming: TypeAlias = Callable[[Any], AsyncGenerator[Any, None]]
"""Answers a message with messages."""
Send: TypeAlias = Callable[[Any], Awaitable[None]]
"""Sends a message, and waits while the client's network is slow."""
TwoWay: TypeAlias = Callable[[AsyncIterator[Any], Send], Awaitable[None]]
"""Answers messages with messages. No generator: it may have tasks that go on while nothing is sent."""


FIRST_MESSAGE_S = 20.0
"""A two-way stream whose client says nothing at all ends after this: it holds a place."""


class _TooMany(Exception):
    """No further call can be taken now."""


@dataclass(slots=True)
class _Room:
    """For so many calls of a kind at once, and so many of one client; settings `max_` and the kind say how many."""

    kind: str
    limit: int
    limit_each: int
    taken: int = 0
    _taken_by: Counter[Client] = field(default_factory=Counter)

    @contextmanager
    def place(self, client: Client) -> Iterator[None]:
        """One of them for as long as the context lasts. Raises `_TooMany` when none is left, or none for `client`."""
        if self.taken >= self.limit:
            raise _TooMany(
                f"{self.taken} {self.kind} are going on already (setting 'grpc.max_{self.kind}'); try again later."
            )
        if self._taken_by[client] >= self.limit_each:
            raise _TooMany(
                f"{self._taken_by[client]} {self.kind} of this client are going on already "
                f"(setting 'grpc.max_{self.kind}_per_client'); end one, or try again later."
            )
        self.taken += 1
        self._taken_by[client] += 1
        try:
            yield
        finally:
            self.taken -= 1
            self._taken_by[client] -= 1
            if not self._taken_by[client]:
                del self._taken_by[client]  # whoever is gone is forgotten


class Calls:
    """Answers calls by functions that know nothing of gRPC. Belongs to one event loop."""

    def __init__(self, settings: GrpcSettings, *, keyed: bool = False) -> None:
        """`keyed` says that whoever calls has shown a key that the operator knows."""
        self._keyed = keyed
        self._deadline_s = settings.deadline_s
        self._idle_s = settings.idle_stream_s
        self._calls = _Room("calls", settings.max_calls, settings.max_calls)
        each = settings.max_streams_per_client or settings.max_streams
        self._streams = _Room("streams", settings.max_streams, each)

    @property
    def going_on(self) -> int:
        """Calls and streams that are being answered."""
        return self._calls.taken + self._streams.taken

    def unary(self, name: str, answer: Unary, *, counted: bool = True) -> Callable[[Any, Context], Awaitable[Any]]:
        """As gRPC calls it. The client's cancelling cancels `answer`. What is not `counted` always has room."""

        async def answered(request: Any, context: Context) -> Any:
            result: Any = None

            async def work() -> None:
                nonlocal result
                async with asyncio.timeout(self._deadline_s):
                    result = await answer(request)

            await self._watched(name, context, self._calls if counted else None, work)
            return result

        return answered

    def streaming(self, name: str, answer: Streaming) -> Callable[[Any, Context], Awaitable[None]]:
        """As gRPC calls it. The client's cancelling closes what `answer` has begun."""

        async def answered(request: Any, context: Context) -> None:
            async def work() -> None:
                async with asyncio.timeout(self._deadline_s), aclosing(answer(request)) as replies:
                    async for reply in replies:
                        await context.write(reply)

            await self._watched(name, context, self._calls, work)

        return answered

    def two_way(self, name: str, answer: TwoWay) -> Callable[[Any, Context], Awaitable[None]]:
        """As gRPC calls it. What fails ends the stream at once, whether or not the client has said all it wants."""

        async def answered(_: Any, context: Context) -> None:
            async def work() -> None:
                async with asyncio.timeout(min(FIRST_MESSAGE_S, self._idle_s)) as patience:

                    async def send(reply: Any) -> None:
                        await context.write(reply)
                        self._wait_anew(patience)

                    async with aclosing(_heard(context, lambda: self._wait_anew(patience))) as heard:
                        await answer(heard, send)

            await self._watched(name, context, self._streams, work)

        return answered

    def _wait_anew(self, patience: asyncio.Timeout) -> None:
        if not patience.expired():
            patience.reschedule(asyncio.get_running_loop().time() + self._idle_s)

    async def _watched(
        self, name: str, context: Context, room: _Room | None, work: Callable[[], Awaitable[None]]
    ) -> None:
        began_s, status, message = perf_counter(), StatusCode.CANCELLED, ""
        trailing: Trailing = ()
        try:
            client = client_of(context.peer(), context.invocation_metadata() or (), keyed=self._keyed)
            with room.place(client) if room else nullcontext():
                await work()
            status = StatusCode.OK
        except _TooMany as full:
            status, message = StatusCode.RESOURCE_EXHAUSTED, str(full)
        except TimeoutError:
            status, message = StatusCode.DEADLINE_EXCEEDED, f"'{name}' took, or was silent for, too long."
        except RealtimeError as problem:
            status, message, trailing = status_of(problem), str(problem), trailing_of(problem)
        except Exception:
            # The outermost frame of a call: a bug ends this one, is logged whole, and harms no other.
            log.exception("call broke off", call=name)
            status, message = StatusCode.INTERNAL, f"'{name}' failed; the server's log says why."
        finally:
            log.debug("call ended", call=name, status=status.name, took_ms=round((perf_counter() - began_s) * 1000))
        if status is not StatusCode.OK:
            await context.abort(status, message, trailing)


async def _heard(context: Context, heard: Callable[[], None]) -> AsyncGenerator[Any, None]:
    """What the client says until it has said all."""
    while (request := await context.read()) is not EOF:
        heard()
        yield request
