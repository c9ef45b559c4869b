"""Speech-to-speech behind a backend: one that knows only what the contract names, and our own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from grpc.aio import EOF

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import make_line
from realtime.backend.remote.speech_to_speech import (
    RemoteSpeechStream,
    RemoteSpeechToSpeech,
    SpeechToSpeechOptions,
    open_remote_speech_to_speech,
)
from realtime.engines.base import CallWhole, Finish, Message, Token, Tool, ToolCall, ToolCallPart
from realtime.engines.speech_to_speech import Manner, SpokenPart
from realtime.errors import BadConfiguration, EngineFailed
from tests.backend.remote_backend import Answer, BareBackend, at_work, workshop
from tests.fakes import voice
from tests.server.house import until

MANNER = Manner(instructions="Be brief.")
WEATHER = Tool(name="get_weather", description="The weather.", parameters={"type": "object"})
HELLO = (Message(role="user", text="Hello."),)

Heard = AsyncGenerator[pb.AudioToAudioRequest, None]
Play = Callable[[Heard], AsyncGenerator[pb.AudioToAudioResponse, None]]
"""Answers a turn, and may listen meanwhile."""


@dataclass
class Bare:
    """A backend of the six events and four controls that the contract names; `play` is what it answers a turn with."""

    play: Play
    streams: list[list[pb.AudioToAudioRequest]] = field(default_factory=list)
    """What it was told, stream by stream."""
    over: int = 0
    """Streams that have ended."""

    async def __call__(self, requests: Any, context: Any) -> AsyncIterator[pb.AudioToAudioResponse]:
        told: list[pb.AudioToAudioRequest] = []
        self.streams.append(told)
        sequence = 0
        try:
            async with aclosing(heard(context)) as listening:
                async for request in listening:
                    told.append(request)
                    if request.frame.end_of_input:
                        async with aclosing(self.play(listening)) as events:
                            async for event in events:
                                sequence += 1
                                event.sequence = sequence
                                yield event
        finally:
            self.over += 1

    @property
    def controls(self) -> list[tuple[str, Any]]:
        """Of the newest stream."""
        said = [request.control for request in self.streams[-1] if request.HasField("control")]
        return [(control.event, json.loads(control.payload or b"null")) for control in said]

    @property
    def sound(self) -> bytes:
        """Of the newest stream."""
        return b"".join(request.frame.pcm for request in self.streams[-1])


async def heard(context: Any) -> Heard:
    """What a client says."""
    while (request := await context.read()) is not EOF:
        yield request


def event(kind: str, pcm: bytes = b"", rate_hz: int = 0, /, **meta: Any) -> pb.AudioToAudioResponse:
    told = json.dumps(meta).encode() if meta or not pcm else b""
    return pb.AudioToAudioResponse(event=kind, pcm=pcm, sample_rate=rate_hz, meta=told)


def words(*deltas: str) -> Play:
    """An answer of these words, each followed by 10 ms of sound."""

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        for delta in deltas:
            yield event("response.audio_transcript.delta", delta=delta)
            yield event("response.audio.delta", b"\0\x40" * 240)
        yield event("response.done")

    return play


def telling(*events: pb.AudioToAudioResponse) -> Play:
    """An answer of these events."""

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        for told in events:
            yield told

    return play


@asynccontextmanager
async def talk(bare: Answer, **options: Any) -> AsyncIterator[RemoteSpeechStream]:
    """A conversation with a bare backend, carried for as long as the context lasts."""
    backend = BareBackend({"AudioToAudioStream": bare})
    async with at_work(backend) as address:
        chosen = SpeechToSpeechOptions(**options)
        engine = RemoteSpeechToSpeech(Channels(make_line(address, chosen)), chosen)
        stream = engine.stream()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(stream.run())
            yield stream
            running.cancel()
        await engine.close()


async def answered(
    stream: RemoteSpeechStream, said: tuple[Message, ...] = HELLO, sound: Audio | None = None, manner: Manner = MANNER
) -> list[SpokenPart]:
    """A whole answer."""
    async with asyncio.timeout(10):
        assert await stream.ready()
        async with aclosing(stream.answer(manner, said, sound)) as parts:
            return [part async for part in parts]


def text_of(parts: list[SpokenPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Token))


def sound_of(parts: list[SpokenPart]) -> Any:
    return np.concatenate([part.pcm for part in parts if isinstance(part, Audio)])


async def test_a_turn_is_heard_and_answered() -> None:
    """The sound goes there as it is, the answer comes as words and sound."""
    bare = Bare(words("Paris", " it is."))
    async with talk(bare, token="sesame") as stream:
        heard = Audio(voice(1200, 16_000), 16_000)
        parts = await answered(stream, (), heard, Manner(instructions="Be brief.", voice="ann", tools=(WEATHER,)))
        first = bare.streams[0][0].config
        assert (first.input_sample_rate, first.output_sample_rate) == (16_000, 24_000)
        assert (first.system_prompt, first.voice, dict(first.params)) == (
            "Be brief.",
            "ann",
            {"turn_detection": "none"},
        )
        assert json.loads(first.tools) == [
            {
                "type": "function",
                "function": {"name": "get_weather", "description": "The weather.", "parameters": {"type": "object"}},
            }
        ]
        assert bare.sound == b"\0\x40" * (1200 * 16)
        assert [request.frame.end_of_input for request in bare.streams[0][1:]] == [False, False, True]
        assert text_of(parts) == "Paris it is."
        assert [part.rate_hz for part in parts if isinstance(part, Audio)] == [24_000] * 2
        assert sound_of(parts).tolist() == [0.5] * 480
        assert parts[-1] == Finish(reason="stop")


async def test_words_are_told_as_items_and_an_empty_turn() -> None:
    """Also calls and what came of them, in a conversation that goes on."""
    bare = Bare(words("Well."))
    async with talk(bare) as stream:
        call = ToolCall(call_id="call_1", name="get_weather", arguments="{}")
        said = (
            *HELLO,
            Message(role="assistant", text="Hi.", tool_calls=(call,)),
            Message(role="tool", text="18", call_id="call_1"),
        )
        await answered(stream, said)
        await answered(stream, ())
        assert bare.controls == [
            ("conversation.item.create", _message("user", "input_text", "Hello.")),
            ("conversation.item.create", _message("assistant", "text", "Hi.")),
            (
                "conversation.item.create",
                {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
            ),
            ("conversation.item.create", {"type": "function_call_output", "call_id": "call_1", "output": "18"}),
            ("response.create", {"conversation": "auto"}),
        ]
        ends = [request.frame for request in bare.streams[0] if request.HasField("frame")]
        assert [(frame.pcm, frame.end_of_input) for frame in ends] == [(b"", True)] * 2


async def test_that_only_words_are_wanted_is_told_at_once() -> None:
    """The contract's beginning has no place for it."""
    bare = Bare(telling(event("response.text.delta", delta="Well."), event("response.done")))
    async with talk(bare) as stream:
        assert text_of(await answered(stream, manner=Manner(aloud=False))) == "Well."
        assert [payload["output_modalities"] for name, payload in bare.controls if name == "session.update"] == [
            ["text"]
        ]


async def test_another_manner_is_told_once() -> None:
    """When it changes."""
    bare = Bare(words("Well."))
    async with talk(bare) as stream:
        await answered(stream)
        loud = Manner(instructions="Shout.", tools=(WEATHER,), tool_choice="get_weather", temperature=0.2, max_tokens=9)
        for _ in range(2):
            await answered(stream, HELLO, None, loud)
        updates = [payload for name, payload in bare.controls if name == "session.update"]
        assert updates == [
            {
                "instructions": "Shout.",
                "output_modalities": ["audio"],
                "tools": [
                    {
                        "type": "function",
                        "name": "get_weather",
                        "description": "The weather.",
                        "parameters": {"type": "object"},
                    }
                ],
                "tool_choice": {"type": "function", "name": "get_weather"},
                "parallel_tool_calls": True,
                "max_output_tokens": 9,
                "temperature": 0.2,
                "audio": {"output": {"speed": 1.0}},
            }
        ]


CALLED = "response.function_call_arguments"


@pytest.mark.parametrize(
    "events",
    [
        (event(f"{CALLED}.done", call_id="c1", name="get_weather", arguments='{"a": 1}'),),
        (
            event(f"{CALLED}.delta", call_id="c1", name="get_weather", delta='{"a"'),
            event(f"{CALLED}.delta", call_id="c1", delta=": 1}"),
            event(f"{CALLED}.done", call_id="c1", name="get_weather"),
        ),
        (
            event(f"{CALLED}.delta", call_id="c1", delta='{"a"'),
            event(f"{CALLED}.done", call_id="c1", name="get_weather", arguments='{"a": 1}'),
        ),
    ],
)
async def test_a_call_however_it_is_told(events: tuple[pb.AudioToAudioResponse, ...]) -> None:
    """At once, piece by piece, or with its name last."""
    async with talk(Bare(telling(*events, event("response.done")))) as stream:
        parts = await answered(stream, manner=Manner(tools=(WEATHER,)))
        calls = [part for part in parts if isinstance(part, ToolCallPart)]
        assert (calls[0].call_id, calls[0].name) == ("c1", "get_weather")
        assert "".join(part.arguments for part in calls) == '{"a": 1}'
        assert parts[-2:] == [CallWhole(index=0), Finish(reason="tool_calls")]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (event("error", message="Somebody said: my secret."), "failed"),
        (event("error", message="Somebody said: my secret.", code="engine_failed"), r"failed \(engine_failed\)"),
        (event("response.done", cancelled=True), "broke off its answer"),
        (event("response.audio_transcript.delta", delta=3), "cannot be read"),
        (event(f"{CALLED}.done", arguments="{}"), "without naming it"),
        (event(f"{CALLED}.done", name="boil", arguments="{}"), "no tool it was given"),
        (event(f"{CALLED}.done", name="get_weather", arguments="[]"), "no JSON object"),
    ],
)
async def test_what_goes_wrong_far_away_is_told_without_anybodys_words(
    told: pb.AudioToAudioResponse, problem: str
) -> None:
    """And the stream is over: what the backend makes of the conversation is not known."""
    bare = Bare(telling(event("response.audio_transcript.delta", delta="Well"), told))
    async with talk(bare) as stream:
        with pytest.raises(EngineFailed, match=problem) as failed:
            await answered(stream, manner=Manner(tools=(WEATHER,)))
        assert "secret" not in str(failed.value)
        assert not await stream.ready()
        await until(lambda: bare.over == 1)


async def test_what_is_not_known_is_passed_over() -> None:
    """Other backends say more; what ours says of an empty turn is no failure."""
    bare = Bare(
        telling(
            event("response.created", id="resp_1"),
            event("error", code="input_audio_buffer_commit_empty", message="Too small."),
            event("response.audio_transcript.delta", delta="Well.", item_id="item_1"),
            event("response.audio.delta", b"\0\x40" * 160, 16_000),
            event("response.done", usage={"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}),
        )
    )
    async with talk(bare) as stream:
        parts = await answered(stream)
        assert text_of(parts) == "Well."
        assert [part.rate_hz for part in parts if isinstance(part, Audio)] == [16_000]
        assert parts[-1] == Finish(reason="stop", prompt_tokens=7, completion_tokens=3)


async def test_stopping_reaches_the_far_side() -> None:
    """What still comes of the stopped answer is nobody's, and the conversation goes on."""
    late, cancelled = asyncio.Event(), asyncio.Event()

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        if cancelled.is_set():
            async with aclosing(words("And", " now?")(listening)) as events:
                async for told in events:
                    yield told
            return
        yield event("response.audio_transcript.delta", delta="One")
        stop = await anext(listening)
        assert stop.control.event == "response.cancel"
        cancelled.set()
        await late.wait()
        yield event("response.audio_transcript.delta", delta=" two")
        yield event("response.done", cancelled=True)

    bare = Bare(play)
    async with talk(bare) as stream:
        async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
            assert await anext(parts) == Token("One")
        async with asyncio.timeout(10):
            await cancelled.wait()
        late.set()
        assert text_of(await answered(stream)) == "And now?"
        assert (len(bare.streams), bare.over) == (1, 0)


async def test_a_backend_may_confirm_late_that_it_was_stopped() -> None:
    """One that cannot stop is done with its answer first, and says so in the middle of the next."""
    answers = 0

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        nonlocal answers
        answers += 1
        yield event("response.audio_transcript.delta", delta=f"{answers}")
        if answers == 1:
            assert (await anext(listening)).control.event == "response.cancel"
            yield event("response.done")
        else:
            yield event("response.done", cancelled=True)
            yield event("response.audio_transcript.delta", delta=".")
            yield event("response.done")

    async with talk(Bare(play)) as stream:
        async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
            await anext(parts)
        assert text_of(await answered(stream)) == "2."


async def test_a_backend_that_does_not_stop_is_given_up() -> None:
    """In good time; its work is cancelled with the stream."""

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        yield event("response.audio_transcript.delta", delta="One")
        await asyncio.Event().wait()

    bare = Bare(play)
    async with talk(bare, stop_timeout_s=0.05) as stream:
        async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
            await anext(parts)
        assert not await stream.ready()
        await until(lambda: bare.over == 1)


async def test_a_backend_that_never_answers_fails_in_time() -> None:
    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        yield event("response.audio_transcript.delta", delta="Well")
        await asyncio.Event().wait()

    bare = Bare(play)
    async with talk(bare, silence_s=0.05) as stream:
        with pytest.raises(EngineFailed, match=r"said nothing for 0\.05 s"):
            await answered(stream)
        await until(lambda: bare.over == 1)


async def test_a_backend_that_breaks_off_in_the_middle() -> None:
    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        yield event("response.audio_transcript.delta", delta="Well")
        raise RuntimeError

    async with talk(Bare(play)) as stream:
        with pytest.raises(EngineFailed, match="the backend at 127"):
            await answered(stream)
        assert not await stream.ready()


async def test_a_backend_that_ends_the_stream() -> None:
    """Without a word."""

    async def once(requests: Any, context: Any) -> AsyncIterator[pb.AudioToAudioResponse]:
        async with aclosing(heard(context)) as listening:
            async for request in listening:
                if request.frame.end_of_input:
                    return
                yield event("response.created")

    async with talk(once) as stream:
        with pytest.raises(EngineFailed, match="ended the conversation"):
            await answered(stream)
        assert not await stream.ready()


async def test_the_next_conversation_is_held_by_another_backend() -> None:
    """Where one is gone, in the middle of an answer."""
    gone = asyncio.Event()

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        yield event("response.audio_transcript.delta", delta="Well")
        await gone.wait()

    first, second = BareBackend({"AudioToAudioStream": Bare(play)}), BareBackend({"AudioToAudioStream": Bare(play)})
    async with at_work(first, second) as addresses:
        options = SpeechToSpeechOptions()
        engine = RemoteSpeechToSpeech(Channels(make_line(addresses, options)), options)
        stream = engine.stream()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(stream.run())
            async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
                await anext(parts)
                one, other = (first, second) if "AudioToAudioStream" in first.calls else (second, first)
                await one.close()
                with pytest.raises(EngineFailed, match="broke off the connection"):
                    await anext(parts)
            await running
            anew = engine.stream()
            carrying = tasks.create_task(anew.run())
            async with aclosing(anew.answer(MANNER, HELLO, None)) as parts:
                assert await anext(parts) == Token("Well")
            assert "AudioToAudioStream" in other.calls
            carrying.cancel()
        await engine.close()


async def test_hanging_up_reaches_the_far_side() -> None:
    """Nobody goes on working for somebody who has left."""

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        yield event("response.audio_transcript.delta", delta="Well")
        await asyncio.Event().wait()

    bare = Bare(play)
    async with talk(bare) as stream, aclosing(stream.answer(MANNER, HELLO, None)) as parts:
        await anext(parts)
        assert bare.over == 0
    assert bare.over == 1


async def test_nobody_is_there() -> None:
    options = SpeechToSpeechOptions()
    engine = RemoteSpeechToSpeech(Channels(make_line("127.0.0.1:1", options)), options)
    stream = engine.stream()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run())
        with pytest.raises(EngineFailed, match="cannot be reached"):
            await answered(stream)
    await engine.close()


async def test_what_nobody_takes_holds_the_backend_back() -> None:
    """A slow listener: no more is fetched than may wait, and nothing is lost."""
    count, sent = 600, 0

    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        nonlocal sent
        while sent < count:
            sent += 1
            yield event("response.audio.delta", b"\0\x40" * 30_000)
        yield event("response.done")

    async with talk(Bare(play)) as stream:
        async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
            await anext(parts)
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < count
            rest = [part async for part in parts if isinstance(part, Audio)]
        assert 1 + len(rest) == count


async def test_it_is_opened_by_its_address() -> None:
    """With its own options beside those of every remote engine; what is unknown is refused."""
    bare = Bare(words("Well."))
    async with at_work(BareBackend({"AudioToAudioStream": bare})) as address:
        engine = await asyncio.to_thread(
            open_remote_speech_to_speech, workshop(address, voices=["ann"], model="far", token="sesame")
        )
        assert (engine.model, engine.voices, engine.abilities) == ("far", ("ann",), frozenset({"tools"}))
        await engine.close()
        with pytest.raises(BadConfiguration, match="silence"):
            await asyncio.to_thread(open_remote_speech_to_speech, workshop(address, silence=3))


def _message(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
