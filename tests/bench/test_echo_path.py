"""The way from a loudspeaker to a microphone: as late, as soft and as long as it says."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.bench.echo_path import EchoPath, level_db

RATE_HZ = 16_000


def click(seconds: float = 1.0) -> Pcm:
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    sound[0] = 1
    return sound


def test_sound_comes_back_late_and_as_much_softer_as_it_says() -> None:
    path = EchoPath(delay_ms=120, attenuation_db=14)
    heard = path.carry(click(), RATE_HZ)
    assert len(heard) == RATE_HZ
    assert np.abs(heard[: 120 * 16]).max() < 1e-6
    assert np.argmax(np.abs(heard)) == 120 * 16
    assert level_db(heard) - level_db(click()) == pytest.approx(-14, abs=2)  # the walls may add to the straight way


def test_the_room_falls_silent_in_its_time() -> None:
    """By 60 dB; the beginning of the decay beside its end."""
    heard = EchoPath(delay_ms=0, attenuation_db=0, reverberation_ms=400).carry(click(), RATE_HZ)
    early, late = heard[16 * 10 : 16 * 50], heard[16 * 350 : 16 * 390]
    assert level_db(early) - level_db(late) == pytest.approx(60 * 340 / 400, abs=3)
    assert np.abs(heard[16 * 400 + 1 :]).max() < 1e-5


def test_every_room_is_another_and_the_same_again() -> None:
    rooms = [EchoPath(delay_ms=0, attenuation_db=0, room=room).carry(click(), RATE_HZ) for room in (1, 1, 2)]
    np.testing.assert_array_equal(rooms[0], rooms[1])
    assert np.abs(rooms[0] - rooms[2]).max() > 0.01


def test_silence_has_a_level() -> None:
    assert level_db(np.zeros(100, np.float32)) == pytest.approx(-120)
    assert level_db(np.ones(100, np.float32)) == pytest.approx(0, abs=1e-6)
