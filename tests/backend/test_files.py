"""Calls touch files in the operator's folders, and nothing else."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from realtime.audio import Audio
from realtime.backend.files import THREADS, Files
from realtime.codecs.containers import encode_wav, read_audio, write_wav
from realtime.codecs.resample import resampled
from realtime.errors import EngineBusy, EngineFailed, InvalidRequest, NotPermitted
from tests.server.house import until

TONE = Audio(np.sin(np.arange(1600, dtype=np.float32) / 10) * np.float32(0.5), 16_000)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One that calls may use, and one that they may not, with a sound in each."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        write_wav(folder / "tone.wav", TONE)
    return inside, outside


async def test_what_lies_inside_is_read_and_written(folders: tuple[Path, Path]) -> None:
    """As deep inside as it may be."""
    inside, _ = folders
    files = Files([inside])
    (inside / "deep").mkdir()
    place = await files.write_wav(str(inside / "deep" / "copy.wav"), "dst", TONE)
    assert read_audio(place).rate_hz == 16_000
    assert np.allclose((await files.read_audio(str(place), "dst")).pcm, TONE.pcm, atol=1e-4)


@pytest.mark.parametrize("way", ["plain", "dots", "link", "linked folder", "beside"])
async def test_what_lies_outside_is_not_touched(folders: tuple[Path, Path], way: str) -> None:
    """Whatever way the path takes there."""
    inside, outside = folders
    (inside / "link.wav").symlink_to(outside / "tone.wav")
    (inside / "linked").symlink_to(outside)
    beside = inside.with_name("inside-too")
    beside.mkdir()
    write_wav(beside / "tone.wav", TONE)
    path = {
        "plain": outside / "tone.wav",
        "dots": inside / ".." / "outside" / "tone.wav",
        "link": inside / "link.wav",
        "linked folder": inside / "linked" / "tone.wav",
        "beside": beside / "tone.wav",
    }[way]
    assert path.exists()
    before = (outside / "tone.wav").read_bytes()
    files = Files([inside])
    with pytest.raises(NotPermitted, match=r"'dst' lies outside.*grpc\.directories"):
        await files.read_audio(str(path), "dst")
    with pytest.raises(NotPermitted, match="'dst' lies outside"):
        await files.write_wav(str(path), "dst", Audio(TONE.pcm[:10], 16_000))
    assert (outside / "tone.wav").read_bytes() == before


# --- odd names, and what is no file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x" * 300, "circle", "circle/tone.wav", "tone.wav/below.wav", "pipe", "/dev/null"])
async def test_what_is_no_file_is_refused(folders: tuple[Path, Path], name: str) -> None:
    """By the field, at once, and whoever wants to read or to write."""
    inside, _ = folders
    (inside / "circle").symlink_to(inside / "elcric")
    (inside / "elcric").symlink_to(inside / "circle")
    os.mkfifo(inside / "pipe")
    files = Files([inside, Path("/dev")])
    before = sorted(inside.iterdir())
    async with asyncio.timeout(5):  # a pipe would be waited for
        for refused in (
            files.read_audio(str(inside / name), "dst"),
            files.read_rate(str(inside / name), "dst"),
            files.write_wav(str(inside / name), "dst", TONE),
            files.check_writable(str(inside / name), "dst"),
            asyncio.to_thread(files.readable, str(inside / name), "dst"),
            asyncio.to_thread(files.writable, str(inside / name), "dst"),
        ):
            with pytest.raises(InvalidRequest, match="'dst'") as problem:
                await refused
            assert problem.value.param == "dst"
    assert sorted(inside.iterdir()) == before


async def test_a_circle_outside_is_outside(folders: tuple[Path, Path]) -> None:
    inside, outside = folders
    (outside / "circle").symlink_to(outside / "circle")
    for path in (outside / "circle", inside / ".." / "outside" / "circle"):
        with pytest.raises(NotPermitted):
            await Files([inside]).read_audio(str(path), "dst")


# --- how much a file may hold ---------------------------------------------------------------------------------------


async def test_samples_are_counted(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each channel, at any rate, and of all together: an hour may be more than four."""
    inside, _ = folders
    monkeypatch.setattr("realtime.backend.files.MOST_SAMPLES", 50_000)
    for name, channels in (("fits.flac", 4), ("long.flac", 5)):
        soundfile.write(inside / name, np.zeros((50_000, channels), np.float32), 96_000)
    files = Files([inside])
    assert len((await files.read_audio(str(inside / "fits.flac"), "dst")).pcm) == 50_000
    with pytest.raises(InvalidRequest, match="'dst': The audio has more than 50000 samples") as refused:
        await files.read_audio(str(inside / "long.flac"), "dst")
    assert (refused.value.reason, refused.value.param) == ("out_of_range", "dst")
    assert await files.read_rate(str(inside / "long.flac"), "dst") == 96_000


async def test_there_is_so_much_sound_and_no_more(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all who read; and again when it is let go."""
    inside, _ = folders
    monkeypatch.setattr("realtime.backend.files.MOST_SAMPLES_AT_ONCE", 1000)
    files = Files([inside])
    write_wav(inside / "some.wav", Audio(np.zeros(600, np.float32), 16_000))
    held = await files.read_audio(str(inside / "some.wav"), "dst")
    with pytest.raises(EngineBusy, match="600 samples"):
        await files.read_audio(str(inside / "some.wav"), "dst")
    del held
    await files.read_audio(str(inside / "some.wav"), "dst")
    await files.close()


async def test_a_huge_file_is_refused_unread(folders: tuple[Path, Path]) -> None:
    """It takes no room on the disk, and would take 200 GB in memory."""
    inside, _ = folders
    with (inside / "sparse.wav").open("wb") as file:
        file.write(encode_wav(TONE))
        file.truncate(200 << 30)
    with pytest.raises(InvalidRequest, match=f"'dst': The file has {200 << 30} bytes") as refused:
        await Files([inside]).read_audio(str(inside / "sparse.wav"), "dst")
    assert refused.value.reason == "out_of_range"


async def test_a_file_is_read_at_the_rate_that_is_wanted(folders: tuple[Path, Path]) -> None:
    """And counted as it is decoded."""
    inside, _ = folders
    soundfile.write(inside / "fast.flac", np.zeros((96_000, 2), np.float32), 96_000)
    audio = await Files([inside]).read_audio(str(inside / "fast.flac"), "dst", 16_000)
    assert (audio.rate_hz, len(audio.pcm)) == (16_000, 16_000)


# --- whom slow files keep waiting -------------------------------------------------------------------------------------


async def test_a_disk_that_hangs_holds_no_conversation_up(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conversations turn their sound in asyncio's own threads, of which there is only one here."""
    inside, _ = folders
    begun, go_on = threading.Event(), threading.Event()

    def hangs(*arguments: Any, **options: Any) -> Audio:
        begun.set()
        assert go_on.wait(30)
        return TONE

    monkeypatch.setattr("realtime.backend.files.read_audio", hangs)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    files = Files([inside])
    path = str(inside / "tone.wav")
    reading = [asyncio.create_task(files.read_audio(path, "dst")) for _ in range(THREADS + 1)]
    await until(begun.is_set)
    try:
        async with asyncio.timeout(10):
            assert (await resampled(TONE, 8_000)).rate_hz == 8_000
        assert not any(task.done() for task in reading)
    finally:
        go_on.set()
        await asyncio.gather(*reading)
        await files.close()


async def test_no_thread_outlives_them(folders: tuple[Path, Path]) -> None:
    """Nor is anything read afterwards."""
    inside, _ = folders
    files = Files([inside])
    await files.read_rate(str(inside / "tone.wav"), "dst")
    await files.check_writable(str(inside / "tone.wav"), "dst")
    before = set(threading.enumerate())
    await files.close()
    assert [thread.name for thread in before - set(threading.enumerate())] == ["files_0"]
    with pytest.raises(EngineFailed, match="the door is closed"):
        await files.read_rate(str(inside / "tone.wav"), "dst")


# --- what is written is written whole -------------------------------------------------------------------------------


async def test_a_full_disk_leaves_the_old_file(folders: tuple[Path, Path]) -> None:
    """And nothing beside it."""
    inside, _ = folders
    before = (inside / "tone.wav").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(EngineBusy, match="'dst' cannot be written: File too large"):
            await Files([inside]).write_wav(
                str(inside / "tone.wav"), "dst", Audio(np.zeros(160_000, np.float32), 16_000)
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [child.name for child in inside.iterdir()] == ["tone.wav"]
    assert (inside / "tone.wav").read_bytes() == before


async def test_who_gives_up_leaves_the_old_file(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    inside, _ = folders
    before = (inside / "tone.wav").read_bytes()
    begun, go_on = threading.Event(), threading.Event()

    def slowly(*arguments: Any) -> None:
        begun.set()
        go_on.wait()
        write_wav(*arguments)

    monkeypatch.setattr("realtime.backend.files.write_wav", slowly)
    writing = asyncio.create_task(Files([inside]).write_wav(str(inside / "tone.wav"), "dst", Audio(TONE.pcm[:9], 8000)))
    await asyncio.to_thread(begun.wait)
    writing.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert [child.name for child in inside.iterdir()] == ["tone.wav"]
    assert (inside / "tone.wav").read_bytes() == before


async def test_the_new_file_has_the_old_ones_rights(folders: tuple[Path, Path]) -> None:
    """And a link to it stays a link."""
    inside, _ = folders
    (inside / "tone.wav").chmod(0o640)
    (inside / "link.wav").symlink_to(inside / "tone.wav")
    place = await Files([inside]).write_wav(str(inside / "link.wav"), "dst", Audio(TONE.pcm[:9], 8000))
    assert place == inside / "tone.wav"
    assert place.stat().st_mode & 0o777 == 0o640
    assert (inside / "link.wav").is_symlink()
    assert read_audio(place).rate_hz == 8000


async def test_without_folders_nothing_is_touched(folders: tuple[Path, Path]) -> None:
    """And the message says so."""
    with pytest.raises(NotPermitted, match="there are none"):
        await Files([]).read_audio(str(folders[0] / "tone.wav"), "audio")


async def test_whether_a_file_outside_exists_is_not_told(folders: tuple[Path, Path]) -> None:
    """The answer is the same for one that does not."""
    inside, outside = folders
    told = []
    for name in ("tone.wav", "none.wav"):
        with pytest.raises(NotPermitted) as refused:
            await Files([inside]).read_audio(str(outside / name), "dst")
        told.append(str(refused.value))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("path", "reason", "message"),
    [
        ("", "missing_required_parameter", "'dst' names no file"),
        ("tone.wav", "invalid_value", "must be the absolute path"),
        ("{inside}/none.wav", "not_found", "'dst' names no file: "),
        ("{inside}", "not_found", "'dst' names no file: "),
        ("{inside}/text.wav", "invalid_value", "'dst': This is not an audio file"),
        ("/\0", "invalid_value", "must be the absolute path"),
    ],
)
async def test_what_cannot_be_read_is_named(folders: tuple[Path, Path], path: str, reason: str, message: str) -> None:
    """By the field of the request."""
    inside, _ = folders
    (inside / "text.wav").write_text("Not a sound.")
    with pytest.raises(InvalidRequest, match=message) as refused:
        await Files([inside]).read_audio(path.format(inside=inside), "dst")
    assert (refused.value.reason, refused.value.param) == (reason, "dst")


@pytest.mark.parametrize(
    ("path", "message"), [("{inside}", "names a folder"), ("{inside}/none/tone.wav", "lies in no folder that there is")]
)
async def test_what_cannot_be_written_is_named(folders: tuple[Path, Path], path: str, message: str) -> None:
    """Nothing is made on the way."""
    inside, _ = folders
    with pytest.raises(InvalidRequest, match=message):
        await Files([inside]).write_wav(path.format(inside=inside), "dst", TONE)
    assert sorted(child.name for child in inside.iterdir()) == ["tone.wav"]
