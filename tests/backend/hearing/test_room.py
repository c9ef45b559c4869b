"""AudioTranscription, AudioTranscriptionStream and VAD: units, order, speakers, and what is refused."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from threading import get_ident
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile

import realtime.backend.hearing.recordings
import realtime.backend.hearing.room
import realtime.codecs.resample
from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, silence
from realtime.backend.hearing.room import Hearing
from realtime.backend.pb import backend_pb2 as pb
from realtime.bench.questions import load_questions
from realtime.codecs.containers import write_wav
from realtime.codecs.resample import resample
from realtime.engines.base import Urgency
from realtime.engines.ensemble import Engines
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.silero import open_silero
from realtime.engines.voicefilter import open_voicefilter
from realtime.errors import EngineFailed, InvalidRequest, NotPermitted, NotServed, UnknownEngine
from tests.backend.doorway import Doorway, refusal
from tests.backend.hearing.listeners import Attentive, OneByOne
from tests.backend.rooms import everything, premises_of
from tests.end_to_end.wer import word_error_rate
from tests.engines.conftest import MakeWorkshop
from tests.fake_speaker import FakeSpeaker, voice_of
from tests.fakes import FakeTranscriber, fake_engines, quiet, voice
from tests.server.house import until
from tests.voices import asked, other

SECOND = 1_000_000_000
"""In the contract's unit."""


def sound(*parts_ms: float) -> Pcm:
    """Silence and speech in turns, beginning with silence."""
    makers = (quiet, voice)
    return np.concatenate([makers[index % 2](ms, SPEECH_RATE_HZ) for index, ms in enumerate(parts_ms)])


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """2 s of speech after 1 s of silence, and then 1 s more of it."""
    return recorded(tmp_path / "clip.wav", sound(1024, 2048, 1024))


def recorded(path: Path, pcm: Pcm, rate_hz: int = SPEECH_RATE_HZ) -> str:
    write_wav(path, Audio(pcm, rate_hz))
    return str(path)


def hearing(engines: Engines, folder: Path, **makers: Any) -> Hearing:
    return Hearing(premises_of(engines, folder, on_demand=makers))


async def test_times_are_nanoseconds_and_durations_seconds(clip: str, tmp_path: Path) -> None:
    room = hearing(fake_engines(transcriber=FakeTranscriber(["Good morning.|Good night."])), tmp_path)
    result = await room.audio_transcription(pb.TranscriptRequest(dst=clip, timestamp_granularities=["word"]))
    assert result.text == "Good morning. Good night."
    assert result.duration == pytest.approx(4.096)
    first, second = result.segments
    assert (first.id, first.text) == (0, "Good morning.")
    assert (second.id, second.text) == (1, "Good night.")
    assert first.start == pytest.approx(0.774 * SECOND)  # 250 ms before the speech
    assert second.end == pytest.approx(3.322 * SECOND)
    assert [word.text for word in second.words] == ["Good", "night."]
    assert second.words[0].start == second.start
    assert second.words[1].end == second.end


async def test_what_was_asked_for_reaches_the_transcriber(clip: str, tmp_path: Path) -> None:
    transcriber = FakeTranscriber()
    room = hearing(fake_engines(transcriber=transcriber), tmp_path)
    await room.audio_transcription(pb.TranscriptRequest(dst=clip))
    wanted: dict[str, Any] = {"language": "de_DE", "prompt": "A letter.", "temperature": 0.5, "translate": True}
    await room.audio_transcription(
        pb.TranscriptRequest(dst=clip, timestamp_granularities=["segment"], threads=7, stream=True, **wanted)
    )
    plain, chosen = transcriber.asked
    assert (plain.language, plain.timestamps, plain.words, plain.urgency) == (None, False, False, Urgency.UNATTENDED)
    assert (chosen.language, chosen.prompt, chosen.temperature, chosen.translate) == ("de", "A letter.", 0.5, True)
    assert (chosen.timestamps, chosen.words) == (True, False)


async def test_a_long_file_is_heard_in_clips(tmp_path: Path) -> None:
    transcriber = FakeTranscriber(["One.", "Two.", "Three."])
    path = recorded(tmp_path / "long.wav", sound(320, *(20_000, 1600) * 3))
    result = await hearing(fake_engines(transcriber=transcriber), tmp_path).audio_transcription(
        pb.TranscriptRequest(dst=path, language="auto")
    )
    assert result.text == "One. Two. Three."
    assert {(asked.urgency, asked.timestamps) for asked in transcriber.asked} == {(Urgency.UNATTENDED, True)}
    assert [segment.start for segment in result.segments] == sorted(segment.start for segment in result.segments)


async def test_silence_has_no_text(tmp_path: Path) -> None:
    transcriber = FakeTranscriber()
    path = recorded(tmp_path / "silence.wav", silence(5000, 8000), 8000)
    result = await hearing(fake_engines(transcriber=transcriber), tmp_path).audio_transcription(
        pb.TranscriptRequest(dst=path)
    )
    assert (result.text, list(result.segments), result.duration) == ("", [], 5)
    assert transcriber.heard == []


@pytest.mark.parametrize(("name", "rate_hz"), [("a.flac", 44_100), ("a.ogg", 48_000), ("a.mp3", 22_050)])
async def test_any_file_of_sound_is_heard(tmp_path: Path, name: str, rate_hz: int) -> None:
    pcm = np.concatenate([quiet(1000, rate_hz), voice(2000, rate_hz), quiet(1000, rate_hz)])
    tone = pcm * np.sin(np.arange(len(pcm)) * 2 * np.pi * 440 / rate_hz).astype(np.float32) * 2
    soundfile.write(tmp_path / name, np.stack((tone, tone), axis=1), rate_hz)
    transcriber = FakeTranscriber(["Good morning."])
    result = await hearing(fake_engines(transcriber=transcriber), tmp_path).audio_transcription(
        pb.TranscriptRequest(dst=str(tmp_path / name))
    )
    assert result.text == "Good morning."
    assert len(transcriber.heard[0]) / SPEECH_RATE_HZ == pytest.approx(2.5, abs=0.15)


async def test_deltas_join_to_the_text_of_the_last_message(clip: str, tmp_path: Path) -> None:
    async with Doorway(
        premises_of(fake_engines(transcriber=FakeTranscriber(["Good morning.|Good night."])), tmp_path)
    ) as door:
        call = door.stub.AudioTranscriptionStream(pb.TranscriptRequest(dst=clip))
        *parts, last = [response async for response in call]
        whole = await door.stub.AudioTranscription(pb.TranscriptRequest(dst=clip))
    assert [part.delta for part in parts] == ["Good morning.", " Good night."]
    assert last.final_result.text == "Good morning. Good night."
    assert last.final_result == whole


async def test_who_hangs_up_stops_the_work(tmp_path: Path) -> None:
    transcriber = FakeTranscriber(["One.", "Two.", "Three."])
    path = recorded(tmp_path / "long.wav", sound(320, *(20_000, 1600) * 3))
    room = hearing(fake_engines(transcriber=transcriber), tmp_path)
    async with aclosing(room.audio_transcription_stream(pb.TranscriptRequest(dst=path))) as responses:
        assert (await anext(responses)).delta == "One."
    assert len(transcriber.heard) == 1
    gate = transcriber.gate = asyncio.Event()
    async with Doorway(premises_of(fake_engines(transcriber=transcriber), tmp_path)) as door:
        call = door.stub.AudioTranscriptionStream(pb.TranscriptRequest(dst=path))
        reading = asyncio.get_running_loop().create_task(call.read())
        await until(lambda: len(transcriber.heard) == 2)
        call.cancel()
        await asyncio.wait([reading])
        await until(lambda: not door.going_on)
    assert not gate.is_set()
    assert len(transcriber.heard) == 2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"language": "xx"}, "language"),
        ({"language": "Klingon"}, "language"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"timestamp_granularities": ["letter"]}, "timestamp_granularities"),
        ({"dst": ""}, "dst"),
        ({"dst": "clip.wav"}, "dst"),
    ],
)
async def test_what_cannot_be_is_named(clip: str, tmp_path: Path, fields: dict[str, Any], param: str) -> None:
    room = hearing(fake_engines(), tmp_path)
    request = pb.TranscriptRequest(**{"dst": clip, **fields})
    for call in (room.audio_transcription(request), everything(room.audio_transcription_stream(request))):
        with pytest.raises(InvalidRequest) as refused:
            await call
        assert refused.value.param == param


async def test_other_files_are_refused(clip: str, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "text.wav").write_text("no sound")
    room = hearing(fake_engines(), tmp_path / "open")
    with pytest.raises(NotPermitted):
        await room.audio_transcription(pb.TranscriptRequest(dst=clip))
    for name in ("text.wav", "missing.wav"):
        with pytest.raises(InvalidRequest) as refused:
            await room.audio_transcription(pb.TranscriptRequest(dst=str(tmp_path / "open" / name)))
        assert refused.value.param == "dst"


async def test_what_fails_inside_ends_the_call(clip: str, tmp_path: Path) -> None:
    engines = fake_engines(transcriber=FakeTranscriber([EngineFailed("deaf")]))
    async with Doorway(premises_of(engines, tmp_path)) as door:
        status, message = await refusal(door.stub.AudioTranscription(pb.TranscriptRequest(dst=clip)))
    assert (status, message) == (grpc.StatusCode.INTERNAL, "deaf")


async def test_speakers_need_an_engine(clip: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownEngine):
        await hearing(fake_engines(), tmp_path).audio_transcription(pb.TranscriptRequest(dst=clip, diarize=True))


async def test_with_speakers_a_file_is_turned_looked_through_and_held_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though transcriber and voice encoder both listen to it, in pieces of their own."""
    turned: list[int] = []

    def turn(audio: Audio, rate_hz: int) -> Audio:
        turned.append(rate_hz)
        return resample(audio, rate_hz)

    monkeypatch.setattr("realtime.codecs.resample.resample", turn)
    detector, transcriber, speaker = Attentive(), FakeTranscriber(["Good morning."]), FakeSpeaker()
    engines = replace(fake_engines(transcriber=transcriber), detector=detector)
    pcm = np.concatenate([quiet(1024, 48_000), voice(2048, 48_000), quiet(1024, 48_000)])
    path = recorded(tmp_path / "clip.wav", pcm, 48_000)
    room = hearing(engines, tmp_path, speaker=lambda: speaker)
    result = await room.audio_transcription(pb.TranscriptRequest(dst=path, diarize=True))
    assert [segment.speaker for segment in result.segments] == ["SPEAKER_00"]
    assert result.duration == pytest.approx(4.096)
    assert turned == []  # but while it was read
    assert detector.windows == 4096 // 32
    assert np.shares_memory(transcriber.heard[0], speaker.heard[0])


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
async def test_engines_of_other_rates_hear_the_same(tmp_path: Path, rate_hz: int) -> None:
    transcriber = FakeTranscriber(["Good morning.|Good night."], rate_hz=rate_hz)
    speaker = FakeSpeaker(rate_hz=48_000 - rate_hz)
    path = recorded(tmp_path / "clip.wav", sound(1024, 2048, 2048, 2048))
    room = hearing(fake_engines(transcriber=transcriber), tmp_path, speaker=lambda: speaker)
    result = await room.audio_transcription(pb.TranscriptRequest(dst=path, diarize=True))
    assert {segment.speaker for segment in result.segments} == {"SPEAKER_00"}
    assert result.segments[0].start == pytest.approx(0.774 * SECOND, abs=0.01 * SECOND)
    [first, second] = transcriber.heard
    assert [len(first) / rate_hz, len(second) / rate_hz] == pytest.approx([2.55, 2.3], abs=0.05)
    assert len(speaker.heard[0]) / speaker.rate_hz == pytest.approx(1.5, abs=0.01)


async def test_who_cannot_tell_speakers_says_so_before_anything_is_heard(clip: str, tmp_path: Path) -> None:
    detector, transcriber = Attentive(), FakeTranscriber()
    engines = replace(fake_engines(transcriber=transcriber), detector=detector)
    room = hearing(engines, tmp_path, speaker=OneByOne)
    request = pb.TranscriptRequest(dst=clip, diarize=True)
    for call in (room.audio_transcription(request), everything(room.audio_transcription_stream(request))):
        with pytest.raises(NotServed, match="many windows"):
            await call
    assert (detector.windows, transcriber.heard) == (0, [])


async def test_words_in_a_pause_are_those_of_the_nearest_speaker(tmp_path: Path) -> None:
    """Of which a transcriber that places words by their share of the sound has some."""
    talk = np.concatenate([voice_of(0.3, 2000), quiet(900, SPEECH_RATE_HZ), voice_of(0.6, 2000)])
    transcriber = FakeTranscriber(["|".join("abcdefghijklmnopqrstuvwxyz")])
    room = hearing(fake_engines(transcriber=transcriber), tmp_path, speaker=FakeSpeaker)
    request = pb.TranscriptRequest(dst=recorded(tmp_path / "talk.wav", talk), diarize=True)
    result = await room.audio_transcription(request)
    in_the_pause = [one for one in result.segments if one.start > 2.05 * SECOND and one.end < 2.85 * SECOND]
    middle = 2.45 * SECOND
    before = [one for one in in_the_pause if one.end < middle]
    after = [one for one in in_the_pause if one.start > middle]
    assert before
    assert after
    assert {one.speaker for one in before} == {"SPEAKER_00"}
    assert {one.speaker for one in after} == {"SPEAKER_01"}


# --- VAD ---------------------------------------------------------------------------------------------------------


async def spoken(engines: Engines, pcm: Pcm) -> list[tuple[float, float]]:
    response = await Hearing(premises_of(engines)).vad(pb.VADRequest(audio=pcm))
    return [(round(segment.start, 2), round(segment.end, 2)) for segment in response.segments]


async def test_speech_is_found_in_seconds_and_who_still_speaks_has_no_end() -> None:
    assert await spoken(fake_engines(), sound(320, 640, 320, 640)) == [(0.29, 0.99), (1.25, 0)]
    assert await spoken(fake_engines(), sound(320, 640, 320)) == [(0.29, 0.99)]


@pytest.mark.parametrize("samples", [0, 1, 5000])
async def test_silence_has_no_speech(samples: int) -> None:
    assert await spoken(fake_engines(), np.zeros(samples, np.float32)) == []


async def test_every_call_begins_anew() -> None:
    engines = fake_engines()
    for _ in range(2):
        assert await spoken(engines, sound(0, 640)) == [(0.0, 0)]


async def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'audio'"):
        await spoken(fake_engines(), np.array([0, np.inf], np.float32))


async def test_minutes_hold_nobody_up(clip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the longer the more sound there is, is never done in the thread that answers all calls."""
    where: dict[str, set[int]] = {}

    def watch(room: Any, name: str) -> None:
        """Remember in which threads what is called so in `room` runs."""
        work = getattr(room, name)

        def watched(*args: Any) -> Any:
            where.setdefault(name, set()).add(get_ident())
            return work(*args)

        monkeypatch.setattr(room, name, watched)

    watch(realtime.backend.hearing.room, "floats_of")
    watch(realtime.backend.hearing.recordings, "stretches")
    watch(realtime.backend.hearing.recordings, "clips")
    watch(realtime.codecs.resample, "resample")
    detector = Attentive(SPEECH_RATE_HZ // 2)
    async with Doorway(premises_of(replace(fake_engines(), detector=detector), tmp_path)) as door:
        found = await door.stub.VAD(pb.VADRequest(audio=sound(*(640, 640) * 24)))
        heard = await door.stub.AudioTranscription(pb.TranscriptRequest(dst=clip))
    assert (len(found.segments), len(heard.segments)) == (24, 1)
    assert where.keys() == {"floats_of", "stretches", "clips", "resample"}
    assert detector.threads
    assert get_ident() not in set.union(detector.threads, *where.values())


# --- real models -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ears(workshop: MakeWorkshop) -> Engines:
    """Silero and Whisper tiny."""
    return real(workshop, open_faster_whisper(workshop()))


def real(workshop: MakeWorkshop, transcriber: Any) -> Engines:
    return replace(
        fake_engines(transcriber=transcriber),
        detector=open_silero(workshop()),
        scheduler=workshop().scheduler,
    )


@pytest.mark.model
async def test_silero_finds_a_question_between_silences(ears: Engines) -> None:
    speech = asked("ocean")
    [(start, end)] = await spoken(ears, np.concatenate([quiet(1000, SPEECH_RATE_HZ), speech, quiet(1000, 16_000)]))
    assert start == pytest.approx(1, abs=0.3)
    assert end == pytest.approx(1 + len(speech) / SPEECH_RATE_HZ, abs=0.4)
    [(_, still)] = await spoken(ears, speech[: len(speech) // 2])
    assert still == 0


@pytest.mark.model
@pytest.mark.timeout(300)
async def test_two_minutes_are_heard_whole_and_in_order(ears: Engines, tmp_path: Path) -> None:
    """Measured: 3.6 % of the words wrong."""
    questions = load_questions()
    parts, length = [quiet(3000, SPEECH_RATE_HZ)], 0.0
    texts: list[str] = []
    while length < 120:
        question = questions[len(texts) % len(questions)]
        parts += [resample(question.audio, SPEECH_RATE_HZ).pcm, quiet(300 + 700 * (len(texts) % 3), SPEECH_RATE_HZ)]
        texts.append(question.text)
        length = sum(map(len, parts)) / SPEECH_RATE_HZ
    path = recorded(tmp_path / "long.wav", np.concatenate(parts))
    async with Doorway(premises_of(ears, tmp_path)) as door:
        request = pb.TranscriptRequest(dst=path, timestamp_granularities=["segment"])
        *deltas, last = [response async for response in door.stub.AudioTranscriptionStream(request)]
    result = last.final_result
    assert word_error_rate(result.text, " ".join(texts)) <= 0.08
    assert "".join(part.delta for part in deltas) == result.text
    assert len(deltas) > 5
    assert result.duration == pytest.approx(length, abs=0.01)
    assert result.language == "en"
    times = [time for segment in result.segments for time in (segment.start, segment.end)]
    assert times == sorted(times)
    assert times[0] >= 2.7 * SECOND
    assert times[-1] <= length * SECOND
    assert all(segment.tokens for segment in result.segments)


@pytest.mark.model
async def test_words_are_placed_in_the_file(ears: Engines, tmp_path: Path) -> None:
    speech = asked("ocean")
    path = recorded(tmp_path / "ocean.wav", np.concatenate([quiet(2000, SPEECH_RATE_HZ), speech]))
    result = await hearing(ears, tmp_path).audio_transcription(
        pb.TranscriptRequest(dst=path, timestamp_granularities=["word"])
    )
    words = [word for segment in result.segments for word in segment.words]
    assert " ".join(word.text for word in words) == result.text
    assert words[0].start == pytest.approx(2 * SECOND, abs=0.35 * SECOND)
    assert words[-1].end == pytest.approx((2 + len(speech) / SPEECH_RATE_HZ) * SECOND, abs=0.5 * SECOND)


@pytest.mark.model
async def test_a_model_of_one_language_does_not_translate(ears: Engines, tmp_path: Path) -> None:
    path = recorded(tmp_path / "ocean.wav", asked("ocean"))
    room = hearing(ears, tmp_path)
    with pytest.raises(NotServed, match=r"whisper-tiny\.en.*transcriber\.model"):
        await room.audio_transcription(pb.TranscriptRequest(dst=path, translate=True))
    with pytest.raises(InvalidRequest, match=r"'language'.*understands en"):
        await room.audio_transcription(pb.TranscriptRequest(dst=path, language="fr"))


@pytest.mark.model
async def test_another_language_is_recognised_and_translated(workshop: MakeWorkshop, tmp_path: Path) -> None:
    """By a model of a hundred of them."""
    room = hearing(real(workshop, open_faster_whisper(workshop(model="whisper-base"))), tmp_path)
    path = recorded(tmp_path / "whisky.wav", other("fr", "pangrama"))
    french = await room.audio_transcription(pb.TranscriptRequest(dst=path))
    assert french.language == "fr"
    assert word_error_rate(french.text, "Portez ce vieux whisky aux juges blancs qui fument.") <= 0.2
    english = await room.audio_transcription(pb.TranscriptRequest(dst=path, translate=True))
    assert {"old", "white"} <= set(english.text.lower().replace(".", "").split())
    by_chance = await room.audio_transcription(pb.TranscriptRequest(dst=path, language="fr", temperature=0.2))
    assert by_chance.text  # whatever it is: it is drawn
    japanese = await room.audio_transcription(
        pb.TranscriptRequest(dst=recorded(tmp_path / "iroha.wav", other("ja", "pangrama")))
    )
    assert japanese.language == "ja"
    streamed = await everything(room.audio_transcription_stream(pb.TranscriptRequest(dst=path, language="fr-CA")))
    assert "".join(response.delta for response in streamed) == french.text


@pytest.mark.model
async def test_segments_tell_who_speaks(workshop: MakeWorkshop, ears: Engines, tmp_path: Path) -> None:
    pause = quiet(700, SPEECH_RATE_HZ)
    talk = [asked("ocean"), pause, other("en", "quick_brown_fox"), pause, asked("week"), pause]
    path = recorded(tmp_path / "talk.wav", np.concatenate(talk))
    room = hearing(ears, tmp_path, speaker=lambda: open_voicefilter(workshop()))
    result = await room.audio_transcription(pb.TranscriptRequest(dst=path, diarize=True))
    said: dict[str, str] = {}
    for segment in result.segments:
        said[segment.speaker] = said.get(segment.speaker, "") + " " + segment.text
    assert set(said) == {"SPEAKER_00", "SPEAKER_01"}
    assert "week" in said["SPEAKER_00"]
    assert "fox" in said["SPEAKER_01"]
