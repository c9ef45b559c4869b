"""The file: what was acknowledged is in it, what is no store is refused, and it belongs to one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from realtime.errors import BadConfiguration, EngineFailed
from realtime.vectors.journal import VERSION, Journal


def test_what_was_set_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "100% #1?" / "store.db"
    journal = Journal(path)
    journal.set([b"aaaa", b"bbbb", b"cccc"], [b"1", b"2", b""])
    journal.set([b"bbbb"], [b"\x00two"])
    journal.delete([b"aaaa", b"zzzz"])
    journal.close()
    again = Journal(path)
    assert list(again.entries()) == [(b"bbbb", b"\x00two"), (b"cccc", b"")]
    again.close()
    assert list(map(Path, everything_in(tmp_path))) == [path.parent.parent, path.parent, path]


def test_what_cannot_be_kept_whole_is_not_kept_at_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "store.db")
    journal.set([b"aaaa"], [b"1"])
    with pytest.raises(EngineFailed, match="takes no changes"):
        journal.set([b"bbbb", b"cccc"], [b"2", None])  # type: ignore[list-item]  # the second is no value
    journal.set([b"dddd"], [b"4"])
    assert list(journal.entries()) == [(b"aaaa", b"1"), (b"dddd", b"4")]
    journal.close()


def notes(path: Path) -> None:
    """A text."""
    path.write_text("no database, but more than a hundred bytes of somebody's notes " * 20)


def other_database(path: Path) -> None:
    """With a table called as ours is."""
    database(path, "CREATE TABLE entries (name TEXT)")


def other_database_with_a_log(path: Path) -> None:
    """In WAL mode, where ours is too."""
    database(path, "PRAGMA journal_mode = WAL", "CREATE TABLE entries (name TEXT)")


def killed_database(path: Path) -> None:
    """Whose program was killed before what is in its log came into its file."""
    database(path, "PRAGMA journal_mode = WAL", "CREATE TABLE names (name TEXT)")
    log = path.with_name(f"{path.name}-wal")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO names VALUES ('emma')")
        left = {each: each.read_bytes() for each in (path, log)}
    for each, data in left.items():
        each.write_bytes(data)


def marked_database(path: Path) -> None:
    """Another program's, which has no table in it yet."""
    database(path, "PRAGMA application_id = 7")


def later_version(path: Path) -> None:
    """A store as it may be one day."""
    Journal(path).close()
    database(path, f"PRAGMA user_version = {VERSION + 1}")


def folder(path: Path) -> None:
    path.mkdir()


def database(path: Path, *statements: str) -> None:
    """An SQLite file of these, properly closed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def everything_in(path: Path) -> dict[str, bytes | None]:
    """All files below, with what is in them; None for a folder."""
    return {str(each): None if each.is_dir() else each.read_bytes() for each in path.rglob("*")}


@pytest.mark.parametrize(
    "made",
    [
        notes,
        other_database,
        other_database_with_a_log,
        killed_database,
        marked_database,
        later_version,
        folder,
    ],
)
def test_what_is_no_store_is_a_bad_configuration(tmp_path: Path, made: Callable[[Path], None]) -> None:
    """And stays as it is, to the byte, with nothing beside it."""
    made(tmp_path / "there")
    before = everything_in(tmp_path)
    with pytest.raises(BadConfiguration, match=r"setting 'grpc\.store'"):
        Journal(tmp_path / "there")
    assert everything_in(tmp_path) == before


def test_a_path_below_a_file_is_a_bad_configuration(tmp_path: Path) -> None:
    notes(tmp_path / "notes.txt")
    before = everything_in(tmp_path)
    with pytest.raises(BadConfiguration, match=r"setting 'grpc\.store'"):
        Journal(tmp_path / "notes.txt" / "store.db")
    assert everything_in(tmp_path) == before


def nothing(path: Path) -> None:
    path.touch()


def no_tables(path: Path) -> None:
    database(path, "CREATE TABLE names (name TEXT)", "DROP TABLE names")


@pytest.mark.parametrize("made", [nothing, no_tables])
def test_a_file_that_holds_nothing_becomes_a_store(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "store.db")
    journal = Journal(tmp_path / "store.db")
    journal.set([b"aaaa"], [b"1"])
    assert list(journal.entries()) == [(b"aaaa", b"1")]
    journal.close()


def test_a_change_waits_for_the_disk(tmp_path: Path) -> None:
    """Each of them, or the power could take the latest with it: which a test cannot try, so it asks SQLite."""
    journal = Journal(tmp_path / "store.db")
    assert [pragma(journal._connection, name) for name in ("journal_mode", "synchronous")] == ["wal", FULL]
    journal.close()


FULL = 2
"""What SQLite calls waiting at every commit."""


def pragma(connection: sqlite3.Connection, name: str) -> object:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return value


def test_a_damaged_file_is_a_bad_configuration(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "store.db")
    journal.set([bytes([number]) * 2000 for number in range(100)], [b""] * 100)
    journal.close()
    data = bytearray((tmp_path / "store.db").read_bytes())
    data[40_000:120_000] = b"x" * 80_000
    (tmp_path / "store.db").write_bytes(data)
    damaged = Journal(tmp_path / "store.db")
    with pytest.raises(BadConfiguration, match=r"cannot read .*store\.db: .*malformed"):
        list(damaged.entries())
    damaged.close()


def test_it_belongs_to_one_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process or another, even if this one has tried to open it twice."""
    journal = Journal(tmp_path / "store.db")
    journal.set([b"aaaa"], [b"1"])
    with monkeypatch.context() as patience:
        patience.setattr("realtime.vectors.journal.WAIT_S", 0.1)
        with pytest.raises(BadConfiguration, match="locked"):
            Journal(tmp_path / "store.db")
    open_it = (
        "import sys; from pathlib import Path; import realtime.vectors.journal as j; "
        "j.WAIT_S = 0.1; j.Journal(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", open_it, str(tmp_path / "store.db")]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "BadConfiguration: setting 'grpc.store'" in second.stderr
    assert "locked" in second.stderr
    journal.close()
    assert subprocess.run(command, check=False).returncode == 0
