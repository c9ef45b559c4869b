"""The same client at the other end of a real WebSocket: the whole server in this process, with scripted engines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from websockets.asyncio.client import ClientConnection, connect

from realtime.server.dialects import BETA_HEADER_VALUE
from tests.fuzz.events import DialectName, Saying, bursts
from tests.fuzz.explore import FUZZING, explore
from tests.fuzz.ledger import Ledger, is_about
from tests.fuzz.test_conversations import DIALECTS
from tests.protocol.beta_contract import check_beta_event
from tests.protocol.contract import check_event
from tests.server.house import PATIENCE_S, QUESTION, House

pytestmark = pytest.mark.usefixtures("server_logs")

HEADERS: dict[DialectName, dict[str, str]] = {"ga": {}, "beta": {"OpenAI-Beta": BETA_HEADER_VALUE}}
CHECKS = {"ga": check_event, "beta": check_beta_event}


class MadCaller:
    """A client that has lost its mind, on the line."""

    def __init__(self, line: ClientConnection, dialect: DialectName) -> None:
        self._line = line
        self._dialect = dialect
        self._fences = 0

    async def blurts(self, burst: list[Saying]) -> None:
        """Send all of that, and see that each was handled."""
        ledger = Ledger(DIALECTS[self._dialect])
        for index, saying in enumerate(burst):
            text = saying.text(f"mad_{self._fences}_{index}")
            ledger.sends(text)
            await self._line.send(text)
        self._fences += 1
        name = f"fence_{self._fences}"
        await self._line.send(b"\x00")
        await self._line.send(json.dumps({"type": "fence", "event_id": name}))
        told = await self._hears(name)
        binary = next(place for place in reversed(range(len(told))) if told[place]["type"] == "error")
        assert told[binary]["error"]["code"] == "invalid_event"
        ledger.check(told[:binary] + told[binary + 1 :])

    async def _hears(self, name: str) -> list[dict[str, Any]]:
        """All that is told before the error about the event of that name."""
        told: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE_S):
            while not (told and is_about(told[-1], name)):
                told.append(CHECKS[self._dialect](str(await self._line.recv())))
        return told[:-1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mad_client_disturbs_neither_the_server_nor_anybody_else(dialect: DialectName) -> None:
    """Another client has its turn as ever, while that one is still there and when it has gone."""

    async def converse(said: list[tuple[list[Saying], float]]) -> None:
        async with House() as house, house.call() as other:
            options: dict[str, Any] = {"proxy": None, "max_size": None, "additional_headers": HEADERS[dialect]}
            async with connect(house.door, **options) as line:
                caller = MadCaller(line, dialect)
                for burst, _ in said:
                    await caller.blurts(burst)
                assert await other.asks(*QUESTION)
            await house.holds(1)
            assert await other.asks(*QUESTION)

    @FUZZING
    @given(bursts(dialect))
    def holds(said: list[tuple[list[Saying], float]]) -> None:
        asyncio.run(converse(said))

    explore(holds, share=1 / 6)
