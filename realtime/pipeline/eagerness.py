"""How eager to answer (`semantic_vad`): how long a silence may last, by how complete the turn before it sounds and by
what its words say.

Chosen by the sweep in docs/benchmarks.md: of questions broken off in the middle, the end drawn out as people draw it
out who search for a word, at most 5 % are to be cut into with medium eagerness in pauses of 400-1500 ms. Words that
make a whole end a turn as soon as they are known if it also sounds complete, more so the fewer they are, and in any
case after 1.5 s; words after which something must follow make it wait. Both looks are early ones: Smart Turn was made
for a fifth of a second of silence, and finds anything complete that is followed by a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping

from realtime.pipeline.endpoint import Bar, Knobs

EAGERNESS: Mapping[str, Knobs] = {
    "low": Knobs(
        silence_ms=8000,
        looks_ms=(64, 128),
        bars=(
            *(Bar(384, 0.95, "whole"), Bar(1792, 0.6, "whole"), Bar(2560, 0, "whole")),
            *(Bar(384, 0.985, "brief"), Bar(1792, 0.9, "brief"), Bar(2560, 0, "brief")),
            *(Bar(384, 0.985), Bar(2048, 0.9), Bar(3072, 0.5)),
            Bar(3072, 0.9, "open"),
        ),
        blind_silence_ms=1600,
    ),
    "medium": Knobs(
        silence_ms=4000,
        looks_ms=(64, 128),
        bars=(
            *(Bar(192, 0.85, "whole"), Bar(1536, 0, "whole")),
            *(Bar(192, 0.98, "brief"), Bar(1536, 0, "brief")),
            *(Bar(320, 0.972), Bar(1536, 0.5)),
            Bar(1536, 0.9, "open"),
        ),
        blind_silence_ms=768,
    ),
    "high": Knobs(
        silence_ms=2000,
        looks_ms=(64, 128),
        bars=(
            *(Bar(192, 0.5, "whole"), Bar(768, 0, "whole")),
            *(Bar(192, 0.9, "brief"), Bar(768, 0.5, "brief"), Bar(1280, 0, "brief")),
            *(Bar(192, 0.9), Bar(768, 0.5)),
            *(Bar(768, 0.9, "open"), Bar(1280, 0.5, "open")),
        ),
        blind_silence_ms=512,
    ),
}
"""By the names of the protocol. `silence_ms`, the longest wait, is OpenAI's; padding and threshold are server VAD's."""
