"""A record vouches for a folder exactly as long as the folder is what was hashed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from realtime.models.catalogue import Model, load_catalogue
from realtime.models.record import audit, read_record, vouches
from tests.models.shelf import MEMBERS, table


def model_of(entry: dict[str, Any]) -> Model:
    return load_catalogue({"tiny": entry}).find("tiny")


def without_hashes(revision: str = "main") -> dict[str, Any]:
    """The same files from a hub, as a catalogue has them that knows no hashes."""
    files = [{"path": name.rpartition("/")[2]} for name in MEMBERS]
    return {"kind": "chat", "source": {"from": "hub", "repo": "some/body", "revision": revision}, "files": files}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the right files, put there by a person."""
    for name, data in MEMBERS.items():
        (tmp_path / name.rpartition("/")[2]).write_bytes(data)
    return tmp_path


def trusted(model: Model, home: Path) -> bool:
    return vouches(read_record(home), model, home)


def states(model: Model, home: Path) -> list[str]:
    return [finding.state for finding in audit(model, home)]


def test_files_put_there_by_hand_are_trusted_once_they_were_hashed(home: Path) -> None:
    model = model_of(table())
    assert not trusted(model, home)
    assert states(model, home) == ["ok", "ok"]
    assert trusted(model, home)


def test_a_file_touched_since_voids_the_record_until_hashed_again(home: Path) -> None:
    model = model_of(table())
    audit(model, home)
    os.utime(home / "tiny.onnx", (1_000_000_000, 1_000_000_000))
    assert not trusted(model, home)
    assert states(model, home) == ["ok", "ok"]
    assert trusted(model, home)


@pytest.mark.parametrize("damage", ["flipped", "short", "gone"])
def test_damage_is_found_named_and_not_trusted(home: Path, damage: str) -> None:
    model = model_of(table())
    audit(model, home)
    file = home / "tiny.onnx"
    before = file.stat()
    match damage:
        case "flipped":
            file.write_bytes(b"X" + file.read_bytes()[1:])
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
            assert trusted(model, home)  # as cheap as it is: only hashing can tell
        case "short":
            file.write_bytes(b"half")
        case "gone":
            file.unlink()
    first = audit(model, home)[0]
    assert first.state == ("missing" if damage == "gone" else "corrupt")
    assert str(file) in first.detail
    assert not trusted(model, home)


def test_a_folder_that_lost_a_file_is_not_trusted(home: Path) -> None:
    model = model_of(table())
    audit(model, home)
    (home / "tokens.json").unlink()
    assert not trusted(model, home)


def test_wrong_files_put_there_by_hand_leave_no_record(home: Path) -> None:
    model = model_of(table())
    (home / "tiny.onnx").write_bytes(b"something else")
    assert states(model, home) == ["corrupt", "ok"]
    assert read_record(home) is None


def test_a_hash_the_catalogue_lacks_is_remembered_from_the_first_time(home: Path) -> None:
    model = model_of(without_hashes())
    assert states(model, home) == ["ok", "ok"]
    file = home / "tiny.onnx"
    file.write_bytes(b"X" + file.read_bytes()[1:])
    assert states(model, home) == ["corrupt", "ok"]
    assert states(model, home) == ["corrupt", "ok"]  # the damage does not become the new truth
    assert not trusted(model, home)


def test_another_revision_without_hashes_is_another_model(home: Path) -> None:
    audit(model_of(without_hashes("v1")), home)
    newer = model_of(without_hashes("v2"))
    assert not trusted(newer, home)
    assert states(newer, home) == ["missing", "missing"]
    assert trusted(model_of(without_hashes("v1")), home)


def test_another_source_of_the_same_hashes_is_the_same_model(home: Path) -> None:
    audit(model_of(table()), home)
    assert trusted(model_of(table(version="1.1")), home)


def test_another_hash_in_the_catalogue_voids_the_record(home: Path) -> None:
    audit(model_of(table()), home)
    changed = table()
    changed["files"][0]["sha256"] = "0" * 64
    assert not trusted(model_of(changed), home)


def test_an_unreadable_record_is_no_record(home: Path) -> None:
    model = model_of(table())
    audit(model, home)
    (home / ".verified.json").write_text("{ not json")
    assert not trusted(model, home)
    assert states(model, home) == ["ok", "ok"]
    assert trusted(model, home)


def test_a_folder_that_is_right_is_verified_without_being_written(home: Path) -> None:
    model = model_of(table())
    audit(model, home)
    written = (home / ".verified.json").stat().st_ino
    audit(model, home)
    assert (home / ".verified.json").stat().st_ino == written
