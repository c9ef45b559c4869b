"""How long to look: a moment in the ordinary suite, as long as `FUZZ_SECONDS` says under `make fuzz`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))

FUZZING = settings(
    max_examples=100 if SECONDS else 5,
    derandomize=not SECONDS,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""The ordinary suite looks at the same few conversations each time. What fails is shown as it is: conversations take a
third of a second each, and making one shorter would take longer than finding it."""


def explore(holds: Callable[[], None], share: float) -> None:
    """Call `holds`, a property of hypothesis', until its `share` of the time is over; once when there is none."""
    end_s = time.monotonic() + SECONDS * share
    holds()
    while time.monotonic() < end_s:
        holds()
