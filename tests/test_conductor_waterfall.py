"""Where the time of an answer goes: whole conversations in which every stage takes as long as the test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from realtime.audio import Audio, Pcm
from realtime.conductor.meter import NoMeter
from realtime.conductor.waterfall import Stopwatch
from realtime.engines.base import AnswerPart, CallWhole, Listening, Prompt, Segment, Speaking, ToolCallPart, Urgency
from realtime.engines.queueing import Queueing
from realtime.engines.scheduler import Scheduler
from realtime.pipeline.moments import Moment, Moments
from realtime.protocol.server_events import ResponseObject
from realtime.protocol.timing import Waterfall
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, HandClock, fake_engines, quiet, voice
from tests.protocol.effort import examples

ENDPOINT_MS = 512
"""The first silence of whole windows, 32 ms each, that is as long as `server_vad` wants it: 500 ms."""


class Timed:
    """An engine takes its time on this clock, which it is given when there is one."""

    clock: HandClock


class Ears(Timed, FakeTranscriber):
    """Understands after 70 ms."""

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        await self.clock.sleep(0.07)
        async with aclosing(super().transcribe(speech, listening)) as segments:
            async for segment in segments:
                yield segment


class Mind(Timed, FakeChat):
    """Has a first word after 50 ms and each other after 10."""

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        await self.clock.sleep(0.04)
        async with aclosing(super().answer(prompt)) as parts:
            async for part in parts:
                await self.clock.sleep(0.01)
                yield part


class Mouth(Timed, FakeSynthesizer):
    """Says a sentence 30 ms after it has it."""

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        await self.clock.sleep(0.03)
        async with aclosing(super().speak(text, speaking)) as parts:
            async for part in parts:
                yield part


class Counts(NoMeter):
    """A meter that remembers."""

    def __init__(self) -> None:
        self.waterfalls: list[Waterfall] = []
        self.endings: list[str] = []

    def turn_answered(self, waterfall: Waterfall) -> None:
        self.waterfalls.append(waterfall)

    def response_ended(self, response: ResponseObject) -> None:
        self.endings.append(response.status)


class Talk(Dialogue):
    """A conversation with engines that take their time, and somebody who counts."""

    def __init__(self, *, ears: Ears | None = None, mind: Mind | None = None) -> None:
        ears, mind, mouth = ears or Ears(), mind or Mind(), Mouth()
        self.counts = Counts()
        super().__init__(fake_engines(transcriber=ears, chat=mind, synthesizer=mouth), meter=self.counts)
        ears.clock = mind.clock = mouth.clock = self.clock

    async def includes_timing(self, **session: Any) -> None:
        """Ask where the time goes."""
        await self.asks("session.update", session={"type": "realtime", "include": ["response.timing"], **session})

    @property
    def waterfall(self) -> Waterfall:
        """The only one there was."""
        (waterfall,) = self.counts.waterfalls
        return waterfall


def stages(waterfall: Waterfall) -> dict[str, float | None]:
    """Each stage, without the total."""
    fields: dict[str, Any] = msgspec.structs.asdict(waterfall)
    del fields["total_ms"], fields["speculated"]
    return fields


def adds_up(waterfall: Waterfall) -> bool:
    """Whether the stages make the total."""
    return sum(stage or 0.0 for stage in stages(waterfall).values()) == pytest.approx(waterfall.total_ms)


# --- turns -------------------------------------------------------------------------------------------------------


async def test_a_turn_is_answered_stage_by_stage() -> None:
    """From the last voiced sample, through everything that takes time, to the first sound."""
    async with Talk() as talk:
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(1)
        assert stages(talk.waterfall) == {
            "endpoint_ms": ENDPOINT_MS,
            "transcription_ms": 70.0,
            "queueing_ms": 0.0,
            "first_token_ms": 50.0,
            "first_sentence_ms": 10.0,
            "first_sound_ms": 30.0,
            "send_ms": 0.0,
        }
        assert talk.waterfall.total_ms == ENDPOINT_MS + 160
        assert not talk.waterfall.speculated
        first = next(told for told in talk.told if told.event["type"] == "response.output_audio.delta")
        assert first.at_s == pytest.approx(0.16)


async def test_a_network_that_is_slow_to_take_the_first_sound_is_a_stage_of_its_own() -> None:
    async with Talk() as talk:
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(0.14)
        talk.reading.clear()
        await talk.goes_on(0.1)
        talk.reading.set()
        await talk.goes_on()
        assert talk.waterfall.send_ms == pytest.approx(80)
        assert adds_up(talk.waterfall)


async def test_waiting_for_an_engine_that_is_busy_with_others_is_queueing() -> None:
    """And no part of the stage that had to wait."""
    scheduler, others, its_turn = Scheduler(1), threading.Event(), asyncio.Event()

    class Queued(Ears):
        async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
            await scheduler.run(lambda: None, Urgency.FINAL)
            its_turn.set()
            async with aclosing(super().transcribe(speech, listening)) as segments:
                async for segment in segments:
                    yield segment

    async with Talk(ears=Queued()) as talk:
        occupied = await scheduler.start(others.wait, Urgency.FINAL)
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(0.2)
        others.set()
        await occupied
        async with asyncio.timeout(10):
            await its_turn.wait()
        await talk.goes_on(1)
        scheduler.close()
        found = stages(talk.waterfall)
        assert (found["queueing_ms"], found["transcription_ms"], found["first_token_ms"]) == (200, 70, 50)
        assert adds_up(talk.waterfall)


async def test_what_was_ready_before_the_turn_was_over_has_cost_the_user_nothing() -> None:
    """The words, the model's answer and its first sound came while the user was silent."""
    async with Talk() as talk:
        await talk.says(quiet(512), voice(768), quiet(160))
        await talk.goes_on(0.3)
        assert talk.counts.waterfalls == []
        await talk.says(quiet(480))
        assert talk.waterfall.speculated
        assert talk.waterfall.total_ms == talk.waterfall.endpoint_ms == ENDPOINT_MS


async def test_what_was_half_ready_costs_the_rest() -> None:
    """The model had been asked 30 ms before the turn was over."""
    async with Talk() as talk:
        await talk.says(quiet(512), voice(768), quiet(160))
        await talk.goes_on(0.1)
        await talk.says(quiet(480))
        await talk.goes_on(1)
        found = stages(talk.waterfall)
        assert found["transcription_ms"] == found["queueing_ms"] == 0
        assert (found["first_token_ms"], found["first_sentence_ms"], found["first_sound_ms"]) == (20, 10, 30)
        assert talk.waterfall.speculated
        assert adds_up(talk.waterfall)


async def test_a_turn_that_the_client_ends_has_no_silence_to_wait_for() -> None:
    """Time begins when the client asks for the answer."""
    async with Talk() as talk:
        await talk.tunes(turn_detection=None)
        await talk.says(voice(768))
        await talk.asks("input_audio_buffer.commit")
        await talk.goes_on(0.02)
        await talk.asks("response.create")
        await talk.goes_on(1)
        found = stages(talk.waterfall)
        assert found["endpoint_ms"] is None
        assert found["transcription_ms"] == pytest.approx(50)
        assert talk.waterfall.total_ms == pytest.approx(140)


async def test_an_answer_in_writing_has_no_stages_of_a_voice() -> None:
    async with Talk() as talk:
        await talk.includes_timing(output_modalities=["text"])
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(1)
        found = stages(talk.waterfall)
        assert found["first_sentence_ms"] is found["first_sound_ms"] is None
        assert talk.waterfall.total_ms == ENDPOINT_MS + 120
        names = talk.names_since("response.output_text.delta")
        assert names.count("response.timing") == 0  # it came after the first of several pieces
        assert len(talk.all("response.timing")) == 1


async def test_each_answer_is_timed_by_itself() -> None:
    async with Talk() as talk:
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(5)
        await talk.says(voice(768), quiet(576))
        await talk.goes_on(5)
        first, second = talk.counts.waterfalls
        assert first == second


# --- what is no answer -------------------------------------------------------------------------------------------


async def test_a_call_of_a_tool_is_not_timed_and_what_follows_it_is() -> None:
    """The user hears nothing of the call. The next answer is asked for by the client, and timed from there."""
    call = (ToolCallPart(index=0, call_id="call_1", name="dance", arguments="{}"), CallWhole(index=0))
    dance = {"type": "function", "name": "dance", "parameters": {"type": "object"}}
    async with Talk(mind=Mind([call, "Done. It is."])) as talk:
        await talk.includes_timing(tools=[dance])
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(1)
        assert talk.response["status"] == "completed"
        assert talk.counts.waterfalls == []
        item = {"type": "function_call_output", "call_id": "call_1", "output": "yes"}
        await talk.asks("conversation.item.create", item=item)
        await talk.asks("response.create")
        await talk.goes_on(1)
        assert talk.waterfall.endpoint_ms is None
        assert talk.waterfall.total_ms == pytest.approx(90)


async def test_an_answer_that_was_stopped_before_it_was_heard_is_not_timed() -> None:
    """Nor is there anything left of it for the next."""
    async with Talk() as talk:
        await talk.includes_timing()
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(0.1)
        await talk.says(voice(768))
        assert talk.response["status"] == "cancelled"
        await talk.says(quiet(576))
        await talk.goes_on(1)
        assert talk.waterfall.total_ms == ENDPOINT_MS + 160
        assert len(talk.all("response.timing")) == 1
        assert talk.counts.endings[0] == "cancelled"


async def test_an_answer_that_fails_is_not_timed() -> None:
    async with Talk(mind=Mind(["", RuntimeError("broken")])) as talk:
        for _ in range(2):
            await talk.says(quiet(512), voice(768), quiet(576))
            await talk.goes_on(1)
        assert talk.counts.waterfalls == []
        assert talk.counts.endings == ["completed", "failed"]


# --- who is told -------------------------------------------------------------------------------------------------


async def test_the_client_is_told_right_after_the_first_sound() -> None:
    """What the meter is told, too; of the answer, and of the item that it is."""
    async with Talk() as talk:
        await talk.includes_timing()
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(5)
        told = talk.last("response.timing")
        assert told["timing"] == msgspec.to_builtins(talk.waterfall)
        first = next(event for event in talk.events if event["type"] == "response.output_audio.delta")
        assert talk.events[talk.events.index(first) + 1] == told
        assert (told["response_id"], told["item_id"]) == (first["response_id"], first["item_id"])


async def test_a_client_that_did_not_ask_is_not_told() -> None:
    async with Talk() as talk:
        await talk.says(quiet(512), voice(768), quiet(576))
        await talk.goes_on(5)
        assert talk.waterfall
        assert talk.all("response.timing") == []


async def test_the_log_has_the_stages_and_nobodys_words() -> None:
    with capture_logs() as lines:
        async with Talk() as talk:
            await talk.says(quiet(512), voice(768), quiet(576))
            await talk.goes_on(5)
            (line,) = [line for line in lines if line["event"] == "turn answered"]
            assert line["response"] == talk.response["id"]
            assert {name: line[name] for name in stages(talk.waterfall)} == stages(talk.waterfall)
            assert line["total_ms"] == talk.waterfall.total_ms
    assert not [line for line in lines if "Paris" in str(line) or "France" in str(line)]


# --- whatever comes when -----------------------------------------------------------------------------------------

POINTS: tuple[Moment, ...] = ("asked", "token", "sentence", "sound")
WAITS = st.lists(st.floats(0, 5), min_size=4, max_size=4)


@examples
@given(waits_s=WAITS, decided_after=st.integers(0, 4), silence_ms=st.none() | st.integers(0, 3000), to_s=WAITS)
async def test_the_stages_add_up_whenever_the_turn_was_decided(
    waits_s: list[float], decided_after: int, silence_ms: int | None, to_s: list[float]
) -> None:
    """Before the model was asked, after the first sound, or anywhere between: none is less than nothing."""
    clock = HandClock()
    queueing = Queueing(clock.now_s)
    stopwatch, moments = Stopwatch(clock, NoMeter(), queueing), Moments(clock)
    for index, point in enumerate(POINTS):
        if index == decided_after:
            stopwatch.created("resp_1", silence_ms)
            with queueing.noted():
                await clock.advance(to_s[0])
            stopwatch.known("resp_1")
        await clock.advance(waits_s[index])
        moments.reach(point)
    if decided_after == len(POINTS):
        stopwatch.created("resp_1", silence_ms)
        stopwatch.known("resp_1")
    stopwatch.made("resp_1", moments)
    await clock.advance(to_s[1])
    waterfall = stopwatch.sent("resp_1")
    assert waterfall
    assert adds_up(waterfall)
    assert min(stage for stage in stages(waterfall).values() if stage is not None) >= 0
    assert waterfall.send_ms == pytest.approx(to_s[1] * 1000, abs=0.001)
    assert stopwatch.sent("resp_1") is None
