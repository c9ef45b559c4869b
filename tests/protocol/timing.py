"""A waterfall to be told of."""

from __future__ import annotations

from realtime.protocol.timing import Waterfall

WATERFALL = Waterfall(
    endpoint_ms=96.0,
    transcription_ms=70.5,
    queueing_ms=0.0,
    first_token_ms=50.0,
    first_sentence_ms=80.0,
    first_sound_ms=30.0,
    send_ms=0.5,
    total_ms=327.0,
    speculated=False,
)
