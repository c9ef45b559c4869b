"""Conversations with a backend that answers speech with speech: one that knows only what the contract names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import make_line
from realtime.backend.remote.speech_inbox import WAITING_EVENTS
from realtime.backend.remote.speech_line import WAITING_REQUESTS
from realtime.backend.remote.speech_to_speech import (
    RemoteSpeechStream,
    RemoteSpeechToSpeech,
    SpeechToSpeechOptions,
    open_remote_speech_to_speech,
)
from realtime.engines.base import Finish, Message, Token
from realtime.engines.speech_to_speech import Manner
from realtime.errors import BadConfiguration, EngineFailed
from tests.backend.remote.remote_backend import BareBackend, at_work, workshop
from tests.backend.remote.speech_backend import (
    HELLO,
    MANNER,
    WEATHER,
    Bare,
    Heard,
    Play,
    answered,
    carried,
    engine_at,
    event,
    talk,
    text_of,
    words,
)
from tests.fakes import voice
from tests.server.house import until


async def nothing_taken(stream: RemoteSpeechStream, said: tuple[Message, ...] = HELLO) -> None:
    """Ask for an answer of which nothing is expected to come."""
    async with aclosing(stream.answer(MANNER, said, None)) as parts:
        pytest.fail(f"{await anext(parts)} has come")


async def stop(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
    """Be told to stop, and say so."""
    assert (await anext(listening)).control.event == "response.cancel"
    yield event("response.done", cancelled=True)


def stopping_first(answer: str) -> Play:
    """A first answer of nothing that is stopped; then this one."""
    answers = 0

    def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        nonlocal answers
        answers += 1
        return stop(listening) if answers == 1 else words(answer)(listening)

    return play


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
        sound = np.concatenate([part.pcm for part in parts if isinstance(part, Audio)])
        assert sound.tolist() == [0.5] * 480
        assert parts[-1] == Finish(reason="stop")


async def test_sound_at_any_rate_is_brought_to_the_backends() -> None:
    bare = Bare(words("Well."))
    async with talk(bare) as stream:
        await answered(stream, (), Audio(voice(300, 24_000), 24_000))
        assert len(bare.sound) == 300 * 16 * 2


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


async def test_an_answer_may_be_stopped_before_the_stream_is_carried() -> None:
    """All is told in its order then, and the conversation goes on."""
    bare = Bare(stopping_first("And now?"))
    async with engine_at(bare) as engine:
        stream = engine.stream()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await nothing_taken(stream)
        async with carried(stream):
            assert text_of(await answered(stream)) == "And now?"
        assert [name for name, _ in bare.controls] == ["conversation.item.create"] * 2


async def test_an_answer_that_is_asked_for_in_part_cannot_be_stopped() -> None:
    """Nobody knows what the backend would make of it."""
    async with engine_at() as engine:
        stream = engine.stream()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await nothing_taken(stream, HELLO * WAITING_REQUESTS)
        assert not await stream.ready()


async def test_an_answer_that_has_come_already_is_not_stopped() -> None:
    """Though nobody has taken all of it: there is nothing far away to be stopped, and no word to be awaited."""
    bare = Bare(words("Well", "."))
    async with talk(bare) as stream:
        async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
            assert await anext(parts) == Token("Well")
            assert await stream.ready()
        assert text_of(await answered(stream)) == "Well."
        assert [name for name, _ in bare.controls] == ["conversation.item.create"] * 2


async def test_stopping_an_answer_of_which_much_waits() -> None:
    """Whoever reads it from the backend goes on, and passes over the rest."""
    told = asyncio.Event()

    async def flood(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        for _ in range(4 * WAITING_EVENTS):
            yield event("response.audio_transcript.delta", delta="One")
        told.set()
        async with aclosing(stop(listening)) as events:
            async for said in events:
                yield said

    bare = Bare(flood)
    async with talk(bare) as stream:
        async with aclosing(stream.answer(MANNER, HELLO, None)) as parts:
            assert await anext(parts) == Token("One")
            async with asyncio.timeout(10):
                await told.wait()
        bare.play = words("And now?")
        assert text_of(await answered(stream)) == "And now?"


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
        await asyncio.Event().wait()
        yield event("response.done")

    bare = Bare(play)
    async with talk(bare, silence_s=0.05) as stream:
        await until(lambda: bool(bare.streams))
        with pytest.raises(EngineFailed, match=r"said nothing for 0\.05 s"):
            await answered(stream)
        await until(lambda: bare.over == 1)


async def test_a_backend_that_breaks_off_in_the_middle() -> None:
    async def play(listening: Heard) -> AsyncGenerator[pb.AudioToAudioResponse, None]:
        yield event("response.audio_transcript.delta", delta="Well")
        raise RuntimeError

    async with talk(Bare(play), stop_timeout_s=3600) as stream:
        with pytest.raises(EngineFailed, match="the backend at 127"):
            await answered(stream)
        async with asyncio.timeout(10):
            assert not await stream.ready()


async def test_a_backend_that_ends_the_stream() -> None:
    """Without a word."""

    async def once(requests: Any, context: Any) -> AsyncIterator[pb.AudioToAudioResponse]:
        async for request in requests:
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
    """Also later: such a stream does not come back."""
    async with engine_at() as engine:
        stream = engine.stream()
        async with carried(stream):
            for _ in range(2):
                with pytest.raises(EngineFailed, match="cannot be reached"):
                    await nothing_taken(stream)
            assert not await stream.ready()


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
