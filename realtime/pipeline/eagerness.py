"""How eager to answer (`semantic_vad`): how long a silence may last, by how complete the turn before it sounds.

Chosen by the sweep in docs/benchmarks.md: of questions broken off in the middle, the end drawn out as people draw it
out who search for a word, at most 5 % are to be cut into with medium eagerness in pauses of 400-1500 ms. So a turn ends
early only if it sounds complete three times, and otherwise not before 1.6 s. All looks are early ones: Smart Turn was
made for a fifth of a second of silence, and finds anything complete that is followed by a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping

from realtime.pipeline.endpoint import Bar, Knobs

EAGERNESS: Mapping[str, Knobs] = {
    "low": Knobs(
        silence_ms=8000,
        looks_ms=(128, 192, 256),
        bars=(Bar(384, 0.98), Bar(2048, 0.9), Bar(3072, 0.5)),
        blind_silence_ms=1600,
    ),
    "medium": Knobs(
        silence_ms=4000,
        looks_ms=(128, 192, 256),
        bars=(Bar(320, 0.972), Bar(1600, 0.5)),
        blind_silence_ms=768,
    ),
    "high": Knobs(
        silence_ms=2000,
        looks_ms=(128,),
        bars=(Bar(160, 0.9), Bar(768, 0.5)),
        blind_silence_ms=512,
    ),
}
"""By the names of the protocol. `silence_ms`, the longest wait, is OpenAI's; padding and threshold are server VAD's."""
