"""A text that is there already, said as an answer would be: the same phrases, the same words, the same sound."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from realtime.engines.base import Speaking, Synthesizer
from realtime.pipeline.sentences import sentences
from realtime.pipeline.speak import Piece, speak


async def read_aloud(
    text: str, synthesizer: Synthesizer, speaking: Speaking, rate_hz: int
) -> AsyncGenerator[Piece, None]:
    """`text` in pieces at `rate_hz`, each as soon as it is spoken. Text with nothing to say yields no sound.

    Cancelling, or closing it, stops after the inference step that is running.
    """
    async with (
        aclosing(_once(text.lstrip())) as texts,
        aclosing(sentences(texts)) as phrases,
        aclosing(speak(phrases, synthesizer, lambda: speaking, rate_hz)) as pieces,
    ):
        async for piece in pieces:
            yield piece


async def _once(text: str) -> AsyncGenerator[str, None]:
    yield text
