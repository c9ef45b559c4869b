"""Calls to one backend, or to several that do the same.

Each address has a channel. gRPC itself watches the health of each by the standard health service, so an address that
is down, or says it is not serving, is known before it is asked, and is asked again as soon as it is back; a backend
without that service counts as healthy while it is connected. Of the healthy ones the least busy gets the next call. One
that let a call run out without a word is asked last for a while: its machine may have vanished, which nobody tells.

A call that is refused as unavailable, or for having too much to do, before anything of its answer has come is tried
at each other address once: nothing has been said or written yet, so nothing is doubled. Later it fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode
from grpc.aio import EOF, AioRpcError, Metadata

from realtime.backend.remote.connection import Line
from realtime.backend.remote.places import SERVICE, Attempts, Place, Places
from realtime.backend.remote.refusals import MASK, refusal

_Call: TypeAlias = Any
"""A call of grpc.aio's: the types differ by kind, and what reads and writes on all of them has no name."""


_OF_THE_CALL = frozenset(
    {
        StatusCode.UNIMPLEMENTED,
        StatusCode.UNAUTHENTICATED,
        StatusCode.PERMISSION_DENIED,
        StatusCode.RESOURCE_EXHAUSTED,
        StatusCode.UNAVAILABLE,
    }
)
"""Refusals of a call, whatever is said in it."""


class TwoWay:
    """A stream that both sides talk on, bound to one address. Made by `Channels.two_way`."""

    def __init__(self, method: Callable[..., _Call], name: str, address: str, attempts: Attempts) -> None:
        self.call = method(**attempts.options())
        self.address = address
        self._method = method
        self._name = name
        self._attempts = attempts
        self._begun = False
        """Whether the backend has said anything."""
        self.greeting: Any = None
        """What the backend has said first, where it was waited for; `EOF` if it had nothing to say."""

    async def send(self, *messages: Any) -> None:
        """Say them; waits while the backend does not read. Raises as `replies` does. Cancelling ends the stream."""
        async with self._told():
            await _say(self.call, messages)

    async def end(self) -> None:
        """Say that this was all. Cancelling ends the stream."""
        async with self._told():
            await _end(self.call)

    async def replies(self) -> AsyncGenerator[Any, None]:
        """What the backend says, to its end. Raises `EngineFailed` when it fails. Cancelling ends the stream."""
        while True:
            async with self._told():
                reply = await self.read()
            if reply is EOF:
                return
            yield reply

    async def read(self) -> Any:
        """The next that the backend says, or `EOF`; raises gRPC's own errors."""
        reply = await _read(self.call)
        self._begun = True
        self._attempts.hear()
        return reply

    def again(self) -> _Call:
        """The same call once more, for a glance at how it is taken."""
        return self._method(**self._attempts.options(self._attempts.glance_s))

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        try:
            yield
        except AioRpcError as problem:
            truth = await _unmasked(problem, self.again)
            self._attempts.lose(truth, begun=self._begun)
            raise refusal(truth, self.address, self._name) from truth


class Channels:
    """The calls of `Backend` by their names, at the best of a line's addresses. Belongs to one event loop.

    Nothing is connected before the first call. With `raw`, messages are bytes, both ways. Every error of a call is an
    `EngineFailed`, or one of its kinds, and has gRPC's own as its cause.
    """

    def __init__(self, line: Line, *, raw: bool = False) -> None:
        self.addresses = ", ".join(line.addresses)
        """All of them, for people."""
        self._deadline_s = line.connection.deadline_s
        self._raw = raw
        self._places = Places(line)

    async def unary(self, name: str, request: Any, *, deadline_s: float | None = None) -> Any:
        """The answer to `request`. Raises `EngineFailed`. Cancelling cancels the work far away.

        `deadline_s`, or else the line's own, is how long all tries together may take.
        """
        attempts = Attempts(self._places, name, self._deadline_s if deadline_s is None else deadline_s)
        while True:
            with attempts.next() as place:
                try:
                    with _not_our_cancelling():
                        answer = await self._method(place, name)(request, **attempts.options())
                    attempts.hear()
                    return answer
                except AioRpcError as problem:
                    await attempts.may_go_on(problem)

    async def streaming(self, name: str, request: Any, *, deadline_s: float | None = None) -> AsyncGenerator[Any, None]:
        """The answers to `request`; raises as `unary` does. Cancelling, or closing it, cancels the work far away."""
        attempts = Attempts(self._places, name, self._deadline_s if deadline_s is None else deadline_s)
        begun = False
        while True:
            with attempts.next() as place:
                call = self._method(place, name)(request, **attempts.options())
                try:
                    while (reply := await _read(call)) is not EOF:
                        begun = True
                        attempts.hear()
                        yield reply
                    return
                except AioRpcError as problem:
                    await attempts.may_go_on(problem, begun=begun)
                finally:
                    call.cancel()

    @asynccontextmanager
    async def two_way(
        self, name: str, *opening: Any, greeted: bool = False, deadline_s: float | None = None
    ) -> AsyncIterator[TwoWay]:
        """A two-way stream that begins with saying `opening`: for as long as the context lasts; leaving it cancels
        what goes on far away.

        With `greeted` the backend speaks first, and its greeting is waited for: while it has not come, another address
        may be tried. Without `deadline_s` it may last for ever. Raises `EngineFailed` when no address takes the
        stream. Cancelling ends it.
        """
        attempts = Attempts(self._places, name, deadline_s)
        while True:
            with attempts.next() as place:
                stream = TwoWay(self._method(place, name), name, place.address, attempts)
                try:
                    if await _begun(stream, opening, attempts, greeted=greeted):
                        yield stream
                        return
                finally:
                    stream.call.cancel()

    async def close(self) -> None:
        """Close the channels; calls that go on are cancelled. Cancelling leaves some open."""
        await self._places.close()

    def _method(self, place: Place, name: str) -> Any:
        method = SERVICE.methods_by_name[name]
        sides = method.client_streaming, method.server_streaming
        kind = "_".join("stream" if streams else "unary" for streams in sides)
        coding: dict[str, Any] = {}
        if not self._raw:
            coding["request_serializer"] = GetMessageClass(method.input_type).SerializeToString
            coding["response_deserializer"] = GetMessageClass(method.output_type).FromString
        return getattr(place.channel, kind)(f"/{SERVICE.full_name}/{name}", **coding)


async def _begun(stream: TwoWay, opening: Sequence[Any], attempts: Attempts, *, greeted: bool) -> bool:
    """Whether the other side takes the stream; if not, it may be tried elsewhere."""
    try:
        with _not_our_cancelling():
            await stream.call.wait_for_connection()
        await _say(stream.call, opening)
        if greeted:
            stream.greeting = await stream.read()
    except AioRpcError as problem:
        await attempts.may_go_on(await _unmasked(problem, stream.again))
        return False
    return True


async def _say(call: _Call, messages: Sequence[Any]) -> None:
    for message in messages:
        try:
            with _not_our_cancelling():
                await call.write(message)
        except asyncio.InvalidStateError:  # the call is over: how it ended is told to whoever reads
            return


async def _unmasked(problem: AioRpcError, again: Callable[[], _Call]) -> AioRpcError:
    """How a two-way stream really ended that was over when it was written to.

    gRPC takes such a write for an internal error, and never tells what the other side said. Where that would be said
    again of the same call without a word in it, it is found out so.
    """
    if problem.details() != MASK:
        return problem
    call = again()
    try:
        with _not_our_cancelling():
            await call.wait_for_connection()
            await call.done_writing()
            await call.read()
    except AioRpcError as told:
        return told if told.code() in _OF_THE_CALL else problem
    finally:
        call.cancel()
    return problem


async def _end(call: _Call) -> None:
    if not call.done():
        with _not_our_cancelling():
            await call.done_writing()


async def _read(call: _Call) -> Any:
    with _not_our_cancelling():
        return await call.read()


@contextmanager
def _not_our_cancelling() -> Iterator[None]:
    """gRPC raises `CancelledError` also where it was the other side that cancelled: our task goes on then."""
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
        raise AioRpcError(StatusCode.CANCELLED, Metadata(), Metadata(), "cancelled") from None
