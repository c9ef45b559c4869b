"""What the conductor counts and keeps."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.codecs import find_codec
from realtime.conductor.allowance import Allowance
from realtime.conductor.playback import Playback
from realtime.conductor.recordings import Recordings
from tests.fakes import HandClock, quiet, voice


async def test_an_allowance_is_used_up_and_comes_back() -> None:
    clock = HandClock()
    allowance = Allowance(60, clock)
    allowance.use(60)
    assert (allowance.left, allowance.full_in_s) == (0, 60)
    await clock.advance(15)
    assert (allowance.left, allowance.full_in_s) == (15, 45)


async def test_an_allowance_is_never_more_than_a_minutes_worth() -> None:
    clock = HandClock()
    allowance = Allowance(60, clock)
    await clock.advance(600)
    assert (allowance.left, allowance.full_in_s) == (60, 0)


async def test_more_may_be_used_than_there_was() -> None:
    """What an answer costs is known when it is over; it is paid back from what comes."""
    clock = HandClock()
    allowance = Allowance(60, clock)
    allowance.use(90)
    assert allowance.left == -30
    await clock.advance(40)
    assert allowance.left == 10


async def test_what_was_sent_is_heard_one_after_the_other() -> None:
    clock = HandClock()
    playback = Playback(clock)
    playback.add(Audio(quiet(2000), 24_000))
    await clock.advance(0.5)
    playback.add(Audio(quiet(1000), 24_000))
    assert playback.left_s == 2.5
    await clock.advance(10)
    assert playback.left_s == 0
    playback.add(Audio(quiet(1000), 24_000))
    assert playback.left_s == 1


async def test_what_was_interrupted_is_not_heard() -> None:
    playback = Playback(HandClock())
    playback.add(Audio(quiet(5000), 24_000))
    playback.stop()
    assert playback.left_s == 0


@pytest.mark.parametrize("name", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_recording_is_played_back_in_the_clients_format(name: str) -> None:
    codec, recordings = find_codec(name), Recordings(limit_s=10)
    recordings.keep("item_1", Audio(voice(500, 16_000), 16_000))
    played = recordings.play_back("item_1", codec)
    assert played
    sound = codec.decoder().decode(played)
    assert len(sound) == codec.rate_hz // 2
    middle = sound[len(sound) // 4 : -len(sound) // 4]
    assert np.abs(middle - 0.5).max() < 0.02


def test_the_oldest_recordings_make_room() -> None:
    recordings, codec = Recordings(limit_s=2.5), find_codec("audio/pcm")
    for item_id in ("first", "second", "third"):
        recordings.keep(item_id, Audio(voice(1000, 16_000), 16_000))
    assert [bool(recordings.play_back(item_id, codec)) for item_id in ("first", "second", "third")] == [0, 1, 1]


def test_a_recording_longer_than_the_limit_is_not_kept() -> None:
    recordings = Recordings(limit_s=0.5)
    recordings.keep("item_1", Audio(voice(1000, 16_000), 16_000))
    assert recordings.play_back("item_1", find_codec("audio/pcm")) is None


def test_a_forgotten_recording_is_gone() -> None:
    recordings = Recordings(limit_s=10)
    recordings.keep("item_1", Audio(voice(100, 16_000), 16_000))
    recordings.forget("item_1")
    recordings.forget("item_1")
    assert recordings.play_back("item_1", find_codec("audio/pcm")) is None
