"""Room is asked for beforehand, and a folder changes hands in one step."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from realtime.errors import ModelUnavailable
from realtime.models.disk import ensure_room, megabytes, sha256_of, swap_in


def test_a_hash_is_the_hash(tmp_path: Path) -> None:
    data = b"weights" * 300_000
    (tmp_path / "a").write_bytes(data)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_what_does_not_fit_is_refused_with_the_numbers(tmp_path: Path) -> None:
    ensure_room(tmp_path, 1, "a byte")
    with pytest.raises(ModelUnavailable, match=r"no room for the lot: .*1000000000000\.0 MB.* free"):
        ensure_room(tmp_path, 10**18, "the lot")


def test_a_new_folder_takes_the_place_of_the_old_one_whole(tmp_path: Path) -> None:
    place, new, aside = tmp_path / "place", tmp_path / "new", tmp_path / "aside"
    (place / "deep").mkdir(parents=True)
    (place / "deep" / "old").write_text("old")
    (aside / "older").mkdir(parents=True)
    (new / "deep").mkdir(parents=True)
    (new / "deep" / "fresh").write_text("fresh")
    swap_in(new, place, aside)
    assert [path.name for path in sorted(place.rglob("*"))] == ["deep", "fresh"]
    assert [path.name for path in sorted(aside.rglob("*"))] == ["deep", "old"]
    assert not new.exists()


def test_sizes_are_shown_in_megabytes() -> None:
    assert (megabytes(75_537_502), megabytes(None)) == ("75.5 MB", "size unknown")
