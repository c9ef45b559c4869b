"""Whole conversations with a client that has lost its mind: the real conductor, session and wire, scripted engines.

Whatever it sends, nothing crashes and nothing is left over; each message is answered as it must be; what the client
is told is what OpenAI's library expects; and when it comes to its senses, it is answered as ever.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given

from realtime.engines.ensemble import Engines
from realtime.protocol import beta
from realtime.protocol.server_events import ServerEvent
from realtime.protocol.wire import UnreadableEvent
from realtime.server.dialects import BETA, GA, Dialect
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, fake_engines, quiet, voice
from tests.fuzz.events import DialectName, Saying, bursts
from tests.fuzz.explore import FUZZING, explore
from tests.fuzz.ledger import Ledger, is_about
from tests.protocol.beta_contract import check_beta_event
from tests.tools import FakeRemoteTools, call

PATIENCE_S = 20

DIALECTS: dict[DialectName, Dialect] = {"ga": GA, "beta": BETA}

CALM: dict[str, Any] = {
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
}
ATTENTIVE: dict[str, Any] = {
    "format": {"type": "audio/pcm", "rate": 24000},
    "noise_reduction": None,
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500, "create_response": True},
}
"""How the client wants to be listened to once it has come to its senses."""


class Madness(Dialogue):
    """A conversation in either dialect. What is told is checked in both where the client speaks the older one."""

    def __init__(self, dialect: DialectName, engines: Engines | None = None) -> None:
        chat = FakeChat(["Paris. It lies on the Seine.", call("get_weather", "{}"), call("boil", "{}"), "As you like."])
        super().__init__(engines or fake_engines(chat=chat), remote_tools=FakeRemoteTools())
        self._dialect = DIALECTS[dialect]
        self._fences = 0

    async def _hear(self, event: ServerEvent) -> None:
        if self._dialect is BETA:
            for text in beta.encode(event, lambda: "event_1"):
                check_beta_event(text)
        await super()._hear(event)

    async def blurts(self, burst: list[Saying]) -> None:
        """Send all of that, and see that each was handled."""
        ledger, before = Ledger(self._dialect), len(self.told)
        for index, saying in enumerate(burst):
            text = saying.text(f"mad_{self._fences}_{index}")
            ledger.sends(text)
            try:
                self._said.put_nowait(self._dialect.decode(text))
            except UnreadableEvent as problem:
                self._said.put_nowait(problem)
        until = await self.is_heard()
        ledger.check(self.events[before:until])

    async def is_heard(self) -> int:
        """Wait until everything sent so far was handled; how much the client had been told by then."""
        self._fences += 1
        name = f"fence_{self._fences}"
        self.send("fence", event_id=name)

        def passed() -> int | None:
            return next((place for place, event in enumerate(self.events) if is_about(event, name)), None)

        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(lambda: self.running.done() or passed() is not None)
        if self.running.done():
            await self.running
        place = passed()
        assert place is not None, "the conversation is over, and nobody has ended it"
        return place

    async def is_answered(self) -> None:
        """It comes to its senses, and has a turn like anybody else's."""
        begun = [event["session"]["type"] for event in self.events if event["type"].startswith("session.")]
        listens_only = begun[-1] == "transcription"
        self.send("response.cancel")
        self.send("input_audio_buffer.clear")
        calm = {} if listens_only else CALM
        self.send("session.update", session={"type": begun[-1], "audio": {"input": ATTENTIVE}, **calm})
        await self.is_heard()
        await self.goes_on(120)
        before = len(self.told)
        await self.says(quiet(512), voice(768), quiet(800))
        async with asyncio.timeout(PATIENCE_S):
            while not any(_ends_turn(event, listens_only) for event in self.events[before:]):
                await self.goes_on(1)


def _ends_turn(event: dict[str, Any], listens_only: bool) -> bool:
    if listens_only:
        return bool(event["type"] == "conversation.item.input_audio_transcription.completed")
    if event["type"] != "response.done" or event["response"]["conversation_id"] is None:
        return False
    assert event["response"]["status"] == "completed", event["response"]["status_details"]
    assert event["response"]["output"], "the answer is empty"
    return True


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_mad_client_is_told_what_is_wrong_and_answered_when_it_asks_properly(dialect: DialectName) -> None:
    """In both dialects."""

    async def converse(said: list[tuple[list[Saying], float]]) -> None:
        async with Madness(dialect) as client:
            for burst, pause_s in said:
                await client.blurts(burst)
                await client.goes_on(pause_s)
            await client.is_answered()

    @FUZZING
    @given(bursts(dialect))
    def holds(said: list[tuple[list[Saying], float]]) -> None:
        asyncio.run(converse(said))

    explore(holds, share=1 / 3)
