"""Answers that come with their sound."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np

from realtime.audio import Audio
from realtime.pipeline.speak import Piece
from realtime.pipeline.voiced import voiced
from tests.fakes import voice


async def pieces_of(*parts: str | Audio, rate_hz: int = 24_000) -> list[Piece]:
    async def answer() -> AsyncGenerator[str | Audio, None]:
        for part in parts:
            yield part

    async with aclosing(answer()) as said, aclosing(voiced(said, rate_hz)) as pieces:
        return [piece async for piece in pieces]


def sound(ms: float, rate_hz: int = 24_000) -> Audio:
    return Audio(voice(ms, rate_hz), rate_hz)


async def test_text_is_said_in_the_sound_that_follows_it() -> None:
    """Sound without new words goes on with the last ones."""
    pieces = await pieces_of("One", sound(80), sound(100), " two", " three", sound(60))
    assert [(piece.text, len(piece.pcm) // 24) for piece in pieces] == [("One", 80), ("", 100), (" two three", 60)]


async def test_an_answer_told_in_one_go_is_cut_and_its_words_are_spread() -> None:
    """Evenly over the sound: what was heard when it is cut off is about what was said."""
    pieces = await pieces_of("aaaa bbbb cccc dddd", sound(1000))
    assert [len(piece.pcm) // 24 for piece in pieces] == [100] * 10
    assert "".join(piece.text for piece in pieces) == "aaaa bbbb cccc dddd"
    places = [place for place, piece in enumerate(pieces) if piece.text]
    assert places == [0, 2, 5, 7]


async def test_text_without_sound_comes_at_the_end() -> None:
    pieces = await pieces_of("One", sound(100), " two", " three")
    assert [(piece.text, len(piece.pcm)) for piece in pieces] == [("One", 2400), (" two three", 0)]


async def test_the_rate_may_change_on_the_way() -> None:
    """To the listener nothing does, and not a sample is missing."""
    pieces = await pieces_of("One", sound(200, 16_000), " two", sound(200, 48_000), sound(200, 8_000), rate_hz=8_000)
    assert "".join(piece.text for piece in pieces) == "One two"
    heard = np.concatenate([piece.pcm for piece in pieces])
    assert len(heard) == 600 * 8
    assert abs(float(np.median(heard)) - 0.5) < 0.001
