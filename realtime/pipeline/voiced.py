"""An answer that comes with its own sound, in the pieces that are sent.

Text is taken to be said in the sound that comes after it, evenly: exact for an engine that tells each word with its
sound, and a share of the letters for one that tells all words and then plays them in one go. Of an engine that tells
all words first and then plays little by little, all the words go with the first sound.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable

from realtime.audio import Audio
from realtime.codecs.resample import Resampler
from realtime.pipeline.speak import Piece, pieces


async def voiced(answer: AsyncIterable[str | Audio], rate_hz: int) -> AsyncGenerator[Piece, None]:
    """`answer`, its text and its sound as they come, as pieces at `rate_hz`. Cancelling ends it; nothing is held back.

    The rate of the sound may change on the way. Text that no sound follows comes at the end, without any.
    """
    resampler, from_hz, text = Resampler(rate_hz, rate_hz), rate_hz, ""
    async for part in answer:
        if isinstance(part, str):
            text += part
            continue
        if part.rate_hz != from_hz:
            rest = resampler.flush()
            if len(rest):
                yield Piece("", rest)
            resampler, from_hz = Resampler(part.rate_hz, rate_hz), part.rate_hz
        pcm = resampler.push(part.pcm)
        if len(pcm):
            for piece in pieces(text, pcm, rate_hz):
                yield piece
            text = ""
    rest = resampler.flush()
    if text or len(rest):
        yield Piece(text, rest)
