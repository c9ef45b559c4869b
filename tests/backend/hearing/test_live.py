"""AudioTranscriptionLive: its messages in their order, where utterances end, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Pcm
from realtime.backend.hearing.live import Live
from realtime.backend.pb import backend_pb2 as pb
from realtime.bench.questions import load_questions
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Segment
from realtime.engines.ensemble import Engines
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.silero import open_silero
from realtime.engines.smart_turn import open_smart_turn
from realtime.errors import EngineBusy, EngineFailed, InvalidRequest
from tests.backend.doorway import Doorway
from tests.backend.rooms import all_sent, premises_of, said
from tests.end_to_end.wer import word_error_rate
from tests.engines.conftest import MakeWorkshop
from tests.fake_speaker import voice_of
from tests.fakes import FakeTranscriber, FakeTurnDetector, fake_engines, quiet, settle, voice
from tests.server.house import PATIENCE_S, until

SERVER_VAD: dict[str, Any] = {"turn_detection": "server_vad"}


def config(rate_hz: int = 0, language: str = "", **params: Any) -> pb.TranscriptLiveRequest:
    return pb.TranscriptLiveRequest(
        config=pb.TranscriptLiveConfig(language=language, sample_rate=rate_hz, params=params)
    )


def audio(*parts: Pcm) -> pb.TranscriptLiveRequest:
    return pb.TranscriptLiveRequest(audio=pb.TranscriptLiveAudio(pcm=np.concatenate(parts)))


def utterance(rate_hz: int = SPEECH_RATE_HZ, ms: float = 1280) -> pb.TranscriptLiveRequest:
    """Somebody speaks, and then not for long enough to be done."""
    return audio(voice(ms, rate_hz), quiet(768, rate_hz))


async def answers(engines: Engines | None, *requests: pb.TranscriptLiveRequest) -> list[pb.TranscriptLiveResponse]:
    """All that is answered."""
    return await all_sent(Live(premises_of(engines)).audio_transcription_live, *requests)


def deltas(responses: list[pb.TranscriptLiveResponse]) -> str:
    return "".join(response.delta for response in responses)


async def test_it_is_ready_before_all_and_the_result_comes_last() -> None:
    engines = fake_engines(transcriber=FakeTranscriber(["Good morning."]))
    responses = await answers(engines, config(**SERVER_VAD), utterance())
    assert [response.ready for response in responses] == [True] + [False] * (len(responses) - 1)
    assert deltas(responses) == "Good morning."
    assert [response.eou for response in responses[-2:]] == [True, False]
    result = responses[-1].final_result
    assert result.text == "Good morning."
    assert result.duration == pytest.approx(2.048)
    [segment] = result.segments
    assert segment.text == "Good morning."
    assert [word.text for word in segment.words] == ["Good", "morning."]


@pytest.mark.parametrize("delay", ["minimal", "xhigh"])
async def test_an_utterance_has_the_tokens_of_all_its_words(delay: str) -> None:
    """However many hearings they come from."""

    class Spelling(FakeTranscriber):
        async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
            async with aclosing(super().transcribe(speech, listening)) as segments:
                async for segment in segments:
                    words = [replace(word, tokens=(len(word.text), 0)) for word in segment.words]
                    yield replace(segment, words=tuple(words))

    engines = fake_engines(transcriber=Spelling(["One two three four five six seven."]))
    responses = await answers(
        engines, config(delay=delay, **SERVER_VAD), *[audio(voice(200, 16_000))] * 15, utterance()
    )
    [segment] = responses[-1].final_result.segments
    assert segment.text == "One two three four five six seven."
    assert list(segment.tokens) == [
        token for word in segment.text.split() for token in (len(word) + (word != "One"), 0)
    ]


async def test_each_utterance_ends_and_the_deltas_are_the_text() -> None:
    engines = fake_engines(transcriber=FakeTranscriber(["One day.", "One day.", "Two nights.", "Two nights."]))
    responses = await answers(engines, config(delay="xhigh", **SERVER_VAD), utterance(), utterance())
    assert [response.eou for response in responses if response.eou or response.delta][-1]
    assert sum(response.eou for response in responses) == 2
    result = responses[-1].final_result
    assert deltas(responses) == result.text
    assert len(result.segments) == 2
    second = result.segments[1]
    assert second.start >= 2.048e9 - 0.3e9  # with its padding
    assert second.end <= 4.096e9
    words = [word for response in responses for word in response.words]
    assert " ".join(word.text for word in words) == result.text
    assert [word.start for word in words] == sorted(word.start for word in words)


async def test_what_says_no_more_than_that_somebody_listens_ends_no_turn() -> None:
    engines = fake_engines(transcriber=FakeTranscriber(["Mm-hmm."]))
    responses = await answers(engines, config(**SERVER_VAD), utterance())
    assert [(response.eou, response.eob) for response in responses if response.eou or response.eob] == [(False, True)]


async def test_what_is_no_speech_is_no_utterance() -> None:
    responses = await answers(fake_engines(transcriber=FakeTranscriber([""])), config(**SERVER_VAD), utterance())
    assert not any(response.eou or response.eob or response.delta for response in responses)
    assert responses[-1].final_result.text == ""


async def test_who_says_all_while_still_speaking_is_heard_but_has_not_ended() -> None:
    engines = fake_engines(transcriber=FakeTranscriber(["Good morn"]))
    responses = await answers(engines, config(), audio(voice(640, SPEECH_RATE_HZ)))
    assert responses[-1].final_result.text == "Good morn"
    assert not any(response.eou or response.eob for response in responses)


async def test_an_utterance_that_sounds_complete_ends_sooner_than_one_that_does_not() -> None:
    """After 64 ms of silence the turn detector is asked; `medium` waits 320 ms if it is sure, 4 s if it is not."""
    silence = [audio(quiet(32, SPEECH_RATE_HZ))] * 12
    ends: list[int] = []
    for completeness in (0.99, 0.0):
        detector = FakeTurnDetector([completeness])
        engines = fake_engines(turn_detector=detector, transcriber=FakeTranscriber(["Good morning."]))
        responses = await answers(engines, config(), audio(voice(1280, SPEECH_RATE_HZ)), *silence)
        ends.append(sum(response.eou for response in responses))
        assert detector.heard
    assert ends == [1, 0]


async def test_a_second_config_begins_anew() -> None:
    engines = fake_engines(transcriber=FakeTranscriber(["Forgotten.", "Kept."]))
    responses = await answers(
        engines, config(delay="xhigh", **SERVER_VAD), utterance(), config(24_000, **SERVER_VAD), utterance(24_000)
    )
    assert sum(response.ready for response in responses) == 1
    result = responses[-1].final_result
    assert result.text == "Kept."
    assert result.duration == pytest.approx(2.048)
    assert result.segments[0].end <= 2.048e9


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 48_000, 192_000])
async def test_sound_of_other_rates_is_heard(rate_hz: int) -> None:
    transcriber = FakeTranscriber(["Good morning."])
    responses = await answers(fake_engines(transcriber=transcriber), config(rate_hz, **SERVER_VAD), utterance(rate_hz))
    assert deltas(responses) == "Good morning."
    assert sum(response.eou for response in responses) == 1
    assert len(transcriber.heard[-1]) / SPEECH_RATE_HZ == pytest.approx(1.28 + 0.5, abs=0.1)


async def test_the_transcriber_is_told_what_was_asked_for() -> None:
    transcriber = FakeTranscriber(["Guten Morgen."])
    engines = fake_engines(transcriber=transcriber)
    hints: dict[str, Any] = {"prompt": "Ein Brief.", "keywords": "Frantz, Capitol,"}
    await answers(engines, config(language="de-AT", **SERVER_VAD, **hints), utterance())
    asked = transcriber.asked[-1]
    assert (asked.language, asked.prompt, asked.keywords) == ("de", "Ein Brief.", ("Frantz", "Capitol"))


async def test_noise_can_be_reduced() -> None:
    engines = fake_engines(transcriber=FakeTranscriber(["Good morning."]))
    responses = await answers(engines, config(noise_reduction="far_field", **SERVER_VAD), utterance())
    assert deltas(responses) == "Good morning."
    [stream] = engines.enhancer.streams  # type: ignore[attr-defined]
    assert (stream.distance, sum(map(len, stream.heard))) == ("far_field", 2.048 * SPEECH_RATE_HZ)


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
async def test_what_the_cleaner_still_holds_is_heard_when_all_is_said(rate_hz: int) -> None:
    """In the middle of an utterance: to its last sample."""
    transcriber = FakeTranscriber(["Good morning."])
    wanted = config(rate_hz, noise_reduction="near_field", delay="xhigh", **SERVER_VAD)
    await answers(fake_engines(transcriber=transcriber), wanted, audio(voice(640, rate_hz)))
    assert len(transcriber.heard[-1]) == 0.64 * SPEECH_RATE_HZ


async def test_without_a_turn_detector_silence_ends_utterances() -> None:
    engines = replace(fake_engines(transcriber=FakeTranscriber(["Good morning."])), turn_detector=None)
    responses = await answers(engines, config(), utterance())
    assert sum(response.eou for response in responses) == 1
    with pytest.raises(InvalidRequest, match="no turn detector"):
        await answers(engines, config(turn_detection="semantic_vad"))


async def test_who_says_nothing_is_answered_nothing() -> None:
    assert await answers(None) == []
    [ready, final] = await answers(None, config())
    assert ready.ready
    assert (final.final_result.text, final.final_result.duration) == ("", 0)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (audio(voice(32)), "config"),
        (pb.TranscriptLiveRequest(), "config"),
        (config(7999), "config.sample_rate"),
        (config(-1), "config.sample_rate"),
        (config(15_999), "config.sample_rate"),
        (config(language="xx"), "config.language"),
        (config(color="red"), "config.params.color"),
        (config(delay="long"), "config.params.delay"),
        (config(turn_detection="none"), "config.params.turn_detection"),
        (config(threshold="2", **SERVER_VAD), "config.params.threshold"),
        (config(threshold="0.5"), "config.params.threshold"),
        (config(eagerness="low", **SERVER_VAD), "config.params.eagerness"),
    ],
)
async def test_what_cannot_be_is_named(request_: pb.TranscriptLiveRequest, param: str) -> None:
    """Before it is ready."""
    with pytest.raises(InvalidRequest) as refused:
        await answers(None, request_)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (config(language="xx"), "config.language"),
        (pb.TranscriptLiveRequest(), "payload"),
        (audio(np.array([np.nan], np.float32)), "audio.pcm"),
    ],
)
async def test_what_cannot_be_later_ends_the_stream(request_: pb.TranscriptLiveRequest, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await answers(None, config(), utterance(), request_)
    assert refused.value.param == param


async def test_a_transcriber_that_fails_ends_the_stream_at_once() -> None:
    """Though somebody still speaks, and the client would say more: once it has failed twice in a row."""
    transcriber = FakeTranscriber([EngineFailed("deaf")])
    async with Doorway(premises_of(fake_engines(transcriber=transcriber))) as door:
        call = door.stub.AudioTranscriptionLive()
        await call.write(config(**SERVER_VAD))
        assert (await call.read()).ready
        await call.write(audio(voice(3000, SPEECH_RATE_HZ)))
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call.read()
        assert failed.value.code() is grpc.StatusCode.INTERNAL
        assert failed.value.details() == "deaf"
    assert len(transcriber.heard) == 2


@pytest.mark.parametrize(
    "script",
    [
        [EngineFailed("deaf"), "Good morning.", EngineFailed("deaf"), "Good morning."],
        [EngineBusy("full"), EngineBusy("full"), EngineBusy("full"), "Good morning."],
    ],
)
async def test_hearings_that_fail_now_and_then_are_left_out(script: list[str | Exception]) -> None:
    """And so are those that there is no room for, however many: they are what may be left out."""
    transcriber = FakeTranscriber(script)
    sent: list[pb.TranscriptLiveResponse] = []

    def heard(times: int) -> bool:
        return len(transcriber.heard) == times

    async def speak() -> AsyncIterator[pb.TranscriptLiveRequest]:
        yield config(**SERVER_VAD)
        for hearing in range(1, len(script)):
            yield audio(voice(800, SPEECH_RATE_HZ))
            await until(partial(heard, hearing))
        yield audio(quiet(768, SPEECH_RATE_HZ))

    async def send(response: pb.TranscriptLiveResponse) -> None:
        sent.append(response)

    await Live(premises_of(fake_engines(transcriber=transcriber))).audio_transcription_live(speak(), send)
    assert deltas(sent) == "Good morning."


async def test_the_last_hearing_of_an_utterance_may_not_fail() -> None:
    """There is none after it."""
    engines = fake_engines(transcriber=FakeTranscriber([EngineFailed("deaf")]))
    with pytest.raises(EngineFailed, match="deaf"):
        await answers(engines, config(delay="xhigh", **SERVER_VAD), audio(voice(640, SPEECH_RATE_HZ)))


async def test_who_leaves_takes_all_work_along() -> None:
    transcriber = FakeTranscriber(["Good morning."], gate=asyncio.Event())
    async with Doorway(premises_of(fake_engines(transcriber=transcriber))) as door:
        call = door.stub.AudioTranscriptionLive()
        await call.write(config(**SERVER_VAD))
        assert (await call.read()).ready
        await call.write(utterance())
        await until(lambda: bool(transcriber.heard))
        call.cancel()
        await until(lambda: not door.going_on)


async def test_who_does_not_read_is_not_listened_to() -> None:
    """What is not taken holds up what comes after it."""
    engines = fake_engines(transcriber=FakeTranscriber(["Good morning."]))
    taken, gate = 0, asyncio.Event()

    async def speak() -> AsyncIterator[pb.TranscriptLiveRequest]:
        nonlocal taken
        yield config(**SERVER_VAD)
        for _ in range(20):
            taken += 1
            yield utterance()

    async def send(response: pb.TranscriptLiveResponse) -> None:
        if not response.ready:
            await gate.wait()

    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(Live(premises_of(engines)).audio_transcription_live(speak(), send))
        await settle()
        assert taken == 1
        gate.set()
        await work
    assert taken == 20


class Crowd(FakeTranscriber):
    """Hears callers told apart by how loud they are, and what it hears is who; once it has heard so many of them."""

    QUIETEST, STEP = 0.3, 0.05

    def __init__(self, callers: int) -> None:
        super().__init__()
        self._callers = callers
        self._here: set[int] = set()
        self._all_here = asyncio.Event()

    def says(self, caller: int) -> pb.TranscriptLiveRequest:
        """An utterance of theirs."""
        return audio(voice_of(self.QUIETEST + caller * self.STEP, 1280), quiet(768, SPEECH_RATE_HZ))

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        who = {round((loud - self.QUIETEST) / self.STEP) for loud in np.unique(speech[speech > 0]).tolist()}
        self._here |= who
        if len(self._here) == self._callers:
            self._all_here.set()
        await self._all_here.wait()
        async with aclosing(FakeTranscriber([f"Caller {who}."]).transcribe(speech, listening)) as segments:
            async for segment in segments:
                yield segment


async def test_several_are_heard_at_once() -> None:
    """Nobody is told anything before all of them are listened to; and of each is heard what that one says, and no
    more."""
    crowd = Crowd(8)

    async def one(door: Doorway, caller: int) -> str:
        said_twice = said(config(**SERVER_VAD), crowd.says(caller), crowd.says(caller))
        return "".join([response.delta async for response in door.stub.AudioTranscriptionLive(said_twice)])

    async with Doorway(premises_of(fake_engines(transcriber=crowd))) as door, asyncio.timeout(PATIENCE_S):
        heard = await asyncio.gather(*(one(door, caller) for caller in range(8)))
    assert heard == [f"Caller {{{caller}}}. Caller {{{caller}}}." for caller in range(8)]


@pytest.mark.model
@pytest.mark.parametrize("turn_detection", ["semantic_vad", "server_vad"])
async def test_questions_are_heard_one_by_one(workshop: MakeWorkshop, turn_detection: str) -> None:
    """Spoken by a voice, heard by Silero, Smart Turn and Whisper, at the pace at which they come."""
    questions = load_questions()[:3]
    engines = Engines(
        **{field: getattr(fake_engines(), field) for field in ("enhancer", "chat", "synthesizer")},
        detector=open_silero(workshop()),
        turn_detector=open_smart_turn(workshop()),
        transcriber=open_faster_whisper(workshop()),
        scheduler=workshop().scheduler,
    )

    async def speak() -> AsyncIterator[pb.TranscriptLiveRequest]:
        yield config(turn_detection=turn_detection)
        for question in questions:
            sound = resample(question.audio, SPEECH_RATE_HZ).pcm
            for start in range(0, len(sound), 1600):
                yield audio(sound[start : start + 1600])
            for _ in range(45):
                yield audio(quiet(100, SPEECH_RATE_HZ))

    async with Doorway(premises_of(engines)) as door:
        responses: list[Any] = [response async for response in door.stub.AudioTranscriptionLive(speak())]
    result = responses[-1].final_result
    assert sum(response.eou for response in responses) == 3
    assert deltas(responses) == result.text
    assert word_error_rate(result.text, " ".join(question.text for question in questions)) <= 0.1
    assert len(result.segments) == 3
    assert result.language == "en"
    vocabulary = engines.transcriber._whisper.hf_tokenizer  # type: ignore[attr-defined]
    assert [vocabulary.decode(segment.tokens).strip() for segment in result.segments] == [
        segment.text for segment in result.segments
    ]
    starts = [segment.words[0].start / 1e9 for segment in result.segments]
    expected = np.cumsum([0] + [question.audio.duration_ms / 1000 + 4.5 for question in questions[:2]])
    assert np.abs(np.array(starts) - expected).max() < 0.6
