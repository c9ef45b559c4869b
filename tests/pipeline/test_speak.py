"""From sentences to sound, and where in it the words are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Audio, Pcm
from realtime.codecs.resample import Resampler
from realtime.engines.base import Speaking, Urgency
from realtime.pipeline.sentences import Phrase
from realtime.pipeline.speak import PIECE_MS, Piece, letters, pieces, speak
from tests.fakes import FakeSynthesizer, settle
from tests.pipeline.streams import collect, stream
from tests.protocol.effort import examples


def plain() -> Speaking:
    return Speaking()


def say(
    texts: list[str], engine: FakeSynthesizer, rate_hz: int = 24_000, taken: Callable[[Phrase], None] = lambda _: None
) -> AsyncGenerator[Piece, None]:
    """Say these sentences."""
    return speak(stream(map(Phrase, texts), taken), engine, plain, rate_hz)


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
    said = await collect(say(["One.", "Two.", "Three."], engine, rate_hz))
    resampler = Resampler(engine.rate_hz, rate_hz)
    whole = np.concatenate((resampler.push(np.concatenate(engine.parts)), resampler.flush()))
    assert len(engine.parts) == 12
    np.testing.assert_allclose(np.concatenate([piece.pcm for piece in said]), whole, atol=1e-5)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
async def test_joined_the_texts_are_the_sentences(rate_hz: int) -> None:
    """With one blank between each two."""
    sentences = ["It is.", "No!", "Yes, it is, as I have told you.", "?", "A"]
    said = await collect(say(sentences, FakeSynthesizer(), rate_hz))
    assert "".join(piece.text for piece in said) == " ".join(sentences)


async def test_line_breaks_are_kept() -> None:
    """The transcript of a list is a list, and two words that were one stay so."""
    phrases = [Phrase("One:"), Phrase("- two", blanks="\n"), Phrase("—three", blanks=""), Phrase("four", blanks="  ")]
    said = await collect(speak(stream(phrases), FakeSynthesizer(), plain, 24_000))
    assert "".join(piece.text for piece in said) == "One:\n- two—three  four"


async def test_pieces_are_short() -> None:
    """All of a sentence's pieces but its last are 100 ms long."""
    said = await collect(say(["x" * 33], FakeSynthesizer(ms_per_letter=10)))
    assert [len(piece.pcm) / 24 for piece in said] == [PIECE_MS, PIECE_MS, PIECE_MS, 30]


async def test_each_word_is_in_the_piece_in_which_it_begins() -> None:
    """At 50 ms a letter: after 0, 150, 350 and 550 ms, for the blank before a word is a part of it."""
    said = await collect(say(["one two six ten"], FakeSynthesizer()))
    assert [piece.text for piece in said] == ["one", " two", "", " six", "", " ten", "", ""]


async def test_a_word_that_begins_where_a_piece_ends_is_in_the_next() -> None:
    """Four letters of eight, at 25 ms a letter: after 100 ms exactly."""
    said = await collect(say(["abcd efg"], FakeSynthesizer(ms_per_letter=25)))
    assert [piece.text for piece in said] == ["abcd", " efg"]


async def test_a_sentence_is_spoken_before_the_next_is_asked_for() -> None:
    """The listener need not wait for the end of the answer."""
    asked: list[Phrase] = []
    said = say(["First.", "Second."], FakeSynthesizer(ms_per_letter=10), taken=asked.append)
    assert (await anext(said)).text == "First."
    assert asked == [Phrase("First.")]
    await collect(said)
    assert asked == [Phrase("First."), Phrase("Second.")]


async def test_a_sentence_with_nothing_to_say_has_words_and_no_sound() -> None:
    """They belong to the answer, whatever the voice makes of them."""
    said = await collect(say(["Well", "…", "yes."], Mute()))
    assert "".join(piece.text for piece in said) == "Well … yes."
    silent = [piece for piece in said if not len(piece.pcm)]
    assert [piece.text for piece in silent] == [" …"]


async def test_it_is_spoken_as_it_was_chosen() -> None:
    """Voice and speed reach the engine."""
    engine, slowly = FakeSynthesizer(), Speaking(voice="emma", speed=0.5)
    said = await collect(speak(stream([Phrase("Ten letters")]), engine, lambda: slowly, 24_000))
    assert engine.spoken == [("Ten letters", slowly)]
    assert sum(len(piece.pcm) for piece in said) == 11 * 50 * 24 * 2


async def test_how_urgent_it_is_may_change_between_two_phrases() -> None:
    """A reply that was begun on a guess is a real one in the middle of its first sentence."""
    engine = FakeSynthesizer(ms_per_letter=10)
    urgency = iter((Urgency.SPECULATIVE, Urgency.FINAL))
    said = speak(stream([Phrase("Of course,", goes_on=True), Phrase("I do.")]), engine, spoken_as(urgency), 24_000)
    await collect(said)
    assert [speaking.urgency for _, speaking in engine.spoken] == [Urgency.SPECULATIVE, Urgency.FINAL]


def spoken_as(urgency: Iterator[Urgency]) -> Callable[[], Speaking]:
    return lambda: Speaking(urgency=next(urgency))


async def test_the_voice_gets_words_and_the_listener_the_text() -> None:
    """Markdown, addresses and signs are for the eye; in the transcript they stay."""
    engine = FakeSynthesizer(ms_per_letter=10)
    texts = ["## See", "**www.example.com**, e.g. 🙂 now."]
    said = await collect(say(texts, engine))
    assert [spoken for spoken, _ in engine.spoken] == ["See", "example dot com, for example now."]
    assert "".join(piece.text for piece in said) == " ".join(texts)


async def test_the_voice_is_not_asked_for_what_cannot_be_said() -> None:
    """Code and lines of signs come as pieces without sound."""
    engine = FakeSynthesizer()
    texts = ["```python", "print(1)", "```", "| --- |", "🎉"]
    said = await collect(say(texts, engine))
    assert engine.spoken == []
    assert [(piece.text.strip(), len(piece.pcm)) for piece in said] == [(text, 0) for text in texts]


async def test_a_word_that_takes_long_to_say_has_a_long_place() -> None:
    """An address of five words, or a year, moves what follows it to where it is heard."""
    for word in ("www.example.com/a/b", "12:45", "1999"):
        made = list(pieces(f"{word} {'a' * (letters(word) - 1)}", np.zeros(24_000, np.float32), 24_000))
        assert [index for index, piece in enumerate(made) if piece.text] == [0, 5]
    assert letters("www.example.com/a/b") > 30 > letters("1999") > letters("nineteen") > letters("[link](example.com)")


@pytest.mark.parametrize("text", ["🙂", "🙂 🙂", "** ` **", "a 🙂"])
def test_words_that_take_no_time_are_not_lost(text: str) -> None:
    """Whatever the voice made of them."""
    assert "".join(piece.text for piece in pieces(text, np.zeros(24_000, np.float32), 24_000)) == text


async def test_nothing_to_say_is_no_sound() -> None:
    """An empty answer is empty."""
    assert await collect(say([], FakeSynthesizer())) == []


async def test_cancelling_stops_the_voice_in_the_middle_of_a_sentence() -> None:
    """What it holds is let go before the cancelled task is over."""
    engine = Singer(gate=asyncio.Event())
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(collect(say(["One.", "Two."], engine)))
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
    whole = sum(map(letters, text.split()))
    start = said = 0
    for piece in made:
        for word in piece.text.split():
            place = said / whole * samples
            assert start <= place < start + max(len(piece.pcm), 1)
            said += letters(word)
        start += len(piece.pcm)
