from __future__ import annotations

import numpy as np

from realtime.audio import Pcm
from realtime.caller.player import Player

RATE_HZ = 1000


def sound(samples: int, level: float = 1.0) -> Pcm:
    return np.full(samples, level, np.float32)


def test_pieces_that_come_early_play_one_after_the_other() -> None:
    player = Player(RATE_HZ)
    player.play(sound(100, 1), 5.0)
    player.play(sound(100, 2), 5.01)
    assert player.ends_at_s == 5.2
    assert player.gaps_samples == 0
    assert player.recording().pcm.tolist() == [1] * 100 + [2] * 100


def test_a_piece_that_comes_late_leaves_a_gap() -> None:
    player = Player(RATE_HZ)
    player.play(sound(100), 5.0)
    player.play(sound(100), 5.25)
    assert player.gaps_samples == 150
    assert player.ends_at_s == 5.35
    assert player.recording().pcm.tolist() == [1] * 100 + [0] * 150 + [1] * 100


def test_stopping_forgets_what_was_not_played() -> None:
    player = Player(RATE_HZ)
    player.play(sound(100), 5.0)
    player.play(sound(100), 5.0)
    assert player.stop(5.03) == 170
    assert player.ends_at_s == 5.03
    assert len(player.recording().pcm) == 30


def test_stopping_in_a_gap_forgets_what_comes_after_it() -> None:
    player = Player(RATE_HZ)
    player.play(sound(100), 5.0)
    player.play(sound(100), 5.2)
    assert player.stop(5.15) == 150
    assert len(player.recording().pcm) == 100


def test_stopping_what_is_over_or_never_began_does_nothing() -> None:
    player = Player(RATE_HZ)
    assert player.stop(1.0) == 0
    player.play(sound(100), 5.0)
    assert player.stop(5.1) == 0
    assert len(player.recording().pcm) == 100


def test_what_came_out_at_any_moment() -> None:
    player = Player(RATE_HZ)
    assert player.heard(5.0, 3).tolist() == [0, 0, 0]
    player.play(sound(100, 1), 5.0)
    player.play(sound(100, 2), 5.15)
    assert player.heard(4.998, 4).tolist() == [0, 0, 1, 1]
    assert player.heard(5.05, 10).tolist() == [1] * 10
    assert player.heard(5.098, 55).tolist() == [1, 1] + [0] * 50 + [2, 2, 2]
    assert player.heard(5.0, 300).tolist() == [1] * 100 + [0] * 50 + [2] * 100 + [0] * 50
    assert player.heard(5.249, 3).tolist() == [2, 0, 0]
    player.stop(5.16)
    assert player.heard(5.155, 10).tolist() == [2] * 5 + [0] * 5
