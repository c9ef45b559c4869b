"""Smart Turn: has the speaker finished, or only paused? Heard from the voice alone, in any language, without its words.

The model is Whisper tiny's encoder with a head on top, and listens to the last eight seconds of a turn, the silence
after it included. The preparation is the one it was trained with: silence before a turn that is shorter, the sound at
mean 0 and variance 1, then `log_mel`. 35-45 ms on one thread, 6 of them for `log_mel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.engines.base import Urgency
from realtime.engines.log_mel import log_mel
from realtime.engines.onnx import open_session
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import EngineFailed, ModelUnavailable

WINDOW_MS = 8_000
WINDOW_SAMPLES = ms_to_samples(WINDOW_MS, SPEECH_RATE_HZ)

_LEAST_VARIANCE = 1e-7
"""Added to the sound's own, so that silence is not divided by nothing."""


class SmartTurnOptions(Options):
    """What can be configured."""

    model: str = "smart-turn-v3.2"


class SmartTurn:
    """The shared weights; nothing recurs, every question stands by itself."""

    rate_hz = SPEECH_RATE_HZ
    window_ms = WINDOW_MS

    def __init__(self, session: onnxruntime.InferenceSession, scheduler: Scheduler) -> None:
        self._session = session
        self._scheduler = scheduler

    async def completeness(self, turn: Pcm) -> float:
        """How likely the speaker of `turn`, shape (n,) at 16 kHz, has finished, 0 to 1.

        Cancelling withdraws the question, or abandons the answer if the model is at it. Raises `EngineBusy` from the
        scheduler, `EngineFailed` for sound that has no answer.
        """
        return await self._scheduler.run(lambda: self.listen(turn), Urgency.FINAL)

    def listen(self, turn: Pcm) -> float:
        """The same at once. Blocks: not for the event loop."""
        heard = np.zeros(WINDOW_SAMPLES, np.float32)
        last = turn[-WINDOW_SAMPLES:]
        if not np.isfinite(last).all():
            raise EngineFailed("the turn detector was given sound that is not a number")
        heard[WINDOW_SAMPLES - len(last) :] = last
        even = (heard - heard.mean()) / np.sqrt(heard.var() + _LEAST_VARIANCE)
        try:
            [[[completeness]]] = self._session.run(None, {"input_features": log_mel(even)[None]})
        except Exception as problem:  # onnxruntime's errors have no common base but this
            raise EngineFailed(f"the turn detector failed: {type(problem).__name__}") from problem
        return float(completeness)

    async def close(self) -> None:
        """Nothing to let go. Cancelling changes nothing."""


def open_smart_turn(workshop: Workshop) -> SmartTurn:
    """Load the model and run it once."""
    options = workshop.read_options(SmartTurnOptions, "smart-turn")
    path = workshop.find_model(options.model)
    session = open_session(path, workshop.threads)
    shapes: list[tuple[str, list[Any]]] = [(tensor.name, tensor.shape[1:]) for tensor in session.get_inputs()]
    if shapes != [("input_features", [80, WINDOW_MS // 10])]:
        raise ModelUnavailable(f"{path} is not Smart Turn, version 3")
    smart_turn = SmartTurn(session, workshop.scheduler)
    smart_turn.listen(np.zeros(WINDOW_SAMPLES, np.float32))
    return smart_turn
