"""The file: what was acknowledged is in it, what is no store is refused, and it belongs to one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.errors import BadConfiguration, EngineFailed
from realtime.vectors.journal import Journal


def test_what_was_set_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "new" / "folder" / "store.db")
    journal.set([b"aaaa", b"bbbb", b"cccc"], [b"1", b"2", b""])
    journal.set([b"bbbb"], [b"\x00two"])
    journal.delete([b"aaaa", b"zzzz"])
    journal.close()
    again = Journal(tmp_path / "new" / "folder" / "store.db")
    assert list(again.entries()) == [(b"bbbb", b"\x00two"), (b"cccc", b"")]
    again.close()


def test_what_cannot_be_kept_whole_is_not_kept_at_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "store.db")
    journal.set([b"aaaa"], [b"1"])
    with pytest.raises(EngineFailed, match="takes no changes"):
        journal.set([b"bbbb", b"cccc"], [b"2", None])  # type: ignore[list-item]  # the second is no value
    journal.set([b"dddd"], [b"4"])
    assert list(journal.entries()) == [(b"aaaa", b"1"), (b"dddd", b"4")]
    journal.close()


def test_a_file_that_is_no_store_is_a_bad_configuration(tmp_path: Path) -> None:
    """And stays as it is."""
    text = tmp_path / "notes.txt"
    text.write_text("no database, but more than a hundred bytes of somebody's notes " * 20)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE entries (name TEXT)")
    connection.close()
    for path in (text, other, tmp_path, text / "below"):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(BadConfiguration, match=r"setting 'grpc\.store'"):
            Journal(path)
        assert not before or path.is_dir() or text.read_bytes()[:2] == b"no"
    with sqlite3.connect(other) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("entries",)]
    connection.close()


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


def test_it_belongs_to_one_process(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "store.db")
    journal.set([b"aaaa"], [b"1"])
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
