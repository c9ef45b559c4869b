"""The table of eagerness makes sense, whatever its figures are."""

from __future__ import annotations

from itertools import pairwise

import pytest

from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Knobs
from realtime.pipeline.wording import Sense

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
