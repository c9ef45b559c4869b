"""What is put in a file's way after it was looked at leads nowhere."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path, PurePath

import pytest

from realtime.backend.folders import NotRegular, Place, opened, replaced


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """One that may be used and one that may not, with a file deep in each."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_text(folder.name)
    return inside, outside


def put_links_in_the_way(inside: Path, outside: Path, way: str) -> None:
    """In place of the file, or of the folder that it lies in."""
    if way == "file":
        (inside / "deep" / "file").unlink()
        (inside / "deep" / "file").symlink_to(outside / "deep" / "file")
    else:
        (inside / "deep").rename(inside / "elsewhere")
        (inside / "deep").symlink_to(outside / "deep")


@pytest.mark.parametrize("way", ["file", "folder"])
def test_no_link_is_followed(folders: tuple[Path, Path], way: str) -> None:
    """Neither to read what lies outside, nor to replace it."""
    inside, outside = folders
    put_links_in_the_way(inside, outside, way)
    place = Place(inside, PurePath("deep/file"))
    with pytest.raises(OSError, match=r"symbolic link|Not a directory"), opened(place):
        pass
    with pytest.raises(OSError), replaced(place) as file:  # noqa: PT011 - a link is no file, a linked folder no folder
        file.write(b"new")
    assert (outside / "deep" / "file").read_text() == "outside"
    assert [child.name for child in (outside / "deep").iterdir()] == ["file"]


def test_a_link_that_comes_while_it_is_written_is_replaced(folders: tuple[Path, Path]) -> None:
    """Not what it leads to; and a folder swapped meanwhile is not the one that is written into."""
    inside, outside = folders
    with replaced(Place(inside, PurePath("deep/file"))) as file:
        put_links_in_the_way(inside, outside, "file")
        file.write(b"new")
    assert (inside / "deep" / "file").read_bytes() == b"new"
    with replaced(Place(inside, PurePath("deep/file"))) as file:
        put_links_in_the_way(inside, outside, "folder")
        file.write(b"newer")
    assert (inside / "elsewhere" / "file").read_bytes() == b"newer"
    assert (outside / "deep" / "file").read_text() == "outside"


def test_what_fails_leaves_what_was_there(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    with suppress(KeyError), replaced(Place(inside, PurePath("deep/file"))) as file:
        file.write(b"half")
        raise KeyError
    assert [child.name for child in (inside / "deep").iterdir()] == ["file"]
    assert (inside / "deep" / "file").read_text() == "inside"


def test_a_file_appears_whole(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    with replaced(Place(inside, PurePath("new"))) as file:
        file.write(b"new")
        assert not (inside / "new").exists()
    with opened(Place(inside, PurePath("new"))) as read:
        assert read.readall() == b"new"


def test_a_folder_is_no_file(folders: tuple[Path, Path]) -> None:
    inside, _ = folders
    with pytest.raises(NotRegular), opened(Place(inside, PurePath("deep"))):
        pass
    with pytest.raises(NotRegular), replaced(Place(inside, PurePath("deep"))):
        pass
