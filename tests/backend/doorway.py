"""A real gRPC server on a free loopback port, and clients made of the project's own contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import ExitStack
from typing import Any, Self

import grpc
import pytest

from realtime.backend.door import Door
from realtime.backend.pb import backend_pb2_grpc as rpc
from realtime.backend.premises import Premises
from realtime.keys import Keyring
from tests.blocking import no_blocking_calls
from tests.dialogue import nothing_left_over

PATIENCE_S = 5


class Doorway:
    """A door for as long as the context lasts; leaving it must leave nothing behind.

    A call that would hold the event loop up, made anywhere below our own code, raises instead.
    """

    def __init__(self, premises: Premises, *keys: str) -> None:
        self._door = Door(premises, Keyring(keys))
        self._stack = ExitStack()

    async def __aenter__(self) -> Self:
        self._stack.enter_context(nothing_left_over())
        self._others = asyncio.all_tasks()
        self.address = await self._door.open()
        await self._door.tell(serving=True)
        self.channel = grpc.aio.insecure_channel(self.address)
        self.stub = stub_of(self.channel)
        self._stack.enter_context(no_blocking_calls())
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await self.channel.close()
        await self._door.close(grace_s=0)
        if closing := asyncio.all_tasks() - self._others:  # gRPC cancels what is left, and does not wait for it
            await asyncio.wait(closing, timeout=PATIENCE_S)
        self._stack.__exit__(*failure)

    @property
    def going_on(self) -> int:
        """Calls that are being answered."""
        return self._door.calls.going_on


def stub_of(channel: grpc.aio.Channel) -> Any:
    """The service's calls over that channel; generated code has no types for them."""
    return rpc.BackendStub(channel)  # type: ignore[no-untyped-call]


async def refusal(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    """Status and message with which a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code(), refused.value.details() or ""
