"""A text that is there already, said as an answer would be."""

from __future__ import annotations

from contextlib import aclosing

import numpy as np
import pytest

from realtime.engines.base import Speaking
from realtime.pipeline.read_aloud import read_aloud
from tests.fakes import FakeSynthesizer

SPEAKING = Speaking(voice="emma")


async def test_a_text_is_said_phrase_by_phrase() -> None:
    synthesizer = FakeSynthesizer(ms_per_letter=10)
    pieces = [piece async for piece in read_aloud("\n It was **late**. So he slept!", synthesizer, SPEAKING, 24_000)]
    assert synthesizer.spoken == [("It was late.", SPEAKING), ("So he slept!", SPEAKING)]
    assert "".join(piece.text for piece in pieces) == "It was **late**. So he slept!"
    assert sum(len(piece.pcm) for piece in pieces) == 24 * 240


async def test_it_comes_at_the_rate_that_is_asked_for() -> None:
    synthesizer = FakeSynthesizer(ms_per_letter=10)
    pieces = [piece.pcm async for piece in read_aloud("It was late.", synthesizer, SPEAKING, 8000)]
    assert len(np.concatenate(pieces)) == 8 * 120


@pytest.mark.parametrize("text", ["", "  ", "...", "***", "\n\n"])
async def test_where_there_is_nothing_to_say_there_is_no_sound(text: str) -> None:
    pieces = [piece async for piece in read_aloud(text, FakeSynthesizer(), SPEAKING, 24_000)]
    assert sum(len(piece.pcm) for piece in pieces) == 0


async def test_closing_it_says_no_more() -> None:
    synthesizer = FakeSynthesizer()
    async with aclosing(read_aloud("One. Two. Three.", synthesizer, SPEAKING, 24_000)) as pieces:
        await anext(pieces)
    assert [text for text, _ in synthesizer.spoken] == ["One."]
