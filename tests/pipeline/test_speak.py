"""From sentences to sound, and where in it the words are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Audio, Pcm
from realtime.codecs.resample import Resampler
from realtime.engines.base import Speaking
from realtime.pipeline.speak import PIECE_MS, pieces, speak
from tests.fakes import FakeSynthesizer, settle
from tests.pipeline.streams import collect, stream
from tests.protocol.effort import examples

PLAIN = Speaking()


@dataclass
class Singer(FakeSynthesizer):
    """Speaks noise, in parts of ragged length, and remembers it."""

    parts: list[Pcm] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """When given, no sentence goes on after its first part before it is set."""
    closed: int = 0

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        noise = np.random.default_rng(len(self.parts))
        try:
            for samples in (700, 1, 4_000, 333):
                self.parts.append(noise.uniform(-0.5, 0.5, samples).astype(np.float32))
                yield Audio(self.parts[-1], self.rate_hz)
                if self.gate:
                    await self.gate.wait()
        finally:
            self.closed += 1


class Mute(FakeSynthesizer):
    """Has nothing to say to a text without letters."""

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        if any(letter.isalpha() for letter in text):
            async for audio in super().speak(text, speaking):
                yield audio


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
async def test_joined_the_sound_is_the_engines_sound_at_the_replys_rate(rate_hz: int) -> None:
    """Across parts, pieces and sentences, with nothing lost at the end."""
    engine = Singer()
    said = await collect(speak(stream(["One.", "Two.", "Three."]), engine, PLAIN, rate_hz))
    resampler = Resampler(engine.rate_hz, rate_hz)
    whole = np.concatenate((resampler.push(np.concatenate(engine.parts)), resampler.flush()))
    assert len(engine.parts) == 12
    np.testing.assert_allclose(np.concatenate([piece.pcm for piece in said]), whole, atol=1e-5)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
async def test_joined_the_texts_are_the_sentences(rate_hz: int) -> None:
    """With one blank between each two."""
    sentences = ["It is.", "No!", "Yes, it is, as I have told you.", "?", "A"]
    said = await collect(speak(stream(sentences), FakeSynthesizer(), PLAIN, rate_hz))
    assert "".join(piece.text for piece in said) == " ".join(sentences)


async def test_pieces_are_short() -> None:
    """All of a sentence's pieces but its last are 100 ms long."""
    said = await collect(speak(stream(["x" * 33]), FakeSynthesizer(ms_per_letter=10), PLAIN, 24_000))
    assert [len(piece.pcm) / 24 for piece in said] == [PIECE_MS, PIECE_MS, PIECE_MS, 30]


async def test_each_word_is_in_the_piece_in_which_it_begins() -> None:
    """At 50 ms a letter: after 0, 150, 350 and 550 ms, for the blank before a word is a part of it."""
    said = await collect(speak(stream(["one two six ten"]), FakeSynthesizer(), PLAIN, 24_000))
    assert [piece.text for piece in said] == ["one", " two", "", " six", "", " ten", "", ""]


async def test_a_word_that_begins_where_a_piece_ends_is_in_the_next() -> None:
    """Four letters of eight, at 25 ms a letter: after 100 ms exactly."""
    said = await collect(speak(stream(["abcd efg"]), FakeSynthesizer(ms_per_letter=25), PLAIN, 24_000))
    assert [piece.text for piece in said] == ["abcd", " efg"]


async def test_a_sentence_is_spoken_before_the_next_is_asked_for() -> None:
    """The listener need not wait for the end of the answer."""
    asked: list[str] = []
    engine = FakeSynthesizer(ms_per_letter=10)
    said = speak(stream(["First.", "Second."], asked.append), engine, PLAIN, 24_000)
    assert (await anext(said)).text == "First."
    assert asked == ["First."]
    await collect(said)
    assert asked == ["First.", "Second."]


async def test_a_sentence_with_nothing_to_say_has_words_and_no_sound() -> None:
    """They belong to the answer, whatever the voice makes of them."""
    said = await collect(speak(stream(["Well", "…", "yes."]), Mute(), PLAIN, 24_000))
    assert "".join(piece.text for piece in said) == "Well … yes."
    silent = [piece for piece in said if not len(piece.pcm)]
    assert [piece.text for piece in silent] == [" …"]


async def test_it_is_spoken_as_it_was_chosen() -> None:
    """Voice and speed reach the engine."""
    engine, slowly = FakeSynthesizer(), Speaking(voice="emma", speed=0.5)
    said = await collect(speak(stream(["Ten letters"]), engine, slowly, 24_000))
    assert engine.spoken == [("Ten letters", slowly)]
    assert sum(len(piece.pcm) for piece in said) == 11 * 50 * 24 * 2


async def test_nothing_to_say_is_no_sound() -> None:
    """An empty answer is empty."""
    assert await collect(speak(stream([]), FakeSynthesizer(), PLAIN, 8_000)) == []


async def test_cancelling_stops_the_voice_in_the_middle_of_a_sentence() -> None:
    """What it holds is let go before the cancelled task is over."""
    engine = Singer(gate=asyncio.Event())
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(collect(speak(stream(["One.", "Two."]), engine, PLAIN, 24_000)))
        await settle()
        assert (len(engine.parts), engine.closed) == (1, 0)
        speaking.cancel()
        await asyncio.wait([speaking])
        assert engine.closed == 1


@examples
@given(
    st.lists(st.text("abc.,", min_size=1, max_size=12), min_size=1, max_size=12).map(" ".join),
    st.integers(0, 50_000),
)
def test_every_word_has_its_place(text: str, samples: int) -> None:
    """Where its share of the letters puts it, in order, the first at the very beginning."""
    sound = np.arange(samples, dtype=np.float32)
    made = list(pieces(text, sound, 24_000))
    assert "".join(piece.text for piece in made) == text
    assert np.array_equal(np.concatenate([piece.pcm for piece in made]), sound)
    start = letters = 0
    for piece in made:
        for word in piece.text.split():
            place = letters / len(text) * samples
            assert start <= place < start + max(len(piece.pcm), 1)
            letters += len(word) + 1 if letters else len(word)
        start += len(piece.pcm)
