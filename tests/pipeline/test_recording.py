"""A window onto a stream whose positions never move."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Pcm
from realtime.pipeline.recording import Recording
from tests.protocol.effort import examples


def ramp(start: int, end: int) -> Pcm:
    """Samples that say which they are."""
    return np.arange(start, end, dtype=np.float32)


def recording(*sizes: int) -> Recording:
    """One that was given blocks of these sizes."""
    made = Recording()
    for size in sizes:
        made.add(ramp(made.end, made.end + size))
    return made


def test_it_begins_with_nothing() -> None:
    """Which can be taken, cut and forgotten."""
    empty = recording()
    empty.forget_before(10)
    empty.cut(10)
    assert (empty.start, empty.end) == (0, 0)
    assert len(empty.take()) == 0


def test_it_keeps_what_is_added_in_order() -> None:
    """Until it is taken; the stream goes on where it was."""
    kept = recording(3, 0, 4)
    assert kept.take().tolist() == ramp(0, 7).tolist()
    assert (kept.start, kept.end) == (7, 7)
    assert len(kept.take()) == 0
    kept.add(ramp(7, 9))
    assert kept.take().tolist() == [7, 8]


def test_forgetting_leaves_everything_that_is_needed() -> None:
    """Whole blocks go: up to a block more may stay, never less."""
    kept = recording(5, 5, 5)
    kept.forget_before(4)
    assert kept.start == 0
    kept.forget_before(9)
    assert kept.start == 5
    kept.forget_before(10)
    assert kept.start == 10
    assert kept.take().tolist() == ramp(10, 15).tolist()


def test_a_cut_is_exact() -> None:
    """At a block's edge, inside a block, and again inside what is left of it."""
    kept = recording(5, 5, 5)
    for sample in (5, 7, 8):
        kept.cut(sample)
        assert kept.start == sample
    assert kept.take().tolist() == ramp(8, 15).tolist()


def test_what_is_gone_stays_gone() -> None:
    """Cutting before the beginning of what is kept changes nothing."""
    kept = recording(5, 5)
    kept.cut(6)
    kept.cut(2)
    assert kept.start == 6
    assert kept.take().tolist() == ramp(6, 10).tolist()


@examples
@given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 40), st.integers(0, 80))
def test_what_came_since_is_shown_and_kept(sizes: list[int], cut: int, sample: int) -> None:
    """From any sample on, as far as it is there."""
    kept = recording(*sizes)
    kept.cut(cut)
    assert kept.since(sample).tolist() == ramp(max(sample, kept.start), max(sample, kept.start, kept.end)).tolist()
    assert len(kept.take()) == kept.end - min(cut, kept.end)


@examples
@given(st.lists(st.one_of(st.integers(0, 9), st.tuples(st.sampled_from(["forget", "cut"]), st.integers(0, 60)))))
def test_it_is_a_window_onto_the_stream(steps: list[int | tuple[str, int]]) -> None:
    """Whatever is done to it: all that lies between `start` and `end`, and nothing needed is missing."""
    kept, needed = Recording(), 0
    for step in steps:
        if isinstance(step, int):
            kept.add(ramp(kept.end, kept.end + step))
            continue
        needed = max(needed, min(step[1], kept.end))
        (kept.forget_before if step[0] == "forget" else kept.cut)(step[1])
        assert step[0] == "forget" or kept.start >= min(step[1], kept.end)
        assert kept.start <= needed
    start, end = kept.start, kept.end
    assert kept.take().tolist() == ramp(start, end).tolist()
