"""Sound that comes as a message's `repeated float`, without touching every number in Python."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from realtime.audio import Pcm
from realtime.errors import InvalidRequest

_TAG = 1 << 3 | 2
"""Field 1, packed, as protobuf writes it."""


class Written(Protocol):
    """A message."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name
        """Its bytes."""
        ...


def floats_of(message: Written, field: str) -> Pcm:
    """The numbers of field 1, a `repeated float`, of a message that has no field before it; shape (n,).

    They lie one after another in the message's bytes: ten minutes of sound take 0.05 s, and an iterator over them would
    take 0.5 s, for which it holds all other threads up. Raises `InvalidRequest`, naming the field, for what is no
    number.
    """
    written = message.SerializeToString()
    if not written or written[0] != _TAG:
        return np.zeros(0, np.float32)
    size, place = 0, 1
    while True:  # a varint: seven bits a byte, the least first
        byte = written[place]
        size |= (byte & 0x7F) << 7 * (place - 1)
        place += 1
        if byte < 0x80:
            break
    pcm = np.frombuffer(written, "<f4", size // 4, place).astype(np.float32)
    if not np.isfinite(pcm).all():
        raise InvalidRequest(f"'{field}' holds what is no number.", param=field)
    return np.clip(pcm, -1, 1)
