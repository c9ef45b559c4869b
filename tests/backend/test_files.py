"""Calls touch files in the operator's folders, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.files import Files
from realtime.codecs.containers import read_audio, write_wav
from realtime.errors import InvalidRequest, NotPermitted

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
