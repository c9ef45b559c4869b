"""`AudioTransform`: a file is made anew, with or without a reference beside it, or refused before it is read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.files import Files
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.sound.transform import Transforms
from realtime.codecs.containers import read_audio, write_wav
from realtime.codecs.resample import resample
from realtime.engines.base import Urgency
from realtime.engines.resampling import Resampling
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames
from realtime.engines.webrtc_transform import WebrtcTransform
from realtime.errors import InvalidRequest, NotPermitted
from tests.backend.rooms import premises_of
from tests.backend.sound.transforms import Marking, premises_marking
from tests.engines.sounds import moved_by, spoken
from tests.server.house import until


def file_request(folder: Path, reference: str = "", **params: str) -> pb.AudioTransformRequest:
    return pb.AudioTransformRequest(
        audio_path=str(folder / "in.wav"),
        reference_path=str(folder / reference) if reference else "",
        dst=str(folder / "out.wav"),
        params=params,
    )


# --- what is made ------------------------------------------------------------------------------------------------


async def test_a_file_is_made_anew_where_it_was(tmp_path: Path) -> None:
    """Sample for sample, though the stream is late; several pieces of it."""
    sound = np.linspace(-1, 1, 40_001, dtype=np.float32)
    write_wav(tmp_path / "in.wav", Audio(sound, 16_000))
    marking = Marking()
    room = Transforms(premises_marking(marking, tmp_path))
    result = await room.audio_transform(file_request(tmp_path, delay="1234"))
    made = read_audio(tmp_path / "out.wav")
    assert (result.dst, result.sample_rate, result.samples) == (str(tmp_path / "out.wav"), 16_000, 40_001)
    assert not result.reference_provided
    assert np.abs(made.pcm - sound / 2).max() < 1 / 16_384
    assert marking.asked == [Frames(rate_hz=16_000, samples=16_000, urgency=Urgency.UNATTENDED)]


@pytest.mark.parametrize("seconds", [0.5, 5])
async def test_the_reference_is_brought_to_the_sound(tmp_path: Path, seconds: float) -> None:
    """To its rate and its length: silence follows a shorter one."""
    write_wav(tmp_path / "in.wav", Audio(np.zeros(32_000, np.float32), 16_000))
    write_wav(tmp_path / "far.wav", Audio(np.full(round(seconds * 48_000), 0.25, np.float32), 48_000))
    result = await Transforms(premises_marking(None, tmp_path)).audio_transform(file_request(tmp_path, "far.wav"))
    made = read_audio(tmp_path / "out.wav").pcm
    assert result.reference_provided
    assert len(made) == 32_000
    assert made[4000] == pytest.approx(0.25, abs=0.001)
    assert made[20_000] == pytest.approx(0.25 if seconds > 2 else 0, abs=0.001)


async def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", Audio(np.zeros(0, np.float32), 16_000))
    assert (await Transforms(premises_marking(None, tmp_path)).audio_transform(file_request(tmp_path))).samples == 0
    assert len(read_audio(tmp_path / "out.wav").pcm) == 0


@pytest.mark.parametrize(("rate_hz", "to_hz"), [(44_100, 16_000), (16_000, 48_000), (16_000, 44_100)])
async def test_a_file_at_another_rate(tmp_path: Path, scheduler: Scheduler, rate_hz: int, to_hz: int) -> None:
    """As long as it was, and nothing moved."""
    sound = spoken("france", rate_hz=rate_hz)
    write_wav(tmp_path / "in.wav", Audio(sound, rate_hz))
    room = Transforms(premises_of(None, tmp_path, on_demand={"resample": lambda: Resampling(scheduler)}))
    result = await room.audio_transform(file_request(tmp_path, transform="resample", to_rate=str(to_hz)))
    made = read_audio(tmp_path / "out.wav")
    assert result.sample_rate == made.rate_hz == to_hz
    assert result.samples == len(made.pcm) == round(len(sound) * to_hz / rate_hz)
    assert moved_by(spoken("france", rate_hz=to_hz), made.pcm) == 0


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
async def test_webrtc_moves_nothing_in_a_file(tmp_path: Path, scheduler: Scheduler, rate_hz: int) -> None:
    """Within a quarter of a millisecond, whatever happens inside."""
    sound = spoken("france", rate_hz=rate_hz)
    write_wav(tmp_path / "in.wav", Audio(sound, rate_hz))
    room = Transforms(premises_of(None, tmp_path, on_demand={"webrtc": lambda: WebrtcTransform(scheduler)}))
    await room.audio_transform(file_request(tmp_path))
    made = read_audio(tmp_path / "out.wav").pcm
    assert len(made) == len(sound)
    assert min(moved_by(sound, made), moved_by(made, sound)) <= rate_hz / 4000


async def test_of_a_reference_only_what_is_heard_is_resampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour beside a second would fill the memory at a high rate."""
    resampled: list[int] = []

    def counted(audio: Audio, rate_hz: int) -> Audio:
        resampled.append(len(audio.pcm))
        return resample(audio, rate_hz)

    monkeypatch.setattr("realtime.backend.sound.transform.resample", counted)
    write_wav(tmp_path / "in.wav", Audio(np.zeros(48_000, np.float32), 48_000))
    write_wav(tmp_path / "far.wav", Audio(np.zeros(80_000, np.float32), 8000))
    await Transforms(premises_marking(None, tmp_path)).audio_transform(file_request(tmp_path, "far.wav"))
    assert resampled == [16_000]


async def test_who_hangs_up_leaves_no_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160_000, np.float32), 16_000))
    marking = Marking()
    marking.open.clear()
    working = asyncio.create_task(
        Transforms(premises_marking(marking, tmp_path)).audio_transform(file_request(tmp_path))
    )
    await until(lambda: marking.pushed > 0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not (tmp_path / "out.wav").exists()
    assert marking.pushed == 1


# --- what is refused ---------------------------------------------------------------------------------------------


async def test_files_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """By the field, before anything is made."""
    inside = tmp_path / "inside"
    inside.mkdir()
    marking = Marking()
    room = Transforms(premises_marking(marking, inside))
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160, np.float32), 16_000))
    with pytest.raises(NotPermitted, match="'dst' lies outside"):
        await room.audio_transform(file_request(tmp_path))
    with pytest.raises(InvalidRequest, match="'audio_path' names no file"):
        await room.audio_transform(file_request(inside))
    write_wav(inside / "in.wav", Audio(np.zeros(160, np.float32), 16_000))
    with pytest.raises(InvalidRequest, match="'reference_path' names no file"):
        await room.audio_transform(file_request(inside, "far.wav"))
    with pytest.raises(InvalidRequest, match=r"'params.volume' is unknown"):
        await room.audio_transform(file_request(inside, volume="1"))
    with pytest.raises(InvalidRequest, match="'dst' names no file"):
        await room.audio_transform(pb.AudioTransformRequest(audio_path=str(inside / "in.wav")))
    write_wav(inside / "in.wav", Audio(np.zeros(160, np.float32), 4000))
    with pytest.raises(InvalidRequest, match="'audio_path' has 4000 Hz; transforms take 8000 to 192000 Hz"):
        await room.audio_transform(file_request(inside))
    assert not (inside / "out.wav").exists()
    assert marking.pushed == 0


async def test_what_is_wrong_is_said_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate, a parameter, a reference: none of them has to wait for hours of sound."""
    decoded: list[str] = []

    async def read_audio(_: Files, path: str, field: str) -> Audio:
        decoded.append(path)
        raise AssertionError(field)

    monkeypatch.setattr(Files, "read_audio", read_audio)
    room = Transforms(premises_marking(None, tmp_path))
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160, np.float32), 16_000))
    (tmp_path / "text.wav").write_text("Not a sound.")
    for request in (
        file_request(tmp_path, volume="1"),
        file_request(tmp_path, transform="autotune"),
        file_request(tmp_path, gain="loud"),
        file_request(tmp_path, "none.wav"),
        file_request(tmp_path, "text.wav"),
    ):
        with pytest.raises(InvalidRequest):
            await room.audio_transform(request)
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160, np.float32), 4000))
    with pytest.raises(InvalidRequest, match="4000 Hz"):
        await room.audio_transform(file_request(tmp_path))
    assert decoded == []


async def test_sound_that_would_become_too_long_is_refused(
    tmp_path: Path, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a higher rate it is more."""
    monkeypatch.setattr("realtime.backend.sound.transform.MOST_SAMPLES", 30_000)
    write_wav(tmp_path / "in.wav", Audio(np.zeros(16_000, np.float32), 16_000))
    room = Transforms(premises_of(None, tmp_path, on_demand={"resample": lambda: Resampling(scheduler)}))
    with pytest.raises(InvalidRequest, match="'audio_path' would become 48000 samples at 48000 Hz") as refused:
        await room.audio_transform(file_request(tmp_path, transform="resample", to_rate="48000"))
    assert refused.value.reason == "out_of_range"
    await room.audio_transform(file_request(tmp_path, transform="resample", to_rate="24000"))
