"""A client's microphone: whatever format it has and however it cuts its audio, every turn is heard as it was said."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.codecs import find_codec
from realtime.codecs.resample import Resampler
from realtime.microphone import decode_recording
from realtime.protocol.config import AudioFormat, PcmFormat, PcmuFormat, TurnDetection, format_name
from tests.fakes import quiet, voice
from tests.microphones import (
    EARS_HZ,
    FORMATS,
    NEAR,
    VAD,
    Client,
    any_format,
    assert_heard_alike,
    assert_same,
    encode,
    tone,
)
from tests.protocol.effort import examples

# --- where turns begin and end -----------------------------------------------------------------------------------


@any_format
def test_where_speech_begins_and_ends_is_told_in_true_milliseconds(audio_format: AudioFormat) -> None:
    """Padding and silence included; also in the second minute. All runs are whole windows, so it is exact."""
    client = Client(audio_format)
    rate_hz = audio_format.rate_hz
    client.says(quiet(960, rate_hz), voice(512, rate_hz), quiet(64_000, rate_hz), voice(320, rate_hz))
    client.says(quiet(960, rate_hz))
    assert client.times_ms == [860, 1472 + 224, 65_372, 65_792 + 224]


def sizes_of(ragged: str, length: int) -> Iterable[int]:
    """Sizes of appends that together are `length` bytes or more."""
    rng = np.random.default_rng(1)
    match ragged:
        case "bytes":
            return [1] * length
        case "odd":
            return [int(size) * 2 + 1 for size in rng.integers(0, 900, length // 400)] + [length]
        case _:
            return [1_000_000] * (length // 1_000_000 + 1)


def in_pieces(audio: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    """`audio` in pieces of these sizes, and the rest as the last."""
    for size in sizes:
        yield audio[:size]
        audio = audio[size:]
    yield audio


@any_format
@pytest.mark.parametrize("ragged", ["bytes", "odd", "big"])
def test_ragged_bytes_make_the_same_turns(audio_format: AudioFormat, ragged: str) -> None:
    """From single bytes to a megabyte at a time, what the transcriber is given is the same as for one append."""
    rate_hz = audio_format.rate_hz
    repeats = 40 if ragged == "big" else 1
    said = encode(
        audio_format, *[quiet(250, rate_hz), tone(333, rate_hz), quiet(400, rate_hz), tone(77, rate_hz)] * repeats
    )
    whole, pieces = Client(audio_format), Client(audio_format)
    whole.append(said)
    for piece in in_pieces(said, sizes_of(ragged, len(said))):
        pieces.append(piece)
    assert len(whole.turns) >= repeats
    assert_heard_alike(pieces, whole)


@examples
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=4),
    st.lists(st.integers(0, 20_000), max_size=20),
)
def test_however_the_bytes_are_cut_the_turns_are_the_same(
    audio_format: AudioFormat, runs: list[tuple[int, int]], sizes: list[int]
) -> None:
    """A sample cut in two, a window cut in two, a turn cut in two."""
    rate_hz = audio_format.rate_hz
    sound = [part for quiet_ms, said_ms in runs for part in (quiet(quiet_ms, rate_hz), tone(said_ms, rate_hz))]
    said = encode(audio_format, *sound)
    whole, pieces = Client(audio_format), Client(audio_format)
    whole.append(said)
    for piece in in_pieces(said, sizes):
        pieces.append(piece)
    assert_heard_alike(pieces, whole)


# --- taking and dropping -----------------------------------------------------------------------------------------


@any_format
@pytest.mark.parametrize("ms", [120, 1001, 2500.5])
def test_a_commit_by_hand_takes_the_last_samples_too(audio_format: AudioFormat, ms: float) -> None:
    """Nothing waits in the resampler or for its window: the turn is what was sent, to the last sample."""
    client = Client(audio_format, detection=None)
    codec, said = find_codec(format_name(audio_format)), tone(ms, audio_format.rate_hz)
    client.says(said)
    resampler = Resampler(codec.rate_hz, EARS_HZ)
    wanted = resampler.push(codec.decoder().decode(codec.encode(said))), resampler.flush()
    taken = client.microphone.take()
    assert len(taken) == round(len(said) * EARS_HZ / codec.rate_hz)
    np.testing.assert_allclose(taken, np.concatenate(wanted), atol=1e-5)
    assert len(client.microphone.take()) == 0


@any_format
def test_what_follows_a_commit_belongs_to_the_next_turn(audio_format: AudioFormat) -> None:
    """Every sample to one turn, none to two: the lengths add up."""
    client = Client(audio_format, detection=None)
    lengths = []
    for turn in range(10):
        client.says(tone(333, audio_format.rate_hz, turn * 333))
        lengths.append(len(client.microphone.take()))
    assert lengths == pytest.approx([5328] * 10, abs=1)


@any_format
def test_dropping_keeps_later_positions_true(audio_format: AudioFormat) -> None:
    """They are counted from the start of all audio, whether it was kept or not."""
    client = Client(audio_format)
    rate_hz = audio_format.rate_hz
    for _ in range(50):
        client.says(voice(333, rate_hz))
        client.microphone.drop()
    client.reports.clear()
    client.says(quiet(512, rate_hz), voice(320, rate_hz), quiet(320, rate_hz))
    assert client.times_ms == pytest.approx([17_162 - 100, 17_482 + 224], abs=1)


@any_format
def test_a_drop_forgets_the_turn_in_progress(audio_format: AudioFormat) -> None:
    """Its end is not told, and its audio is in no turn."""
    client = Client(audio_format)
    rate_hz = audio_format.rate_hz
    client.says(voice(500, rate_hz))
    assert len(client.reports) == 1
    client.microphone.drop()
    client.says(quiet(1000, rate_hz))
    assert len(client.reports) == 1
    assert len(client.microphone.take()) < EARS_HZ // 2


@any_format
@pytest.mark.parametrize("detection", [VAD, None])
def test_new_sound_is_the_turn_as_it_will_be_taken(audio_format: AudioFormat, detection: TurnDetection | None) -> None:
    """Padding included, each sample once; what is still on its way comes with the taking."""
    rate_hz = audio_format.rate_hz
    client = Client(audio_format, detection, noise_reduction=NEAR)
    said = encode(audio_format, quiet(500, rate_hz), tone(900, rate_hz))
    shown = []
    for piece in in_pieces(said, [997] * 100):
        client.append(piece)
        shown.append(client.microphone.new_sound())
    taken = client.microphone.take()
    together = np.concatenate(shown)
    assert 0 <= len(taken) - len(together) < 100 * 16
    assert_same([taken[: len(together)]], [together])
    assert len(client.microphone.new_sound()) == 0


# --- other settings in mid-session -------------------------------------------------------------------------------


@pytest.mark.parametrize("before", FORMATS, ids=format_name)
@pytest.mark.parametrize("after", FORMATS, ids=format_name)
def test_the_format_can_change_in_mid_session(before: AudioFormat, after: AudioFormat) -> None:
    """Also in the middle of a turn: not a sample is lost, and positions stay true."""
    client = Client(before)
    client.says(quiet(960, before.rate_hz), tone(992, before.rate_hz))
    for _ in range(100):
        client.tune(after)
        client.says(tone(20, after.rate_hz))
        client.tune(before)
        client.says(tone(20, before.rate_hz))
    client.tune(after)
    client.says(quiet(512, after.rate_hz))
    assert client.times_ms == pytest.approx([860, 5952 + 224], abs=1)
    assert len(client.turns[0]) == pytest.approx((5952 + 224 - 860) * 16, abs=16)


def test_half_a_sample_of_the_old_format_is_no_part_of_the_new_one() -> None:
    """The first sample in the new format is itself."""
    client = Client(PcmFormat(), detection=None)
    client.append(encode(PcmFormat(), tone(200, 24_000)) + b"\x7f")
    client.tune(PcmuFormat())
    client.says(quiet(100, 8_000))
    client.tune(PcmFormat())
    client.says(quiet(100, 24_000))
    taken = client.microphone.take()
    assert len(taken) == 400 * 16
    assert np.abs(taken[210 * 16 :]).max() < 0.01


def test_other_settings_do_not_disturb_the_sound() -> None:
    """A turn goes on while its knobs are turned, though it is between two bytes of a sample."""
    client, said = Client(PcmFormat()), encode(PcmFormat(), tone(320, 24_000))
    client.append(said[:5001])
    client.detection = msgspec.structs.replace(VAD, silence_duration_ms=384)
    client.tune(PcmFormat())
    client.append(said[5001:])
    client.says(quiet(352, 24_000))
    assert client.times_ms == [0]
    client.says(quiet(64, 24_000))
    assert client.times_ms == [0, 320 + 384]
    undisturbed = Client(PcmFormat(), detection=client.detection)
    undisturbed.says(tone(320, 24_000), quiet(416, 24_000))
    assert_same(client.turns, undisturbed.turns)


# --- much at once ------------------------------------------------------------------------------------------------


@any_format
def test_a_long_append_is_heard_in_pieces(audio_format: AudioFormat) -> None:
    """Of two seconds at most, so that nobody else has to wait for all of it."""
    client = Client(audio_format)
    audio = bytes(15 * 1024 * 1024 + 1)
    chunks = list(client.microphone.chunks(audio))
    assert b"".join(chunks) == audio
    longest_s = max(len(chunk) for chunk in chunks) / audio_format.bytes_per_sample / audio_format.rate_hz
    assert longest_s <= 2
    assert list(client.microphone.chunks(b"")) == []


@any_format
def test_a_recording_is_heard_whole(audio_format: AudioFormat) -> None:
    """As it was sent, at the rate of its format."""
    codec = find_codec(format_name(audio_format))
    said = codec.encode(tone(1234, codec.rate_hz))
    heard = decode_recording(said, codec)
    assert heard.duration_ms == 1234
    assert codec.encode(heard.pcm) == said
