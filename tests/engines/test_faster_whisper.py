"""Whisper on real speech, and on what is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Pcm, silence
from realtime.bench.questions import load_questions
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Segment, Urgency
from realtime.engines.faster_whisper import FasterWhisper, FasterWhisperOptions, open_faster_whisper
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable, NotServed
from tests.end_to_end.wer import word_error_rate
from tests.engines.conftest import MakeWorkshop
from tests.engines.watched import WatchedScheduler

pytestmark = pytest.mark.model

QUESTIONS = {question.name: question for question in load_questions()}


@pytest.fixture(scope="module")
def whisper(workshop: MakeWorkshop) -> FasterWhisper:
    return open_faster_whisper(workshop())


def spoken(name: str) -> Pcm:
    return resample(QUESTIONS[name].audio, SPEECH_RATE_HZ).pcm


async def heard(whisper: FasterWhisper, speech: Pcm, listening: Listening | None = None) -> list[Segment]:
    return [segment async for segment in whisper.transcribe(speech, listening or Listening())]


def text(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
async def test_everyday_questions_are_understood(whisper: FasterWhisper, name: str) -> None:
    segments = await heard(whisper, spoken(name))
    assert word_error_rate(text(segments), QUESTIONS[name].text) <= 0.08
    assert segments[0].start_s == 0
    assert segments[-1].end_s <= len(spoken(name)) / SPEECH_RATE_HZ + 0.1
    assert all(-1 < segment.log_probability <= 0 for segment in segments)


def hum() -> Pcm:
    return (0.1 * np.sin(2 * np.pi * 50 * np.arange(48_000) / SPEECH_RATE_HZ)).astype(np.float32)


def noise(level: float) -> Pcm:
    return np.random.default_rng(0).normal(0, level, 32_000).astype(np.float32)


def click() -> Pcm:
    pcm = silence(1000, SPEECH_RATE_HZ)
    pcm[8000:8010] = 0.9
    return pcm


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("a second of silence", silence(1000, SPEECH_RATE_HZ)),
        ("a window full of silence", silence(30_000, SPEECH_RATE_HZ)),
        ("more than a window of silence", silence(35_000, SPEECH_RATE_HZ)),
        ("quiet noise", noise(0.01)),
        ("loud noise", noise(0.2)),
        ("a hum", hum()),
        ("a click", click()),
    ],
)
async def test_what_is_no_speech_has_no_words(whisper: FasterWhisper, name: str, sound: Pcm) -> None:
    assert await heard(whisper, sound) == []


async def test_a_hint_is_not_taken_for_what_was_said(whisper: FasterWhisper) -> None:
    assert await heard(whisper, noise(0.05), Listening(prompt="What is the weather?")) == []


async def test_speech_longer_than_a_window_is_understood_to_its_end(whisper: FasterWhisper) -> None:
    pause = silence(600, SPEECH_RATE_HZ)
    names = sorted(QUESTIONS) * 2  # more often within one window would look like Whisper's own repetition
    speech = np.concatenate([part for name in names for part in (spoken(name), pause)])
    assert len(speech) > 31 * SPEECH_RATE_HZ
    segments = await heard(whisper, speech)
    said = " ".join(QUESTIONS[name].text for name in names)
    assert word_error_rate(text(segments), said) <= 0.1
    assert [segment.start_s for segment in segments] == sorted(segment.start_s for segment in segments)
    assert segments[-1].end_s > 31


async def test_a_hint_shows_how_to_write(whisper: FasterWhisper) -> None:
    prompted = await heard(whisper, spoken("week"), Listening(prompt="hello there how are you i am fine thank you"))
    assert text(prompted) == " how many days are there in a week"


async def test_names_that_are_hard_to_hear_can_be_given(whisper: FasterWhisper) -> None:
    given = Listening(keywords=("Capitol", "Frantz"))
    assert text(await heard(whisper, spoken("france"), given)) != text(await heard(whisper, spoken("france")))


async def test_however_much_is_hinted_there_is_room_for_what_was_said(whisper: FasterWhisper) -> None:
    """Of the keywords the first ones are told, of the prompt its end."""
    much = Listening(keywords=("days", "week") * 200, prompt="How many days are there in a month? " * 100)
    assert word_error_rate(text(await heard(whisper, spoken("week"), much)), QUESTIONS["week"].text) == 0


async def test_words_come_with_their_times_when_they_are_asked_for(whisper: FasterWhisper) -> None:
    [segment] = await heard(whisper, spoken("ocean"), Listening(words=True))
    assert "".join(word.text for word in segment.words) == segment.text
    assert len(segment.words) == len(QUESTIONS["ocean"].text.split())
    assert all(-5 < word.log_probability <= 0 for word in segment.words)
    times = [time for word in segment.words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[-1] <= len(spoken("ocean")) / SPEECH_RATE_HZ
    [without] = await heard(whisper, spoken("ocean"))
    assert without.words == ()


async def test_a_language_that_the_model_does_not_know_is_refused(
    whisper: FasterWhisper, caplog: pytest.LogCaptureFixture
) -> None:
    assert whisper.languages == {"en"}
    [segment] = await heard(whisper, spoken("france"), Listening(language="en", languages=("en",)))
    assert segment.language == "en"
    for asked in (Listening(language="de"), Listening(languages=("en", "de"))):
        with pytest.raises(EngineFailed, match=r"'whisper-tiny\.en' does not understand de; it knows en"):
            await heard(whisper, spoken("france"), asked)
    assert [record for record in caplog.records if record.name == "faster_whisper"] == []


class Efforts:
    """Notes how many frames the encoder is given, and how many hypotheses are then followed."""

    def __init__(self, whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames: list[int] = []
        self.beams: list[int] = []
        self.before_decoding: Callable[[], object] = lambda: None
        self._encode, self._decode = whisper._whisper.encode, whisper._whisper.generate_with_fallback
        monkeypatch.setattr(whisper._whisper, "encode", self._note_frames)
        monkeypatch.setattr(whisper._whisper, "generate_with_fallback", self._note_beam)

    def _note_frames(self, features: Any) -> Any:
        self.frames.append(features.shape[-1])
        return self._encode(features)

    def _note_beam(self, encoded: Any, prompt: Any, tokenizer: Any, options: Any) -> Any:
        self.before_decoding()
        self.beams.append(options.beam_size)
        return self._decode(encoded, prompt, tokenizer, options)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.2, 1000), (7.9, 1000), (9.0, 1100), (27.5, 2950), (28.0, 3000), (30.0, 3000)]
)
async def test_the_window_is_as_long_as_what_was_said_and_no_shorter_than_ten_seconds(
    whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch, seconds: float, frames: int
) -> None:
    efforts = Efforts(whisper, monkeypatch)
    await heard(whisper, silence(seconds * 1000, SPEECH_RATE_HZ))
    assert efforts.frames == [frames]


async def test_what_is_likely_is_heard_once_and_greedily(
    whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    efforts = Efforts(whisper, monkeypatch)
    await heard(whisper, spoken("week"))
    assert (efforts.frames, efforts.beams) == ([1000], [1])


async def test_what_is_doubtful_is_decoded_again_and_then_heard_through_longer_windows(
    whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been encoded is not encoded again."""
    efforts = Efforts(whisper, monkeypatch)
    backwards = np.ascontiguousarray(spoken("dinner")[::-1])
    await heard(whisper, backwards)
    assert efforts.frames == [1000, 1600, 3000]
    assert efforts.beams[:4] == [1, 5, 5, 5]


async def test_a_draft_that_is_doubtful_is_not_worth_a_longer_window(
    whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    efforts = Efforts(whisper, monkeypatch)
    backwards = np.ascontiguousarray(spoken("dinner")[::-1])
    await heard(whisper, backwards, Listening(urgency=Urgency.PARTIAL))
    assert (efforts.frames, efforts.beams) == ([1000], [1, 5])


async def test_a_longer_turn_is_not_heard_greedily(whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause in it would be taken for its end."""
    efforts = Efforts(whisper, monkeypatch)
    turn = np.concatenate([spoken("dinner"), silence(800, SPEECH_RATE_HZ), spoken("train")])
    assert len(turn) > 8 * SPEECH_RATE_HZ
    said = f"{QUESTIONS['dinner'].text} {QUESTIONS['train'].text}"
    assert word_error_rate(text(await heard(whisper, turn)), said) <= 0.1
    assert efforts.beams == [5]


async def test_the_window_can_always_be_full(workshop: MakeWorkshop, monkeypatch: pytest.MonkeyPatch) -> None:
    whisper = open_faster_whisper(workshop(window="full"))
    efforts = Efforts(whisper, monkeypatch)
    assert word_error_rate(text(await heard(whisper, spoken("week"))), QUESTIONS["week"].text) == 0
    assert (efforts.frames, efforts.beams) == ([3000], [5])


class Polyglot:
    """Stands for a model of many languages, which no test fetches: remembers how it was asked."""

    model = SimpleNamespace(is_multilingual=True)
    supported_languages: ClassVar = ["de", "en", "fr"]

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.times: list[str | None] = []

    def detect_language(self, speech: Pcm) -> tuple[str, float, list[tuple[str, float]]]:
        return "en", 0.6, [("en", 0.6), ("fr", 0.3), ("de", 0.1)]

    def transcribe(self, speech: Pcm, **asked: Any) -> tuple[Iterator[Any], Any]:
        self.asked.update(asked)  # in place: a model that hears through a short window is a copy
        self.times.append(asked["language"])
        if asked["beam_size"] == 20:
            raise RuntimeError("out of memory")
        unlikely = SimpleNamespace(
            **{"text": " eh", "tokens": [1], "start": 0, "end": 1, "words": None},
            **{"avg_logprob": -9.0, "compression_ratio": 1.0, "no_speech_prob": 0.0},
        )
        return iter([unlikely]), SimpleNamespace(language=asked["language"] or "de")


@pytest.mark.parametrize(
    ("listening", "language"),
    [
        (Listening(), None),
        (Listening(language="de"), "de"),
        (Listening(languages=("fr",)), "fr"),
        (Listening(languages=("de", "fr")), "fr"),
        (Listening(language="de", languages=("de", "fr")), "de"),
    ],
)
async def test_a_model_of_many_languages_is_told_which_and_not_how_many_words(
    listening: Listening, language: str | None
) -> None:
    polyglot = Polyglot()
    whisper = FasterWhisper(polyglot, FasterWhisperOptions(), Scheduler(1))
    whisper.hear_turn(spoken("week"), listening)
    assert polyglot.times[0] == language
    assert "max_new_tokens" not in polyglot.asked


async def test_the_language_is_found_out_once() -> None:
    """However often a turn is heard."""
    polyglot = Polyglot()
    FasterWhisper(polyglot, FasterWhisperOptions(), Scheduler(1)).hear_turn(spoken("week"), Listening())
    assert polyglot.times == [None, "de", "de", "de"]


@pytest.mark.parametrize(
    ("listening", "asked"),
    [
        (Listening(translate=True), {"task": "translate", "temperature": (0.0, 0.4)}),
        (Listening(temperature=0.7), {"task": "transcribe", "temperature": 0.7}),
        (Listening(translate=True, temperature=0.7), {"task": "translate", "temperature": 0.7}),
    ],
)
async def test_what_is_not_transcription_of_the_likeliest_words_is_heard_through_the_full_window(
    listening: Listening, asked: dict[str, Any]
) -> None:
    """At once: what it takes to believe less was not measured for it."""
    polyglot = Polyglot()
    FasterWhisper(polyglot, FasterWhisperOptions(), Scheduler(1)).hear_turn(spoken("week"), listening)
    assert len(polyglot.times) == 1
    assert {name: polyglot.asked[name] for name in asked} == asked


async def test_a_model_of_one_language_translates_nothing(whisper: FasterWhisper) -> None:
    with pytest.raises(NotServed, match=r"'whisper-tiny\.en' only writes down what is said"):
        await heard(whisper, spoken("week"), Listening(translate=True))


async def test_segments_of_a_turn_can_have_times_of_their_own(whisper: FasterWhisper) -> None:
    """Also of a short one, which is one segment otherwise."""
    pause = silence(1200, SPEECH_RATE_HZ)
    turn = np.concatenate([pause, spoken("france"), pause, spoken("week"), pause])
    [whole] = await heard(whisper, turn)
    assert whole.start_s == 0
    timed = await heard(whisper, turn, Listening(timestamps=True))
    assert word_error_rate(text(timed), whole.text) <= 0.2
    assert len(timed) == 2
    assert timed[1].start_s == pytest.approx(2.4 + len(spoken("france")) / SPEECH_RATE_HZ, abs=0.8)
    assert all(segment.tokens for segment in (whole, *timed))


@pytest.mark.parametrize("timestamps", [False, True])
async def test_words_have_the_tokens_that_they_were_written_with(whisper: FasterWhisper, timestamps: bool) -> None:
    """Each token is of one word, in their order; those of times are of none."""
    pause = silence(1200, SPEECH_RATE_HZ)
    turn = np.concatenate([pause, spoken("france"), pause, spoken("week"), pause])
    vocabulary = whisper._whisper.hf_tokenizer
    for segment in await heard(whisper, turn, Listening(words=True, timestamps=timestamps)):
        of_words = [token for word in segment.words for token in word.tokens]
        assert of_words == [token for token in segment.tokens if token < vocabulary.token_to_id("<|endoftext|>")]
        assert [vocabulary.decode(word.tokens) for word in segment.words] == [word.text for word in segment.words]


@pytest.mark.parametrize("samples", [0, 1, 1599])
async def test_less_than_a_tenth_of_a_second_is_not_listened_to(samples: int) -> None:
    polyglot = Polyglot()
    whisper = FasterWhisper(polyglot, FasterWhisperOptions(), Scheduler(1))
    assert await heard(whisper, np.full(samples, 0.1, np.float32)) == []
    assert polyglot.asked == {}


async def test_what_fails_inside_is_told_as_the_engine_s_failure() -> None:
    whisper = FasterWhisper(Polyglot(), FasterWhisperOptions(beam_size=20), Scheduler(1))
    with pytest.raises(EngineFailed, match=r"transcription with 'whisper-tiny\.en' failed: out of memory"):
        await heard(whisper, spoken("week"))


async def test_sound_that_is_not_a_number_has_no_words(whisper: FasterWhisper) -> None:
    with np.errstate(invalid="ignore"):
        assert await heard(whisper, np.full(16_000, np.nan, np.float32)) == []


async def test_the_event_loop_is_never_held_up(whisper: FasterWhisper, no_blocking: None) -> None:
    assert await heard(whisper, spoken("france"))


async def test_two_can_be_heard_at_once(whisper: FasterWhisper) -> None:
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(heard(whisper, spoken(name))) for name in ("france", "week")]
    for task, name in zip(both, ("france", "week"), strict=True):
        assert word_error_rate(text(task.result()), QUESTIONS[name].text) == 0


async def test_a_cancel_is_heard_at_once_and_harms_nobody(whisper: FasterWhisper) -> None:
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(heard(whisper, spoken("france")))
        await asyncio.sleep(0)
        listening.cancel()
    assert listening.cancelled()
    assert text(await heard(whisper, spoken("week"))) != ""


async def test_what_nobody_waits_for_is_not_decoded_again(
    workshop: MakeWorkshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However doubtful it is."""
    scheduler = WatchedScheduler()
    whisper = open_faster_whisper(replace(workshop(), scheduler=scheduler))
    efforts = Efforts(whisper, monkeypatch)
    decoding, cancelled = asyncio.Event(), Event()
    loop = asyncio.get_running_loop()

    def wait_for_cancel() -> None:
        loop.call_soon_threadsafe(decoding.set)
        assert cancelled.wait(10)

    efforts.before_decoding = wait_for_cancel
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(heard(whisper, np.ascontiguousarray(spoken("dinner")[::-1])))
        await decoding.wait()
        listening.cancel()
    cancelled.set()
    await asyncio.to_thread(scheduler.close)
    assert efforts.beams == [1]


async def test_closing_early_goes_no_further(workshop: MakeWorkshop) -> None:
    scheduler = WatchedScheduler()
    whisper = open_faster_whisper(replace(workshop(), scheduler=scheduler))
    speech = np.concatenate([spoken("france")] * 20)
    async with aclosing(whisper.transcribe(speech, Listening())) as segments:
        assert "capital" in (await anext(segments)).text
        assert "capital" in (await anext(segments)).text
    assert len(scheduler.turns) == 2
    await asyncio.to_thread(scheduler.close)


async def test_a_turn_of_speech_takes_one_turn_of_a_thread(workshop: MakeWorkshop) -> None:
    scheduler = WatchedScheduler()
    whisper = open_faster_whisper(replace(workshop(), scheduler=scheduler))
    await heard(whisper, spoken("week"), Listening(urgency=Urgency.PARTIAL))
    assert scheduler.turns == [Urgency.PARTIAL]
    await asyncio.to_thread(scheduler.close)


def test_options_that_cannot_be_are_named(workshop: MakeWorkshop, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="compute type"):
        open_faster_whisper(workshop(compute_type="int9"))
    with pytest.raises(BadConfiguration, match="beam_size"):
        open_faster_whisper(workshop(beam_size=0))
    with pytest.raises(ModelUnavailable, match="not a Whisper model"):
        open_faster_whisper(workshop(model=str(tmp_path)))
