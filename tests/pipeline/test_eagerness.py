"""The table of eagerness makes sense, whatever its figures are; and what comes of it with the real models.

Those hear spoken questions, whole and with a pause put in, in the time of the sound: nothing waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.codecs.resample import resample
from realtime.engines.base import Detector, Listening
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import open_silero
from realtime.engines.smart_turn import SmartTurn, open_smart_turn
from realtime.models.store import ModelStore
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Ended, Hushed, Knobs, Paused, Verdict, Wording
from realtime.pipeline.listen import Listener
from realtime.pipeline.wording import Sense
from tests.live import question

COMPLETENESS = (0.0, 0.3, 0.6, 0.85, 0.92, 0.975, 1.0)
SENSES: tuple[Sense | None, ...] = ("whole", "brief", None, "open")


def test_the_longest_waits_are_those_of_openai() -> None:
    """Eight, four and two seconds."""
    assert {name: knobs.silence_ms for name, knobs in EAGERNESS.items()} == {"low": 8000, "medium": 4000, "high": 2000}


@pytest.mark.parametrize("sense", SENSES)
@pytest.mark.parametrize("name", EAGERNESS)
def test_the_longer_the_silence_the_less_is_asked_of_the_turn(name: str, sense: Sense | None) -> None:
    """Every look comes before the first bar, so that it counts; every bar before the longest wait, so that it can."""
    knobs = EAGERNESS[name]
    bars = [bar for bar in knobs.bars if bar.sense == sense]
    assert max(knobs.looks_ms) < bars[0].silence_ms
    assert max(bars[-1].silence_ms, knobs.blind_silence_ms) < knobs.silence_ms
    for earlier, later in pairwise(bars):
        assert earlier.silence_ms < later.silence_ms
        assert 1 > earlier.sure_from > later.sure_from >= 0


@pytest.mark.parametrize("sense", SENSES)
@pytest.mark.parametrize("completeness", COMPLETENESS)
def test_who_is_more_eager_waits_less(completeness: float, sense: Sense | None) -> None:
    """However complete the turn sounds, and whatever its words say; who is sure does not wait with medium either."""
    low, medium, high = (waits_ms(EAGERNESS[name], completeness, sense) for name in ("low", "medium", "high"))
    assert low > medium >= high
    assert medium > high or medium <= 192


@pytest.mark.parametrize("name", EAGERNESS)
@pytest.mark.parametrize("completeness", COMPLETENESS)
def test_the_more_the_words_make_a_whole_the_shorter_the_wait(completeness: float, name: str) -> None:
    """Or it stays as it is; between a whole and what must go on there is always a difference."""
    whole, brief, unknown, unfinished = (waits_ms(EAGERNESS[name], completeness, sense) for sense in SENSES)
    assert whole <= min(brief, unknown)
    assert max(brief, unknown) <= unfinished
    assert whole < unfinished


def waits_ms(knobs: Knobs, completeness: float, sense: Sense | None) -> int:
    """The silence after which the turn is over."""
    bars = [bar for bar in knobs.bars if bar.sense == sense and completeness >= bar.sure_from]
    return min((bar.silence_ms for bar in bars), default=knobs.silence_ms)


@pytest.mark.parametrize("name", EAGERNESS)
def test_speech_begins_as_with_server_vad(name: str) -> None:
    """Same threshold, same padding."""
    knobs, server = EAGERNESS[name], Knobs()
    assert (knobs.threshold, knobs.prefix_ms) == (server.threshold, server.prefix_ms) == (0.5, 300)


NAMES = ("time", "france", "week", "joke", "egg", "sky", "ocean", "umbrella", "dinner", "train")
BREAKS = (0.5, 0.75)
"""Where a question is broken off, of its length."""
STEP = 512
ANSWER_MS, WORDS_MS = 64, 128
"""How long the turn detector and the transcriber take."""


@dataclass
class Ears:
    """The engines of one conversation that hear."""

    detector: Detector
    smart_turn: SmartTurn
    whisper: FasterWhisper

    def end_ms(self, sound: Pcm, knobs: Knobs) -> float:
        """Where the first turn in `sound` is over; infinite if it goes on."""
        listener = Listener(self.detector, 60_000)
        listener.tune(knobs)
        waiting: list[tuple[int, Verdict | Wording]] = []
        for start in range(0, len(sound), STEP):
            for boundary in listener.push(sound[start : start + STEP]):
                match boundary:
                    case Ended():
                        return boundary.at_sample * 1000 / SPEECH_RATE_HZ
                    case Paused():
                        verdict = Verdict(boundary, self.smart_turn.listen(listener.newest(8000)))
                        waiting.append((boundary.at_sample + ms_to_samples(ANSWER_MS, SPEECH_RATE_HZ), verdict))
                    case Hushed():
                        [*heard] = self.whisper.hear_turn(listener.newest(8000), Listening())
                        wording = Wording(boundary, "".join(segment.text for segment in heard), "en")
                        waiting.append((boundary.at_sample + ms_to_samples(WORDS_MS, SPEECH_RATE_HZ), wording))
            for answer in [answer for answer in waiting if answer[0] <= start + STEP]:
                waiting.remove(answer)
                if ended := listener.decide(answer[1]):
                    return ended.at_sample * 1000 / SPEECH_RATE_HZ
        return float("inf")


@pytest.fixture(scope="module")
def ears(model_store: ModelStore) -> Iterator[Ears]:
    scheduler = Scheduler(1)
    workshop = Workshop(model_path=model_store.path, scheduler=scheduler, threads=1)
    yield Ears(open_silero(workshop), open_smart_turn(workshop), open_faster_whisper(workshop))
    scheduler.close()


def room(ms: float) -> Pcm:
    """Nobody speaks."""
    noise = np.random.default_rng(1).normal(size=ms_to_samples(ms, SPEECH_RATE_HZ))
    return (noise * 0.001).astype(np.float32)


def spoken(name: str) -> Pcm:
    """A question, from its first sound to its last."""
    pcm = resample(question(name), SPEECH_RATE_HZ).pcm
    loud = np.flatnonzero(np.abs(pcm) > 0.01)
    return pcm[loud[0] : loud[-1]]


@pytest.mark.model
def test_most_questions_are_decided_at_once_and_none_is_waited_for_long(ears: Ears) -> None:
    """Of ten, eight in 350 ms; the ones that do not sound finished, because their words are."""
    delays = []
    for name in NAMES:
        said = np.concatenate((room(300), spoken(name)))
        end_ms = ears.end_ms(np.concatenate((said, room(3000))), EAGERNESS["medium"])
        delays.append(end_ms - len(said) * 1000 / SPEECH_RATE_HZ)
    assert sorted(delays)[7] < 350
    assert 0 < min(delays) < max(delays) < 1750


@pytest.mark.model
def test_few_pauses_in_the_middle_are_taken_for_the_end(ears: Ears) -> None:
    """Of twenty of a second each, made with scissors; a fixed silence of half a second cuts into every one."""
    cut = 0
    for name in NAMES:
        said = spoken(name)
        for share in BREAKS:
            begun = said[: round(share * len(said))].copy()
            begun[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
            sound = np.concatenate((room(300), begun, room(1000)))
            cut += ears.end_ms(sound, EAGERNESS["medium"]) < float("inf")
            assert ears.end_ms(sound, Knobs(hush_ms=0)) < float("inf")
    assert cut <= 4
