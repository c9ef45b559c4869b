"""One reply, whole: the language model's words become sentences, the sentences sound, and the sound goes out in time.
A model that speaks for itself brings the sound.

Making a reply and letting it out are two coroutines, because a reply may be begun before it is known that it will be
wanted: while somebody who has fallen silent might still go on, its beginning is made unheard. Stopping either is one
cancel, and everything it holds is let go on the way out: the model stops writing at the next token, the voice after the
step that runs. While a sentence plays, the next ones are written and spoken ahead of it, as far as there is room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import numpy as np

from realtime.audio import Audio, Pcm
from realtime.engines.base import Finish, Speaking, Synthesizer, Urgency
from realtime.pipeline.answer import Answer, Asides, Ask, HeldAsides
from realtime.pipeline.channel import Channel
from realtime.pipeline.clock import Clock
from realtime.pipeline.moments import Moments
from realtime.pipeline.pace import Gate, pace
from realtime.pipeline.sentences import sentences
from realtime.pipeline.speak import PIECE_MS, Piece, speak
from realtime.pipeline.voiced import voiced

AHEAD_MS = 10_000
"""Sound that may wait to be sent. More would be memory and work for nothing when the listener interrupts."""

UNHEARD_PIECES = 15
"""Made of a reply that may never be wanted: 1.5 s of sound, while which is heard the rest is made, or so many words."""

_SILENCE: Pcm = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a reply is spoken and sent."""

    synthesizer: Synthesizer | None
    """None where the answer brings its sound."""
    speaking: Speaking = field(default_factory=Speaking)
    rate_hz: int
    """Rate of the sound that is sent."""
    lead_ms: float
    """How far ahead of its playing sound may be sent."""
    gate: Gate = field(default_factory=Gate)
    """Nothing is sent while it is closed."""


class Reply:
    """One reply in the making. Without a voice its pieces are text alone, and go out as they come."""

    def __init__(self, ask: Ask, voice: Voice | None, clock: Clock) -> None:
        self._asides = HeldAsides()
        self.moments = Moments(clock)
        self.answer = Answer(ask, self._asides)
        self._voice = voice
        self._clock = clock
        self._made: Channel[Piece] = Channel(AHEAD_MS // PIECE_MS)
        self._made_count = 0
        self._wanted = asyncio.Event()
        self._failure: Exception | None = None

    @property
    def failed(self) -> bool:
        """Whether the making has."""
        return self._failure is not None

    async def make(self) -> None:
        """Write it and speak it. Until it is let out, only its beginning.

        To be run once, beside `let_out`, which raises what fails here. Cancelling stops model and voice.
        """
        self.moments.reach("asked")
        try:
            async with aclosing(self._pieces()) as pieces:
                async for piece in pieces:
                    if len(piece.pcm):
                        self.moments.reach("sound")
                    if self._made_count >= UNHEARD_PIECES:
                        await self._wanted.wait()
                    self._made_count += 1
                    await self._made.put(piece)
        except Exception as failure:
            self._failure = failure
        await self._made.close()

    async def let_out(self, asides: Asides, play: Callable[[Piece], Awaitable[None]]) -> Finish:
        """`asides` is told, and `play` gets the pieces when it is time to send them; how the answer ended.

        Raises what failed in the making, as soon as it has failed. Cancelling stops letting it out; the making goes on.
        """
        self._wanted.set()
        await self._asides.release(asides)
        async with aclosing(self._waiting()) as waiting, aclosing(self._pace(waiting)) as due:
            async for piece in due:
                await play(piece)
        return self.answer.finish

    def _pieces(self) -> AsyncGenerator[Piece, None]:
        voice = self._voice
        if voice is None:
            return self._write()
        return self._speak(voice, voice.synthesizer) if voice.synthesizer else self._let_speak(voice)

    async def _texts(self) -> AsyncGenerator[str, None]:
        async with aclosing(self.answer.texts()) as texts:
            async for text in texts:
                self.moments.reach("token")
                yield text

    async def _write(self) -> AsyncGenerator[Piece, None]:
        async with aclosing(self._texts()) as texts:
            async for text in texts:
                yield Piece(text, _SILENCE)

    async def _let_speak(self, voice: Voice) -> AsyncGenerator[Piece, None]:
        async with aclosing(self._words_and_sound()) as said, aclosing(voiced(said, voice.rate_hz)) as pieces:
            async for piece in pieces:
                yield piece

    async def _words_and_sound(self) -> AsyncGenerator[str | Audio, None]:
        async with aclosing(self.answer.words_and_sound()) as said:
            async for part in said:
                self.moments.reach("token")
                yield part

    async def _speak(self, voice: Voice, synthesizer: Synthesizer) -> AsyncGenerator[Piece, None]:
        def speaking() -> Speaking:
            self.moments.reach("sentence")
            urgency = Urgency.FINAL if self._wanted.is_set() else Urgency.SPECULATIVE
            return replace(voice.speaking, urgency=urgency)

        async with (
            aclosing(self._texts()) as texts,
            aclosing(sentences(texts)) as whole,
            aclosing(speak(whole, synthesizer, speaking, voice.rate_hz)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    def _pace(self, waiting: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        voice = self._voice
        return pace(waiting, voice.rate_hz, voice.lead_ms, self._clock, voice.gate) if voice else waiting

    async def _waiting(self) -> AsyncGenerator[Piece, None]:
        async with aclosing(self._made.items()) as made:
            async for piece in made:
                if self._failure:
                    break
                yield piece
        if self._failure:
            raise self._failure
