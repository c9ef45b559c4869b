"""From phrases to sound, in small pieces that each know the words which begin in them.

A piece is what can be sent, counted and cut: the transcript grows with the sound that was really sent, and when a
listener has stopped at some millisecond, the words before it are known.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from realtime.audio import Pcm, ms_to_samples
from realtime.codecs.resample import Resampler
from realtime.engines.base import Speaking, Synthesizer
from realtime.pipeline.sentences import Phrase
from realtime.pipeline.speakable import Reading
from realtime.pipeline.spoken_english import in_words

PIECE_MS = 100
"""Long enough that the cost of an event is small beside it, short enough to place a word."""

LETTERS_MORE_PER_DIGIT = 3
"""`1999` takes as long to say as sixteen letters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A little speech: the words that begin in it, and its sound at the reply's rate, shape (n,)."""

    text: str
    pcm: Pcm


async def speak(
    phrases: AsyncIterable[Phrase], synthesizer: Synthesizer, speaking: Callable[[], Speaking], rate_hz: int
) -> AsyncGenerator[Piece, None]:
    """Say each phrase as soon as it is there, at `rate_hz`. Joined, the pieces' texts are the phrases.

    The voice is given a phrase's speakable form. `speaking` is asked before each: how urgent a reply is may change
    while it is made. A phrase with nothing to say in it comes as a piece without sound. Cancelling stops after the
    inference step that is running.
    """
    resampler = Resampler(synthesizer.rate_hz, rate_hz)
    reading = Reading()
    first = True
    async for phrase in phrases:
        text = phrase.text if first else phrase.blanks + phrase.text
        first = False
        sound = [_SILENCE]
        if spoken := reading.spoken(phrase):
            async with aclosing(synthesizer.speak(spoken, speaking())) as parts:
                sound += [resampler.push(part.pcm) async for part in parts]
        for piece in pieces(text, np.concatenate(sound), rate_hz):
            yield piece
    rest = resampler.flush()
    if len(rest):
        yield Piece("", rest)


_SILENCE: Pcm = np.zeros(0, np.float32)


def pieces(text: str, pcm: Pcm, rate_hz: int) -> Iterator[Piece]:
    """`pcm` cut into pieces, and each word of `text` given to the piece in which it probably begins.

    The voice does not tell when it says which word, so a word's place is its share of the phrase's letters: on average
    within one word of the truth, and exact at the beginning.
    """
    if not len(pcm):
        yield Piece(text, pcm)
        return
    size = ms_to_samples(PIECE_MS, rate_hz)
    words = deque((word, letters(word)) for word in _words(text))
    whole = sum(count for _, count in words)
    said = 0
    for start in range(0, len(pcm), size):
        end = min(start + size, len(pcm))
        spoken = ""
        while words and (said * len(pcm) < end * whole or end == len(pcm)):
            word, count = words.popleft()
            spoken += word
            said += count
        yield Piece(spoken, pcm[start:end])


def _words(text: str) -> list[str]:
    """The words of `text`, each with the blanks before it: joined, they are `text`."""
    return re.findall(r"\s*\S+\s*$|\s*\S+", text)


def letters(word: str) -> int:
    """How long it takes to say `word` and the blank before it, in letters."""
    spoken = word.strip()
    if not _PLAIN_WORD.fullmatch(spoken):
        spoken = in_words(_LINK_TARGET.sub("", spoken))
    return 1 + len(spoken) + LETTERS_MORE_PER_DIGIT * sum(map(str.isdigit, spoken))


_PLAIN_WORD = re.compile(r"[^\W\d_]+[,.;:!?]?")
_LINK_TARGET = re.compile(r"(?<=\])\(\S*\)")
