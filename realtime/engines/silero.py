"""Silero VAD: is this speech? 32 ms at a time, in less time than handing the question to a thread would take."""

from __future__ import annotations

import numpy as np
import onnxruntime

from realtime.audio import SPEECH_RATE_HZ, Pcm
from realtime.engines.onnx import open_session
from realtime.engines.registry import Options, Workshop
from realtime.errors import ModelUnavailable

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
"""What the model hears again from the window before."""


class SileroOptions(Options):
    """What can be configured."""

    model: str = "silero-vad"


class SileroStream:
    """One listener: the model's memory and the end of the last window."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._sound = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._feed = {"input": self._sound, "sr": np.array(SPEECH_RATE_HZ, np.int64)}
        self._forget()

    def probability(self, window: Pcm) -> float:
        """How likely `window` is speech, 0 to 1; raises `ValueError` unless it has `WINDOW_SAMPLES` samples."""
        if window.shape != (WINDOW_SAMPLES,):
            raise ValueError(f"Silero hears windows of shape ({WINDOW_SAMPLES},), not {window.shape}")
        self._sound[0, :CONTEXT_SAMPLES] = self._sound[0, -CONTEXT_SAMPLES:]
        self._sound[0, CONTEXT_SAMPLES:] = window
        probability, self._feed["state"] = self._session.run(None, self._feed)
        if np.isnan(probability[0, 0]):
            # Sound that is not a number would stay in the memory, and this listener would be deaf for good.
            self._forget()
            return 0.0
        return float(probability[0, 0])

    def _forget(self) -> None:
        self._sound.fill(0)
        self._feed["state"] = np.zeros((2, 1, 128), np.float32)


class Silero:
    """The shared weights. 80-180 µs a window on one core, which is why it runs on the event loop."""

    rate_hz = SPEECH_RATE_HZ
    window_samples = WINDOW_SAMPLES

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def stream(self) -> SileroStream:
        """A new listener, with memory of its own."""
        return SileroStream(self._session)

    async def close(self) -> None:
        """Nothing to let go. Cancelling changes nothing."""


def open_silero(workshop: Workshop) -> Silero:
    """Load the model and run it once. Always one thread: a window is too little work to share."""
    options = workshop.read_options(SileroOptions, "silero")
    path = workshop.find_model(options.model)
    session = open_session(path)
    if {tensor.name for tensor in session.get_inputs()} != {"input", "state", "sr"}:
        raise ModelUnavailable(f"{path} is not Silero VAD for a stream")
    silero = Silero(session)
    silero.stream().probability(np.zeros(WINDOW_SAMPLES, np.float32))
    return silero
