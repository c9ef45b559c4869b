"""Replies begun in the user's silence: kept if it was the end, and without a trace if it was not.

`speculative_reply` and `dropped_speculation` are scenarios of docs/flows.md.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from realtime.conductor.chat_replies import ChatReplies
from realtime.conductor.errands import Errands, Told
from realtime.conductor.meter import NoMeter
from realtime.conductor.playback import Playback
from realtime.conductor.replies import Replies
from realtime.conductor.waterfall import Stopwatch
from realtime.engines.base import ToolCallPart, Urgency
from realtime.engines.queueing import Queueing
from realtime.errors import EngineFailed
from realtime.pipeline.endpoint import HUSH_MS
from realtime.pipeline.pace import Gate
from realtime.protocol.config import PcmFormat
from realtime.protocol.effects import StartReply
from realtime.settings import ConversationSettings
from tests.dialogue import Dialogue
from tests.fakes import (
    FakeChat,
    FakeSynthesizer,
    FakeTranscriber,
    FakeTurnDetector,
    HandClock,
    fake_engines,
    quiet,
    settle,
    voice,
)
from tests.tools import WEATHER

pytestmark = pytest.mark.usefixtures("no_blocking")

STOPPED = "input_audio_buffer.speech_stopped"
PAUSE_MS = 320
"""Long enough for everything to be got ready, and too short to be the end of a turn."""


@dataclass
class Counter(NoMeter):
    """A meter that remembers."""

    kept: list[tuple[float, int]] = field(default_factory=list)
    dropped: list[tuple[float, int]] = field(default_factory=list)

    def speculation_kept(self, took_ms: float, tokens: int) -> None:
        self.kept.append((took_ms, tokens))

    def speculation_dropped(self, took_ms: float, tokens: int) -> None:
        self.dropped.append((took_ms, tokens))


async def pauses(client: Dialogue) -> None:
    """Speak, and fall silent for a moment."""
    await client.says(quiet(512), voice(768), quiet(PAUSE_MS))


async def ends(client: Dialogue) -> None:
    """Stay silent until the turn is over."""
    await client.says(quiet(500 - PAUSE_MS + 64))


async def test_speculative_reply() -> None:
    """What was got ready in the silence goes out as soon as the turn is over: nothing is heard, asked or said twice."""
    meter, transcriber, chat, synthesizer = Counter(), FakeTranscriber(), FakeChat(), FakeSynthesizer()
    engines = fake_engines(transcriber=transcriber, chat=chat, synthesizer=synthesizer)
    async with Dialogue(engines, meter=meter) as client:
        await pauses(client)
        assert client.names[-1] == "input_audio_buffer.speech_started"
        assert [prompt.urgency for prompt in chat.prompts] == [Urgency.SPECULATIVE]
        assert {speaking.urgency for _, speaking in synthesizer.spoken} == {Urgency.SPECULATIVE}
        spoken_ahead = [text for text, _ in synthesizer.spoken]
        await ends(client)
        assert client.all("response.output_audio.delta")
        assert [text for text, _ in synthesizer.spoken][: len(spoken_ahead)] == spoken_ahead
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."
        assert (len(transcriber.heard), len(chat.prompts)) == (1, 1)
        assert len(transcriber.heard[0]) == (512 + 768 + HUSH_MS - 212) * 16
    assert (len(meter.kept), meter.dropped) == (1, [])


async def test_dropped_speculation() -> None:
    """The user goes on: nobody is told, the model stops, and the reply is to all that was said."""
    meter, chat = Counter(), FakeChat(gate=asyncio.Event())
    transcriber = FakeTranscriber(["What is", "What is the capital of France?"])
    async with Dialogue(fake_engines(transcriber=transcriber, chat=chat), meter=meter) as client:
        await pauses(client)
        assert [prompt.messages[-1].text for prompt in chat.prompts] == ["What is"]
        told = len(client.events)
        await client.says(voice(320))
        assert (chat.stopped, len(client.events)) == (1, told)
        assert [tokens for _, tokens in meter.dropped] == [1]
        assert chat.gate
        chat.gate.set()
        await client.says(quiet(PAUSE_MS))
        await ends(client)
        await client.goes_on(5)
        assert [prompt.messages[-1].text for prompt in chat.prompts][1:] == ["What is the capital of France?"]
        (item,) = [event["item"] for event in client.all("conversation.item.done") if event["item"]["role"] == "user"]
        assert client.response["usage"]["total_tokens"] == 12 + 6
        assert item["id"] == client.last(STOPPED)["item_id"]
    assert len(meter.kept) == 1


async def log_of(client: Dialogue) -> list[dict[str, Any]]:
    """What a client is told that says something in two breaths."""
    await client.tunes(transcription={"model": "whisper-1"})
    await pauses(client)
    await client.says(voice(320), quiet(600))
    await client.goes_on(5)
    await client.says(voice(320), quiet(600))
    await client.goes_on(5)
    return client.events


async def test_it_leaves_no_trace_in_what_the_client_is_told() -> None:
    """Event by event, it is the same with it and without."""
    logs = []
    for speculation in (True, False):
        chat = FakeChat(["Paris."])
        async with Dialogue(fake_engines(chat=chat), speculation=speculation) as client:
            logs.append(await log_of(client))
        assert len(chat.prompts) == 2 + speculation
    assert logs[0] == logs[1]


@pytest.mark.parametrize("detection", [{"type": "server_vad"}, {"type": "semantic_vad", "eagerness": "high"}])
async def test_the_same_sound_gives_the_same_log(detection: dict[str, str]) -> None:
    """To the last id and time."""
    logs = []
    for _ in range(2):
        async with Dialogue(fake_engines(turn_detector=FakeTurnDetector([0.6, 1.0]))) as client:
            await client.tunes(turn_detection=detection)
            await log_of(client)
            logs.append(client.told)
    assert logs[0] == logs[1]


async def test_nothing_is_begun_while_the_engines_are_busy() -> None:
    """Who waits for them now comes first."""
    chat, transcriber, working = FakeChat(), FakeTranscriber(), Event()
    engines = fake_engines(chat=chat, transcriber=transcriber)
    held = await engines.scheduler.start(working.wait, Urgency.FINAL)
    async with Dialogue(engines) as client:
        await pauses(client)
        assert (transcriber.heard, chat.prompts) == ([], [])
        await ends(client)
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."
    working.set()
    await held


async def changes_instructions(client: Dialogue) -> None:
    await client.asks("session.update", session={"type": "realtime", "instructions": "Be brief."})


async def says_something_in_writing(client: Dialogue) -> None:
    content = [{"type": "input_text", "text": "Answer in French."}]
    await client.asks("conversation.item.create", item={"type": "message", "role": "user", "content": content})


@pytest.mark.parametrize("act", [changes_instructions, says_something_in_writing])
async def test_what_changes_the_answer_in_the_pause_drops_it(act: Callable[[Dialogue], Awaitable[None]]) -> None:
    """What is let out is the reply to what the conversation is when the turn is over."""
    meter, chat = Counter(), FakeChat(["To nobody.", "To the user."])
    async with Dialogue(fake_engines(chat=chat), meter=meter) as client:
        await pauses(client)
        await act(client)
        await ends(client)
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "To the user."
        assert chat.prompts[0].messages != chat.prompts[1].messages
    assert (len(meter.kept), len(meter.dropped)) == (0, 1)


async def test_a_client_that_ends_the_turn_itself_is_heard_to_the_last_sample() -> None:
    """Speech may have come after the silence; where it has not, the words are the same, and so is the reply."""
    meter, chat, transcriber = Counter(), FakeChat(), FakeTranscriber()
    async with Dialogue(fake_engines(chat=chat, transcriber=transcriber), meter=meter) as client:
        await pauses(client)
        await client.asks("input_audio_buffer.commit")
        await client.asks("response.create")
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."
        heard_ms = [len(speech) / 16 for speech in transcriber.heard]
        assert heard_ms == [768 + 300 + HUSH_MS, 768 + 300 + PAUSE_MS]
        assert len(chat.prompts) == 1
    assert (len(meter.kept), len(meter.dropped)) == (1, 0)


async def test_a_session_that_will_not_answer_any_more_drops_it() -> None:
    """Nobody will ask for it, and it must not wait until somebody speaks again."""
    meter, chat = Counter(), FakeChat(gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat), meter=meter) as client:
        await pauses(client)
        assert len(chat.prompts) == 1
        await client.tunes(turn_detection={"type": "server_vad", "create_response": False})
        assert (chat.stopped, len(meter.dropped)) == (1, 1)


async def test_a_response_that_is_cancelled_before_it_starts_takes_it_along() -> None:
    """The words of its turn were not told yet."""
    meter, chat = Counter(), FakeChat(gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat), meter=meter) as client:
        await pauses(client)
        audio = base64.b64encode(bytes(48 * 300)).decode()
        client.send("input_audio_buffer.append", audio=audio)
        client.send("response.cancel")
        await client.goes_on()
        assert client.response["status"] == "cancelled"
        assert (chat.stopped, len(meter.dropped) + len(meter.kept)) == (1, 1)


async def test_a_reply_that_is_stopped_before_its_first_step_is_not_made_any_further() -> None:
    """Whoever would have let it out has never run."""
    chat, clock = FakeChat(gate=asyncio.Event()), HandClock()
    order = StartReply(
        response_id="resp_1",
        instructions="",
        items=(),
        modality="text",
        max_output_tokens="inf",
        output_format=PcmFormat(),
        voice="alloy",
        speed=1.0,
    )

    async def put(told: Told) -> None:
        raise AssertionError(told)

    async with asyncio.TaskGroup() as tasks:
        stopwatch = Stopwatch(clock, NoMeter(), Queueing(clock.now_s))
        errands = Errands(tasks, put)
        maker = ChatReplies(fake_engines(chat=chat), 500, Gate(), errands, clock)
        replies = Replies(maker, ConversationSettings(), errands, Playback(clock), stopwatch, clock)
        await replies.prepare(order)
        await settle()
        await replies.start(order)
        await replies.stop("resp_1")
        await settle()
        assert chat.stopped == 1


@pytest.mark.parametrize("speculation", [True, False])
async def test_words_that_decide_are_found_whatever_else_there_is_to_do(speculation: bool) -> None:
    """A turn ends no later on a busy machine, or where no reply is begun for nothing."""
    chat, working, detector = FakeChat(), Event(), FakeTurnDetector([1.0])
    transcriber = FakeTranscriber(["What is the capital of France?"])
    engines = fake_engines(chat=chat, transcriber=transcriber, turn_detector=detector)
    held = await engines.scheduler.start(working.wait, Urgency.FINAL)
    async with Dialogue(engines, speculation=speculation) as client:
        await client.tunes(turn_detection={"type": "semantic_vad"})
        await client.says(quiet(512), voice(768))
        for _ in range(4):
            await client.says(quiet(32))
        assert (len(transcriber.heard), chat.prompts) == (1, [])
    working.set()
    await held


async def test_a_turn_that_is_thrown_away_takes_it_along() -> None:
    """Nothing is answered."""
    meter = Counter()
    async with Dialogue(meter=meter) as client:
        await pauses(client)
        await client.asks("input_audio_buffer.clear")
        await ends(client)
        await client.goes_on(5)
        assert client.all("response.created") == []
    assert (len(meter.kept), len(meter.dropped)) == (0, 1)


async def test_hanging_up_in_the_pause_leaves_nothing_running() -> None:
    """The dialogue looks for tasks and generators that are left over."""
    chat = FakeChat(gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await pauses(client)
        assert len(chat.prompts) == 1
    assert chat.stopped == 1


async def test_a_function_is_not_called_before_the_turn_is_over() -> None:
    """The call that was written in the silence is told with the turn's response, once."""
    call = (ToolCallPart(index=0, call_id="call_1", name="get_weather", arguments="{}"),)
    async with Dialogue(fake_engines(chat=FakeChat([call]))) as client:
        await client.asks("session.update", session={"type": "realtime", "tools": [WEATHER]})
        await pauses(client)
        assert client.names[-1] == "input_audio_buffer.speech_started"
        await ends(client)
        await client.goes_on(1)
        assert len(client.all("response.function_call_arguments.done")) == 1
        assert [item["call_id"] for item in client.response["output"]] == ["call_1"]


async def test_what_fails_unheard_is_made_again() -> None:
    """A model that was too busy in the pause may have time when the turn is over."""
    chat = FakeChat([EngineFailed("out of memory"), "Better."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await pauses(client)
        await ends(client)
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Better."


async def test_a_session_that_answers_when_asked_begins_nothing_unasked() -> None:
    """Its words are found ahead all the same."""
    chat, transcriber = FakeChat(), FakeTranscriber()
    async with Dialogue(fake_engines(chat=chat, transcriber=transcriber)) as client:
        await client.tunes(turn_detection={"type": "server_vad", "create_response": False})
        await pauses(client)
        await ends(client)
        assert (len(transcriber.heard), chat.prompts) == (1, [])


async def test_what_is_begun_for_nothing_is_not_counted_against_the_session() -> None:
    """Neither in its requests nor in its tokens."""
    async with Dialogue(requests_per_minute=1) as client:
        await client.tunes(turn_detection={"type": "server_vad", "silence_duration_ms": 500})
        for _ in range(3):
            await pauses(client)
            await client.says(voice(320))
        await client.says(quiet(600))
        await client.goes_on(5)
        assert client.response["status"] == "completed"


async def test_what_a_draft_has_is_not_heard_twice() -> None:
    """Where words are told while they are spoken, the reply is begun as soon as the hearings agree in the silence."""
    transcriber = FakeTranscriber(["What is the|", "What is the capital of France?|"])  # and then nothing
    chat = FakeChat()
    async with Dialogue(fake_engines(chat=chat, transcriber=transcriber)) as client:
        await client.tunes(transcription={"model": "whisper-1", "delay": "medium"})
        await client.says(quiet(512))
        for _ in range(12):
            await client.says(voice(64))
        assert len(transcriber.heard) == 1
        for _ in range(5):
            await client.says(quiet(64))
        assert [prompt.messages[-1].text for prompt in chat.prompts] == ["What is the capital of France?"]
        assert client.all(STOPPED) == []
        heard = len(transcriber.heard)
        await ends(client)
        await client.goes_on(5)
        assert (len(transcriber.heard), len(chat.prompts)) == (heard, 1)
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."
