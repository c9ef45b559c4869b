"""Why a measurement could not be made."""

from __future__ import annotations

from realtime.errors import RealtimeError


class BenchFailed(RealtimeError):
    """The measurement could not be made; the message says what was missing."""

    code = "bench_failed"
