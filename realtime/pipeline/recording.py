"""The sound of one stream that may still be needed: a window onto it, addressed by sample positions that never move."""

from __future__ import annotations

from collections import deque

import numpy as np

from realtime.audio import Pcm


class Recording:
    """Keeps the newest part of a stream. Adding costs the same however long the stream has run."""

    def __init__(self) -> None:
        self._blocks: deque[Pcm] = deque()
        self.start = 0
        """The stream's sample at which what is kept begins."""
        self.end = 0
        """The stream's sample at which it ends: how long the stream has run."""

    def add(self, block: Pcm) -> None:
        """The next samples of the stream."""
        if len(block):
            self._blocks.append(block)
            self.end += len(block)

    def forget_before(self, sample: int) -> None:
        """Nothing before `sample` is needed any more. Whole blocks go, so a little more may stay."""
        while self._blocks and self.start + len(self._blocks[0]) <= sample:
            self.start += len(self._blocks.popleft())

    def cut(self, sample: int) -> None:
        """What is kept begins exactly at `sample`."""
        self.forget_before(sample)
        if self._blocks and self.start < sample:
            self._blocks[0] = self._blocks[0][sample - self.start :]
            self.start = sample

    def since(self, sample: int) -> Pcm:
        """What is kept from `sample` on, shape (n,). Costs what it gives."""
        newest: list[Pcm] = []
        start = self.end
        for block in reversed(self._blocks):
            if start <= sample:
                break
            newest.append(block)
            start -= len(block)
        if not newest:
            return np.zeros(0, np.float32)
        return np.concatenate(newest[::-1])[max(0, sample - start) :]

    def take(self) -> Pcm:
        """All that is kept, shape (n,); nothing is kept afterwards."""
        taken = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        self._blocks.clear()
        self.start = self.end
        return taken
