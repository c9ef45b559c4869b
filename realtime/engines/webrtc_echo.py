"""WebRTC's echo canceller: the sound that the server has sent, out of the sound that comes back.

It is given what the client's loudspeaker plays beside what its microphone hears, and finds by itself how much later
(up to half a second), how loud, and how reverberant the one is in the other.

One is made for every answer. A client plays each answer from the moment its first sound has come, so by how much an
echo is late changes from answer to answer by as much as the network does. A canceller that has settled takes a second
to notice, and lets the echo through meanwhile: with up to 80 ms of such jitter 15 % of the answers began a turn, with a
new canceller 2 %, for it takes out too much rather than too little until it knows (docs/benchmarks.md). One costs 1 ms
to make, and 15-20 ms for each second of an answer; while the server is silent there is none.
"""

from __future__ import annotations

import numpy as np

from realtime.audio import Pcm
from realtime.engines.webrtc_module import FRAME_SAMPLES, WebrtcModule

DELAY_SAMPLES = 128
"""By how much it delays sound: two of its blocks of 64 samples."""

SILENT = 0.001
"""Sound that nowhere exceeds this, -60 dBFS, leaves no echo."""

TAIL_FRAMES = 100
"""A second: how long after the end of a sound its echo may last, delay and reverberation together."""


class EchoCanceller:
    """One microphone beside one loudspeaker."""

    def __init__(self) -> None:
        self._module: WebrtcModule | None = None
        """None while no echo can be there."""
        self._before: Pcm = np.zeros(FRAME_SAMPLES, np.float32)
        """The last frame."""
        self._silent_frames = 0

    def clean(self, near: Pcm, far: Pcm) -> Pcm:
        """The next frame that the microphone heard, without `far`, which was played meanwhile; `DELAY_SAMPLES` late."""
        before, self._before = self._before, near
        self._heed(before, far)
        if self._module is None:
            return np.concatenate((before[-DELAY_SAMPLES:], near[:-DELAY_SAMPLES]))
        self._module.play(far)
        return self._module.clean(near)

    def _heed(self, before: Pcm, far: Pcm) -> None:
        """Begin where an answer begins, end where its echo has faded."""
        if np.abs(far).max() > SILENT:
            self._silent_frames = 0
            if self._module is None:
                self._module = WebrtcModule(echo_cancellation=True)
                self._module.clean(before)  # whose end comes out first
        else:
            self._silent_frames += 1
            if self._silent_frames > TAIL_FRAMES:
                self._module = None
