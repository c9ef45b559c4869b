"""Sound counts for as long as somebody has it."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.sound_memory import SoundMemory
from realtime.errors import EngineBusy


def sound(samples: int) -> Audio:
    return Audio(np.zeros(samples, np.float32), 16_000)


def test_there_is_room_again_when_a_sound_is_gone() -> None:
    memory = SoundMemory(100)
    first = memory.count(sound(60))
    with pytest.raises(EngineBusy, match=r"have 60 samples.* with the 41 .* more than 100"):
        memory.count(sound(41))
    second = memory.count(sound(40))
    del first
    third = memory.count(sound(60))
    assert [len(kept.pcm) for kept in (second, third)] == [40, 60]


def test_a_part_keeps_the_whole() -> None:
    """As it does in memory."""
    memory = SoundMemory(100)
    part = memory.count(sound(100)).pcm[:1]
    with pytest.raises(EngineBusy):
        memory.count(sound(1))
    assert len(part) == 1
    del part
    memory.count(sound(100))
