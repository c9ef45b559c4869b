"""How eager to answer (`semantic_vad`): how long a silence may last, by how complete the turn before it sounds.

SWEEP
"""

from __future__ import annotations

from collections.abc import Mapping

from realtime.pipeline.endpoint import Bar, Knobs

EAGERNESS: Mapping[str, Knobs] = {
    "low": Knobs(
        silence_ms=8000,
        looks_ms=(128, 224),
        bars=(Bar(512, 0.98), Bar(1024, 0.95), Bar(1536, 0.8), Bar(3072, 0.5)),
        blind_silence_ms=1500,
    ),
    "medium": Knobs(
        silence_ms=4000,
        looks_ms=(128, 192),
        bars=(Bar(256, 0.95), Bar(512, 0.9), Bar(768, 0.8), Bar(1536, 0.5)),
        blind_silence_ms=800,
    ),
    "high": Knobs(
        silence_ms=2000, looks_ms=(128,), bars=(Bar(160, 0.8), Bar(512, 0.5), Bar(1024, 0.2)), blind_silence_ms=500
    ),
}
"""By the names of the protocol. `silence_ms`, the longest wait, is OpenAI's; padding and threshold are server VAD's."""
