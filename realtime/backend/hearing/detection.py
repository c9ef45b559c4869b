"""Where somebody speaks in sound that is there already: what the calls about recordings share."""

from __future__ import annotations

from contextlib import aclosing

import numpy as np

from realtime.audio import Pcm
from realtime.engines.base import Detector, Urgency
from realtime.engines.scheduler import Scheduler
from realtime.pipeline.stretches import Probabilities, Stretch, probabilities


async def speech_probabilities(sound: Pcm, detector: Detector, scheduler: Scheduler) -> Probabilities:
    """How likely each of the detector's windows of `sound`, at its rate, is speech.

    A recording is no conversation, and lets whoever speaks go first. Cancelling stops it between two half minutes of
    the sound.
    """
    parts = [np.zeros(0, np.float32)]
    async with aclosing(scheduler.steps(probabilities(sound, detector), Urgency.UNATTENDED)) as steps:
        parts += [part async for part in steps]
    return np.concatenate(parts)


def at_rate(stretch: Stretch, from_hz: int, to_hz: int) -> Stretch:
    """The same stretch of the same sound at another rate."""
    return Stretch(stretch.start * to_hz // from_hz, stretch.end * to_hz // from_hz, stretch.is_open)
