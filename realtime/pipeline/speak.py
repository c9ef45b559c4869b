"""From sentences to sound, in small pieces that each know the words which begin in them.

A piece is what can be sent, counted and cut: the transcript grows with the sound that was really sent, and when a
listener has stopped at some millisecond, the words before it are known.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from realtime.audio import Pcm, ms_to_samples
from realtime.codecs.resample import Resampler
from realtime.engines.base import Speaking, Synthesizer

PIECE_MS = 100
"""Long enough that the cost of an event is small beside it, short enough to place a word."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A little speech: the words that begin in it, and its sound at the reply's rate, shape (n,)."""

    text: str
    pcm: Pcm


async def speak(
    sentences: AsyncIterable[str], synthesizer: Synthesizer, speaking: Speaking, rate_hz: int
) -> AsyncGenerator[Piece, None]:
    """Say each sentence as soon as it is there, at `rate_hz`. Joined, the pieces' texts are the sentences.

    A sentence with nothing to say in it comes as a piece without sound. Cancelling stops after the inference step that
    is running.
    """
    resampler = Resampler(synthesizer.rate_hz, rate_hz)
    first = True
    async for sentence in sentences:
        text = sentence if first else f" {sentence}"
        first = False
        async with aclosing(synthesizer.speak(sentence, speaking)) as parts:
            sound = [resampler.push(part.pcm) async for part in parts]
        for piece in pieces(text, np.concatenate(sound) if sound else _SILENCE, rate_hz):
            yield piece
    rest = resampler.flush()
    if len(rest):
        yield Piece("", rest)


_SILENCE: Pcm = np.zeros(0, np.float32)


def pieces(text: str, pcm: Pcm, rate_hz: int) -> Iterator[Piece]:
    """`pcm` cut into pieces, and each word of `text` given to the piece in which it probably begins.

    The voice does not tell when it says which word, so a word's place is its share of the sentence's letters: on
    average within one word of the truth, and exact at both ends.
    """
    size = ms_to_samples(PIECE_MS, rate_hz)
    words = _words(text)
    said = 0
    for start in range(0, len(pcm), size):
        end = min(start + size, len(pcm))
        spoken = ""
        while words and said * len(pcm) < end * len(text):
            spoken += words[0]
            said += len(words.popleft())
        yield Piece(spoken, pcm[start:end])
    if not len(pcm):
        yield Piece(text, pcm)


def _words(text: str) -> deque[str]:
    """The words of `text`, each with the blanks before it: joined, they are `text`."""
    return deque(re.findall(r"\s*\S+\s*$|\s*\S+", text))
