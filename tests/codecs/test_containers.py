"""Audio files: every usual format in, exact WAV out, and no damaged file brings the process down."""

from __future__ import annotations

import os
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO, FileIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realtime.audio import Audio
from realtime.codecs.containers import _Bytes, _File, encode_wav, load_speech, read_audio, read_rate, write_wav
from realtime.codecs.resample import resample
from realtime.errors import InvalidRequest
from tests.codecs.signals import noise, sine, snr_db

TONE = sine(440, 24_000, 12_000)


def file_of(pcm: NDArray[np.floating], rate_hz: int, container: str, subtype: str | None = None) -> bytes:
    """What another program would have written."""
    file = BytesIO()
    soundfile.write(file, pcm, rate_hz, format=container, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("container", "subtype", "snr"),
    [
        ("WAV", "PCM_16", 85),
        ("WAV", "PCM_24", 120),
        ("WAV", "FLOAT", 140),
        ("WAV", "ULAW", 34),
        ("FLAC", "PCM_16", 85),
        ("AIFF", "PCM_16", 85),
        ("OGG", "VORBIS", 20),
        ("OGG", "OPUS", 15),
        ("MP3", "MPEG_LAYER_III", 20),
    ],
)
def test_usual_formats_are_read(container: str, subtype: str, snr: float) -> None:
    """Rate, length and sound."""
    audio = read_audio(file_of(TONE, 24_000, container, subtype))
    assert audio.rate_hz == 24_000
    assert audio.pcm.dtype == np.float32
    assert audio.pcm.shape == TONE.shape
    assert snr_db(TONE[1000:-1000], audio.pcm[1000:-1000]) > snr


def test_channels_are_averaged() -> None:
    """A voice on one channel is heard at half its level; opposite channels cancel."""
    left_only = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    assert np.allclose(read_audio(file_of(left_only, 24_000, "WAV", "FLOAT")).pcm, TONE / 2, atol=1e-7)
    opposite = np.stack([TONE, -TONE], axis=1)
    assert np.abs(read_audio(file_of(opposite, 24_000, "WAV", "FLOAT")).pcm).max() < 1e-7


def test_a_file_longer_than_one_piece_is_whole() -> None:
    """Decoding goes piece by piece and loses nothing between them."""
    pcm = noise(200_000)
    assert np.array_equal(read_audio(file_of(pcm, 16_000, "WAV", "FLOAT")).pcm, pcm)


def test_written_and_read_is_the_same(tmp_path: Path) -> None:
    """Every 16-bit sample, through a path; writing again gives the same file."""
    every = Audio(np.arange(-32768, 32768, dtype=np.float32) / np.float32(32768), 16_000)
    write_wav(tmp_path / "every.wav", every)
    read = read_audio(tmp_path / "every.wav")
    assert read.rate_hz == 16_000
    assert np.array_equal(read.pcm, every.pcm)
    assert encode_wav(read) == (tmp_path / "every.wav").read_bytes()
    assert np.array_equal(read_audio(str(tmp_path / "every.wav")).pcm, every.pcm)


def test_wild_floats_are_tamed_both_ways() -> None:
    """Beyond full scale is full scale, NaN is silence: read from a file, or written to one."""
    wild = np.array([2, -2, np.nan, np.inf, -np.inf, 0.25], np.float32)
    assert read_audio(file_of(wild, 8_000, "WAV", "FLOAT")).pcm.tolist() == [1, -1, 0, 1, -1, 0.25]
    top = 32767 / 32768
    assert read_audio(encode_wav(Audio(wild, 8_000))).pcm.tolist() == [top, -1, 0, top, -1, 0.25]


def test_an_empty_wav_is_no_sound() -> None:
    """Valid, and nothing in it."""
    assert read_audio(encode_wav(Audio(np.zeros(0, np.float32), 8_000))).pcm.shape == (0,)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not audio at all" * 100, b"\x00" * 5_000, b"<html></html>"])
def test_what_is_not_audio_is_refused(data: bytes) -> None:
    """The client's fault, in words."""
    with pytest.raises(InvalidRequest, match="not an audio file") as caught:
        read_audio(data)
    assert caught.value.param == "file"


def test_a_raw_name_is_no_way_in(tmp_path: Path) -> None:
    """libsndfile takes `.raw` for headerless sound of unknown rate; the content decides here."""
    path = tmp_path / "speech.raw"
    path.write_bytes(b"\x01\x02" * 100)
    with pytest.raises(InvalidRequest):
        read_audio(path)
    path.write_bytes(encode_wav(Audio(TONE, 24_000)))
    assert len(read_audio(path).pcm) == len(TONE)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """The system's own words, with the name."""
    with pytest.raises(FileNotFoundError, match=r"nowhere\.wav"):
        read_audio(tmp_path / "nowhere.wav")
    with pytest.raises(FileNotFoundError):
        write_wav(tmp_path / "no" / "folder.wav", Audio(TONE, 24_000))


def test_a_file_that_breaks_off_gives_what_came() -> None:
    """An upload cut short, and a WAV streamed before its length was known."""
    whole = encode_wav(Audio(TONE, 24_000))
    assert np.allclose(read_audio(whole[: 44 + 2 * 5_000]).pcm, TONE[:5_000], atol=1e-4)
    endless = struct.pack("<I", 0xFFFFFFFF)
    streamed = whole[:4] + endless + whole[8:40] + endless + whole[44:]
    assert np.allclose(read_audio(streamed).pcm, TONE, atol=1e-4)


def test_a_small_file_cannot_hold_hours() -> None:
    """Ten minutes of silence in a few kilobytes of FLAC, stopped at the limit; within it, all is read."""
    bomb = file_of(np.zeros(600 * 8_000, np.float32), 8_000, "FLAC")
    assert len(bomb) < 100_000
    with pytest.raises(InvalidRequest, match="longer than 60 s"):
        read_audio(bomb, max_s=60)
    assert len(read_audio(bomb, max_s=600).pcm) == 600 * 8_000


@pytest.mark.parametrize(("channels", "limit"), [(1, 70_000), (4, 70_000), (8, 140_000), (100, 1_750_000)])
def test_samples_of_all_channels_are_counted(channels: int, limit: int) -> None:
    """Not seconds: at 384 kHz they are many."""
    sound = file_of(np.zeros((70_000, channels), np.float32), 384_000, "WAV")
    assert len(read_audio(sound, max_samples=limit).pcm) == 70_000
    with pytest.raises(InvalidRequest, match="more than") as refused:
        read_audio(sound, max_samples=limit - 1)
    assert refused.value.reason == "out_of_range"


def claiming(flac: bytes, frames: int) -> bytes:
    """The same file, with another length in its header (RFC 9639, 8.2): the low 36 bits of its bytes 18 to 26."""
    head = int.from_bytes(flac[18:26]) >> 36 << 36 | frames
    return flac[:18] + head.to_bytes(8) + flac[26:]


def test_what_a_file_claims_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of seconds and of samples, whatever is in it."""
    claims_hours = claiming(file_of(np.zeros((4_096, 8), np.float32), 384_000, "FLAC"), 384_000 * 3600)
    monkeypatch.delattr(soundfile.SoundFile, "read")
    with pytest.raises(InvalidRequest, match="longer than 60 s"):
        read_audio(claims_hours, max_s=60)
    with pytest.raises(InvalidRequest, match="more than 230000000 samples"):
        read_audio(claims_hours, max_samples=230_000_000)


def test_a_file_that_claims_no_length_is_stopped_in_reading() -> None:
    endless = claiming(file_of(np.zeros(600 * 8_000, np.float32), 8_000, "FLAC"), 0)
    with pytest.raises(InvalidRequest, match="longer than 60 s"):
        read_audio(endless, max_s=60)


def test_samples_are_counted_at_the_rate_they_are_kept_at() -> None:
    slow = file_of(np.zeros(10_000, np.float32), 1_000, "WAV")
    assert len(read_audio(slow, 16_000, max_samples=160_000).pcm) == 160_000
    with pytest.raises(InvalidRequest, match="more than 159999 samples"):
        read_audio(slow, 16_000, max_samples=159_999)


def test_reading_that_is_given_up_ends() -> None:
    given_up = Event()
    given_up.set()
    assert len(read_audio(encode_wav(Audio(TONE, 24_000)), given_up=given_up).pcm) == 0


def test_what_is_decoded_is_in_memory_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the file is not in memory at all: what is larger than both is not needed."""
    monkeypatch.setattr("realtime.codecs.piecewise._GROWTH_SAMPLES", 1 << 18)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        write_wav(path, Audio(np.zeros(8_000_000, np.float32), 16_000))
        tracemalloc.start()
        audio = read_audio(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 1.2 * audio.pcm.nbytes


def test_a_fast_rate_takes_no_memory() -> None:
    """Where speech is wanted: a minute at 384 kHz is 92 MB, and 4 MB at 16 kHz."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sound.flac"
        with soundfile.SoundFile(path, "w", 384_000, 1) as file:
            for _ in range(60):
                file.write(np.zeros(384_000, np.int16))
        assert path.stat().st_size < 1_000_000
        tracemalloc.start()
        speech = load_speech(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(speech.pcm) == 60 * 16_000
    assert peak_bytes < 30_000_000


def test_a_file_is_asked_for_little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all channels together."""
    pieces: list[int] = []
    read = soundfile.SoundFile.read

    def counted(file: soundfile.SoundFile, *arguments: Any, **options: Any) -> NDArray[np.float32]:
        piece: NDArray[np.float32] = read(file, *arguments, **options)
        pieces.append(piece.nbytes)
        return piece

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    read_audio(file_of(np.zeros((10_000, 255), np.float32), 384_000, "WAV"), 16_000)
    assert sum(pieces) == 4 * 10_000 * 255
    assert max(pieces) <= 4 << 16


def test_an_open_file_is_read_and_stays_open(tmp_path: Path) -> None:
    """Its rate can be had alone, and neither is told by its name."""
    write_wav(tmp_path / "tone.raw", Audio(TONE, 24_000))
    with FileIO(tmp_path / "tone.raw") as file:
        assert read_rate(file) == 24_000
        file.seek(0)
        assert len(read_audio(file).pcm) == len(TONE)
        assert not file.closed
    with pytest.raises(InvalidRequest, match="not an audio file"):
        read_rate(b"not a sound")


def test_a_pipe_is_read(tmp_path: Path) -> None:
    """Though nobody can go back in it."""
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as writer:
        writer.submit((tmp_path / "pipe").write_bytes, encode_wav(Audio(TONE, 24_000)))
        assert len(read_audio(tmp_path / "pipe").pcm) == len(TONE)


def test_writing_that_is_given_up_ends() -> None:
    given_up = Event()
    given_up.set()
    file = BytesIO()
    write_wav(file, Audio(TONE, 24_000), given_up)
    assert len(file.getvalue()) < 100


@pytest.mark.parametrize("rate_hz", [1, 999, 384_001, 4_000_000_000])
def test_a_mad_sample_rate_is_refused(rate_hz: int) -> None:
    """Before it is multiplied by anything."""
    whole = encode_wav(Audio(TONE, 24_000))
    with pytest.raises(InvalidRequest):
        read_audio(whole[:24] + struct.pack("<I", rate_hz) + whole[28:])


def test_speech_comes_at_the_rate_it_is_worked_on() -> None:
    """Read and resampled; 16 kHz unless told otherwise."""
    data = file_of(np.stack([TONE, TONE], axis=1), 24_000, "FLAC")
    speech = load_speech(data)
    assert (speech.rate_hz, len(speech.pcm)) == (16_000, 8_000)
    assert snr_db(sine(440, 16_000, 8_000)[1000:-1000], speech.pcm[1000:-1000]) > 80
    assert load_speech(data, 24_000).rate_hz == 24_000


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(384_000, 16_000), (44_100, 16_000), (47_999, 16_000), (11_025, 24_000), (1_000, 16_000), (16_000, 16_000)],
)
@pytest.mark.parametrize("seconds", [0.01, 4.5, 14.3])
def test_another_rate_is_what_turning_the_whole_would_give(from_hz: int, to_hz: int, seconds: float) -> None:
    """Sample for sample, to 100 dB below full scale, though it is turned as it is read."""
    data = file_of(noise(round(seconds * from_hz)), from_hz, "WAV", "FLOAT")
    audio, whole = read_audio(data, to_hz), resample(read_audio(data), to_hz)
    assert audio.rate_hz == to_hz
    assert len(audio.pcm) == len(whole.pcm)
    assert np.abs(audio.pcm - whole.pcm).max() < 1e-5


SEEDS = [file_of(TONE[:2_000], 24_000, container) for container in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "AU")]


@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 255)), max_size=8),
    keep=st.integers(0, 6_000),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_refused(seed: bytes, edits: list[tuple[int, int]], keep: int) -> None:
    """Nothing but `InvalidRequest` ever comes out, and nothing out of range."""
    data = bytearray(seed)
    for place, byte in edits:
        data[place % len(data)] = byte
    with TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.wav"
        path.write_bytes(data[:keep])
        try:
            audio = read_audio(bytes(data[:keep]), max_s=600)
        except InvalidRequest:
            with pytest.raises(InvalidRequest):
                read_audio(path, max_s=600)
            return
        assert np.array_equal(read_audio(path, max_s=600).pcm, audio.pcm)
    assert np.abs(audio.pcm).max(initial=0) <= 1


@pytest.mark.parametrize(("offset", "whence"), [(-1, 0), (-100, 1), (-100, 2), (1 << 62, 1)])
def test_a_damaged_header_seeks_in_vain(tmp_path: Path, offset: int, whence: int) -> None:
    """The position stays somewhere in or past the file, and no exception is lost inside libsndfile."""
    (tmp_path / "sound").write_bytes(b"sound")
    with _File(FileIO(tmp_path / "sound")) as on_disk:
        for file in (_Bytes(b"sound"), on_disk):
            file.seek(2)
            assert file.seek(offset, whence) == file.tell() >= 0
