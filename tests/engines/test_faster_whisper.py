"""Whisper on real speech, and on what is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Pcm, silence
from realtime.bench.questions import load_questions
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Segment, Urgency
from realtime.engines.faster_whisper import FasterWhisper, FasterWhisperOptions, open_faster_whisper
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable
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
    assert word_error_rate(text(segments), QUESTIONS[name].text) <= 0.15
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
    names = ("france", "week", "ocean", "egg", "sky") * 4
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


async def test_a_language_is_not_asked_of_a_model_that_knows_one(
    whisper: FasterWhisper, caplog: pytest.LogCaptureFixture
) -> None:
    segments = await heard(whisper, spoken("france"), Listening(language="de"))
    assert word_error_rate(text(segments), QUESTIONS["france"].text) == 0
    assert [record for record in caplog.records if record.name == "faster_whisper"] == []


class Polyglot:
    """Stands for a model of many languages, which no test fetches: remembers how it was asked."""

    model = SimpleNamespace(is_multilingual=True)

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def transcribe(self, speech: Pcm, **asked: Any) -> tuple[Iterator[Any], None]:
        self.asked = asked
        if asked["language"] not in (None, "de"):
            raise ValueError(f"{asked['language']!r} is not a valid language code")
        return iter(()), None


async def test_a_model_of_many_languages_is_told_which_and_not_how_many_words() -> None:
    polyglot = Polyglot()
    whisper = FasterWhisper(polyglot, FasterWhisperOptions(), Scheduler(1))
    await heard(whisper, spoken("week"), Listening(language="de"))
    assert polyglot.asked["language"] == "de"
    assert "max_new_tokens" not in polyglot.asked
    await heard(whisper, spoken("week"))
    assert polyglot.asked["language"] is None


@pytest.mark.parametrize("samples", [0, 1, 1599])
async def test_less_than_a_tenth_of_a_second_is_not_listened_to(samples: int) -> None:
    polyglot = Polyglot()
    whisper = FasterWhisper(polyglot, FasterWhisperOptions(), Scheduler(1))
    assert await heard(whisper, np.full(samples, 0.1, np.float32)) == []
    assert polyglot.asked == {}


async def test_a_language_that_is_none_is_a_failure() -> None:
    whisper = FasterWhisper(Polyglot(), FasterWhisperOptions(), Scheduler(1))
    with pytest.raises(EngineFailed, match=r"transcription with 'whisper-tiny\.en' failed: 'xx' is not"):
        await heard(whisper, spoken("week"), Listening(language="xx"))


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
