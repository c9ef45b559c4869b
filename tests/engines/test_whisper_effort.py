"""How much effort is enough: decided by how likely the whole text is."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from realtime.audio import SPEECH_RATE_HZ
from realtime.engines.whisper_effort import final_efforts, partial_efforts


@dataclass
class Text:
    """As likely as it is said to be."""

    avg_logprob: float
    compression_ratio: float
    tokens: list[int] = field(default_factory=list)


def heard(mean: float, tokens: int = 9, packed: float = 1.0) -> Text:
    """What came out, by its mean log probability a token."""
    return Text(mean, packed, list(range(tokens)))


@pytest.mark.parametrize(
    ("seconds", "beam_size", "taken"),
    [
        (3, 5, [(1000, 1), (1000, 5), (1600, 5), (3000, 5)]),
        (3, 1, [(1000, 1), (1600, 1), (3000, 1)]),
        (12, 5, [(1400, 5), (1700, 5), (3000, 5)]),
        (26, 5, [(2800, 5), (3000, 5)]),
        (29, 5, [(3000, 5)]),
    ],
)
def test_each_effort_is_greater_than_the_one_before(seconds: int, beam_size: int, taken: list[tuple[int, int]]) -> None:
    """And none is the same as another."""
    efforts = final_efforts(seconds * SPEECH_RATE_HZ, beam_size)
    assert [(effort.frames, effort.beam_size) for effort in efforts] == taken


def test_a_draft_never_goes_beyond_its_short_window() -> None:
    """It will be heard again soon."""
    assert [effort.frames for effort in partial_efforts(3 * SPEECH_RATE_HZ, 5)] == [1000, 1000]
    assert [effort.beam_size for effort in partial_efforts(12 * SPEECH_RATE_HZ, 5)] == [5]


def test_the_longer_a_text_the_surer_each_of_its_words_must_be() -> None:
    """A greedy search is believed where no other text can be much likelier than all of what it found."""
    greedy = next(final_efforts(SPEECH_RATE_HZ, 5))
    assert greedy.is_enough(heard(-0.3, tokens=9))
    assert not greedy.is_enough(heard(-0.3, tokens=19))


def test_a_longer_window_is_for_what_is_unlikely_together_and_word_by_word() -> None:
    """A long text is unlikely as a whole however sure each word is."""
    _, wider, longer, full = final_efforts(SPEECH_RATE_HZ, 5)
    assert wider.is_enough(heard(-0.15, tokens=59))
    assert not wider.is_enough(heard(-0.3, tokens=29))
    assert longer.is_enough(heard(-0.5, tokens=29))
    assert not longer.is_enough(heard(-0.7, tokens=29))
    assert full.is_enough(heard(-5.0, packed=9.0))


def test_repetition_is_never_believed_but_in_the_end() -> None:
    """Whisper is very sure when it repeats itself."""
    *earlier, last = final_efforts(SPEECH_RATE_HZ, 5)
    assert not any(effort.is_enough(heard(-0.01, packed=2.5)) for effort in earlier)
    assert last.is_enough(heard(-0.01, packed=2.5))
    assert not any(effort.is_enough(heard(-0.01, packed=2.5)) for effort in partial_efforts(SPEECH_RATE_HZ, 5))
