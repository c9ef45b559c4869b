"""Words of sound that is there already, however long: clip by clip, so that the first are there before the last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from realtime.audio import Pcm
from realtime.engines.base import Listening, Segment, Transcriber
from realtime.pipeline.stretches import Stretch

UNSPACED = frozenset({"zh", "yue", "ja", "th", "lo", "my", "km", "bo"})
"""Languages, by ISO code, that put no blank between sentences."""


async def transcribed(
    sound: Pcm, clips: Sequence[Stretch], transcriber: Transcriber, listening: Listening
) -> AsyncGenerator[Segment, None]:
    """What is said in the `clips` of `sound`, shape (n,) at the transcriber's rate: segments by their time in it.

    Joined as they are, their texts are the text. The language of the first is the language of all, unless `listening`
    names one. Cancelling, or closing it, abandons the clip that is heard. Raises what the transcriber raises.
    """
    first = True
    for clip in clips:
        start_s = clip.start / transcriber.rate_hz
        async with aclosing(transcriber.transcribe(sound[clip.start : clip.end], listening)) as segments:
            async for segment in segments:
                if not segment.text.strip():
                    continue
                if not listening.language and segment.language:
                    listening = replace(listening, language=segment.language)
                yield _later(segment, start_s, begins_text=first)
                first = False


def _later(segment: Segment, seconds: float, begins_text: bool) -> Segment:
    """The segment by its time in the whole, and with the blank before it that parts it from the one before."""
    text = segment.text.strip()
    if not begins_text and segment.language not in UNSPACED:
        text = f" {text}"
    return replace(
        segment,
        text=text,
        start_s=seconds + segment.start_s,
        end_s=seconds + segment.end_s,
        words=tuple(
            replace(word, start_s=seconds + word.start_s, end_s=seconds + word.end_s) for word in segment.words
        ),
    )
