"""Words while the user still speaks.

The turn so far is heard again and again. What several hearings in a row agree on, from the first word, is certain
(local agreement, Macháček et al. 2023, arXiv:2307.14743): it is given once and never taken back. The last fifth of a
second is never certain, for its words are often cut in two. When the turn is over, one more hearing gives the rest;
where only silence has come since hearings that agreed on every word, nothing is heard again, and the rest is there at
once.

Time is counted in samples: a hearing begins when the turn has grown by a period since the one before began, or later
while that one still runs, so that at most one runs at a time. What was certain at the end of a sentence is not heard
again, so that a turn of minutes costs no more per second than one of seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import takewhile
from types import MappingProxyType
from typing import Literal

import numpy as np

from realtime.audio import Pcm, ms_to_samples
from realtime.engines.base import Listening, Segment, Transcriber, Urgency, Word
from realtime.errors import EngineBusy, EngineFailed
from realtime.pipeline.recording import Recording

UNSETTLED_S = 0.2
"""Words that end this close to the end of the sound may be halves."""

BLOCK_MS = 20
"""How much sound is loud or silent together."""
SILENT = 10 ** (-30 / 10)
"""Of the power of the loudest block: sound in which no block is louder holds no words."""

TRIM_S = 8.0
"""From here on what is certain is left out at the end of a sentence: up to here Whisper costs the same anyway."""
LONG_S = 12.0
"""From here on in the middle of one, too."""
LONGEST_S = 20.0
"""From here on what was heard is certain, whether or not it was heard so before."""
KEPT_WORDS = 3
"""Certain words that are heard again, by which a hearing is joined to what came before."""
CONTEXT_LETTERS = 60
"""Certain text before that which is still heard; the transcriber is told so much of it. To read a word costs Whisper as
much as to write one."""


@dataclass(frozen=True, slots=True)
class Delay:
    """How long to wait before words are given."""

    period_ms: int
    """How much the turn grows from one hearing to the next."""
    hearings: int
    """How many in a row must agree."""


DELAYS: Mapping[Literal["minimal", "low", "medium", "high", "xhigh"], Delay] = MappingProxyType(
    {
        "minimal": Delay(240, 2),
        "low": Delay(400, 2),
        "medium": Delay(700, 2),
        "high": Delay(1000, 3),
        "xhigh": Delay(1500, 3),
    }
)
"""What a session's `delay` means."""


class Draft:
    """The transcript of one turn as it comes into being. Belongs to one event loop; `segments` is run once."""

    def __init__(
        self,
        transcriber: Transcriber,
        hints: Listening,
        delay: Delay = DELAYS["medium"],
        patience: int | None = None,
    ) -> None:
        """`patience` is how many hearings in a row may fail before it is told; None waits for the turn's last."""
        self._patience = patience
        self._failed = 0
        """Hearings in a row, but for those that there was no room for."""
        self._transcriber = transcriber
        self._hints = hints
        self._hearings = delay.hearings
        self._period_samples = ms_to_samples(delay.period_ms, transcriber.rate_hz)
        self._block_samples = ms_to_samples(BLOCK_MS, transcriber.rate_hz)
        self._sound = Recording()
        """What must still be heard."""
        self._next_at = self._period_samples
        """The length of the turn at which it is heard again."""
        self._hushed_to = 0
        """Up to this length of the turn it is heard again and again without a pause."""
        self._grown = asyncio.Event()
        self._over = asyncio.Event()
        self._before = ""
        """Certain text of which the sound has been left out."""
        self._certain: list[Word] = []
        """Certain words whose sound is still heard."""
        self._guesses: deque[list[Word]] = deque(maxlen=delay.hearings)
        """What the last hearings had after the certain words."""
        self._heard_to = 0
        """Where the sound of the last one ended."""
        self._language: str | None = None
        self._loudest = 0.0
        """Power of the loudest block."""
        self._settled = asyncio.Event()
        """Whether all that was said so far is heard."""

    @property
    def heard_s(self) -> float:
        """Seconds of the turn that have come."""
        return self._sound.end / self._transcriber.rate_hz

    def hear(self, pcm: Pcm) -> None:
        """More of the turn, shape (n,) at the transcriber's rate."""
        self._add(pcm)
        if not self._is_silent_since(self._sound.end - self._block_samples):
            self._hushed_to = 0  # judged by how it ends: the piece in which the silence was found may begin with speech
        if self._sound.end >= self._next_at or self._sound.end <= self._hushed_to:
            self._grown.set()

    def hush(self) -> None:
        """The speaker has fallen silent: `whole` may be asked for, and is worth more hearings.

        The next sound is heard at once, and as long as only silence comes each hearing begins when the one before it
        ends, until they agree; after a period in which they have not, they are a period apart again.
        """
        self._next_at = 0
        self._hushed_to = self._sound.end + self._period_samples

    async def whole(self) -> Segment:
        """All that was said so far, as soon as the hearings agree on it. Cancelling stops waiting."""
        await self._settled.wait()
        segment = self._segment([*self._certain, *self._guesses[-1]], self._language)
        return replace(segment, text=self._before + segment.text, start_s=0.0)

    def end(self, turn: Pcm) -> None:
        """The turn is over, and this is all of it: what was heard before, and what was not."""
        self._add(turn[self._sound.end :])
        self._over.set()
        self._grown.set()

    async def segments(self) -> AsyncGenerator[Segment, None]:
        """The text as it becomes certain and, after `end`, the rest; joined, it is the transcript.

        Cancelling, or closing it, abandons the hearing that runs. Raises what the transcriber raises in the last
        hearing; one before that fails is left out, until there have been too many in a row.
        """
        while not await self._is_over():
            segment = await self._draft()
            if self._is_all_heard():
                self._settled.set()
            if segment:
                yield segment
        if self._is_all_heard():
            rest = self._guesses[-1]
        else:
            heard = await self._words(self._hints)
            rest, self._language = heard.words[_joint(self._certain, heard.words) :], heard.language
        if rest:
            yield self._segment(rest, self._language)

    def _add(self, pcm: Pcm) -> None:
        self._sound.add(pcm)
        self._loudest = max(self._loudest, _loudest(pcm, self._block_samples))
        if self._settled.is_set() and not self._is_all_heard():
            self._settled.clear()

    def _is_all_heard(self) -> bool:
        """Whether the last hearings agree on every word, none of which may be cut, and only silence came after."""
        if len(self._guesses) < self._hearings or not (self._certain or self._guesses[-1]):
            return False
        last = self._guesses[-1]
        heard_s = self._heard_to / self._transcriber.rate_hz
        return (
            all(len(guess) == len(last) for guess in self._guesses)
            and _agreed(self._guesses) == len(last)
            and (last or self._certain)[-1].end_s <= heard_s - UNSETTLED_S
            and self._is_silent_since(self._heard_to)
        )

    def _is_silent_since(self, sample: int) -> bool:
        return _loudest(self._sound.since(sample), self._block_samples) <= self._loudest * SILENT

    async def _is_over(self) -> bool:
        """Wait until there is enough to hear; whether that is all."""
        await self._grown.wait()
        self._grown.clear()
        return self._over.is_set()

    async def _draft(self) -> Segment | None:
        """What a hearing of the turn so far adds to the certain words; nothing when the turn ends meanwhile.

        In a pause that comes after certain words nothing is heard.
        """
        end = self._sound.end
        self._next_at = end + self._period_samples
        end_s = end / self._transcriber.rate_hz
        window_s = end_s - self._sound.start / self._transcriber.rate_hz
        if window_s <= LONGEST_S and self._is_all_heard():
            return None
        heard = await self._words_unless_over(end)
        if heard is None:
            return None
        self._heard_to, self._language = end, heard.language
        guess = heard.words[_joint(self._certain, heard.words) :]
        self._guesses.append(guess)
        settled = len(list(takewhile(lambda word: word.end_s <= end_s - UNSETTLED_S, guess)))
        if window_s <= LONGEST_S:
            settled = min(settled, _agreed(self._guesses) if len(self._guesses) == self._hearings else 0)
        new = guess[:settled]
        self._certain += new
        for earlier in self._guesses:
            del earlier[: len(new)]
        self._trim(window_s, end_s)
        return self._segment(new, heard.language) if new else None

    async def _words_unless_over(self, end: int) -> _Heard | None:
        """What is heard of the turn up to `end`; nothing when the turn is over before that, and more was said."""
        hints = replace(self._hints, urgency=Urgency.PARTIAL)
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(self._words_or_failure(hints))
            over = tasks.create_task(self._over.wait())
            await asyncio.wait((hearing, over), return_when=asyncio.FIRST_COMPLETED)
            if self._is_silent_since(end):
                await asyncio.wait((hearing,))
            hearing.cancel()
            over.cancel()
        if hearing.cancelled():
            return None
        heard = hearing.result()
        if isinstance(heard, _Heard):
            self._failed = 0
            return heard
        self._failed += not isinstance(heard, EngineBusy)
        if self._failed == self._patience:
            raise heard
        return None  # there will be another; what is wrong for good, the last one tells

    async def _words_or_failure(self, hints: Listening) -> _Heard | EngineFailed:
        try:
            return await self._words(hints)
        except EngineFailed as failure:
            return failure

    async def _words(self, hints: Listening) -> _Heard:
        start_s = self._sound.start / self._transcriber.rate_hz
        prompt = f"{hints.prompt} {self._before[-CONTEXT_LETTERS:]}".strip()
        heard = _Heard([], None)
        hearing = self._transcriber.transcribe(
            self._sound.since(self._sound.start), replace(hints, prompt=prompt, words=True)
        )
        async with aclosing(hearing) as segments:
            async for segment in segments:
                heard.language = segment.language
                for word in segment.words:
                    heard.words.append(replace(word, start_s=start_s + word.start_s, end_s=start_s + word.end_s))
        return heard

    def _trim(self, window_s: float, end_s: float) -> None:
        """Leave out what need not be heard again, once there is much of it."""
        if window_s > LONGEST_S and not self._certain and not self._guesses[-1]:
            self._sound.cut(self._at(end_s - TRIM_S / 2))  # there was nothing to hear
            return
        candidates = range(1, len(self._certain) - KEPT_WORDS + 1) if window_s > TRIM_S else ()
        ends = [index for index in candidates if self._certain[index - 1].text.rstrip().endswith((".", "?", "!", "。"))]
        if window_s > LONG_S and candidates:
            ends.append(candidates[-1])
        if ends:
            left_out, self._certain = self._certain[: ends[-1]], self._certain[ends[-1] :]
            self._before += "".join(word.text for word in left_out)
            self._sound.cut(self._at((left_out[-1].end_s + self._certain[0].start_s) / 2))

    def _at(self, second: float) -> int:
        return round(second * self._transcriber.rate_hz)

    def _segment(self, words: list[Word], language: str | None) -> Segment:
        return Segment(
            text="".join(word.text for word in words),
            start_s=words[0].start_s,
            end_s=words[-1].end_s,
            log_probability=sum(word.log_probability for word in words) / len(words),
            words=tuple(words) if self._hints.words else (),
            language=language,
            tokens=tuple(token for word in words for token in word.tokens),
        )


@dataclass(slots=True)
class _Heard:
    """One hearing: its words, by their time in the turn."""

    words: list[Word]
    language: str | None


def _loudest(pcm: Pcm, block: int) -> float:
    """The power of the loudest block of so many samples; what is left over at the end counts as one, too."""
    whole = len(pcm) // block * block
    powers = [0.0, *np.square(pcm[:whole].reshape(-1, block)).mean(axis=1)]
    return float(max([*powers, np.square(pcm[whole:]).mean()] if whole < len(pcm) else powers))


def _agreed(guesses: deque[list[Word]]) -> int:
    """How many words, from the first, all of `guesses` have in common."""
    same = takewhile(lambda words: len({word.text for word in words}) == 1, zip(*guesses, strict=False))
    return len(list(same))


def _joint(certain: list[Word], heard: list[Word]) -> int:
    """How many of the words `heard` are the `certain` ones, as far as can be told: the beginning most like them."""
    ours, theirs = [_key(word) for word in certain], [_key(word) for word in heard]
    row = list(range(len(theirs) + 1))  # edit distance between our words so far and each beginning of theirs
    for said, word in enumerate(ours, 1):
        diagonal, row[0] = row[0], said
        for place, their_word in enumerate(theirs, 1):
            best = min(row[place] + 1, row[place - 1] + 1, diagonal + (word != their_word))
            diagonal, row[place] = row[place], best
    return min(range(len(row)), key=lambda place: (row[place], abs(place - len(ours))))


def _key(word: Word) -> str:
    """The word as it is heard: case and punctuation are not."""
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())
