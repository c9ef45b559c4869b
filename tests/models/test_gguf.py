"""Reading what a GGUF file contains, and writing one that says the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.errors import ModelUnavailable
from realtime.models.gguf import Tensor, read_contents, write_file
from tests.models.tiny_gguf import FACTS, tiny_gguf


def test_it_is_written_again_byte_by_byte(tmp_path: Path) -> None:
    original = memoryview(tiny_gguf())
    contents = read_contents(original, "tiny")

    def data(tensor: Tensor) -> Iterator[bytes]:
        yield bytes(original[tensor.offset : tensor.offset + tensor.size_bytes])

    write_file(tmp_path / "again.gguf", contents, 3, contents.tensors, data)
    assert (tmp_path / "again.gguf").read_bytes() == original


@pytest.mark.parametrize(
    ("facts", "alignment"), [(FACTS, 64), (tuple(fact for fact in FACTS if fact[0] != b"general.alignment"), 32)]
)
def test_tensors_are_found(facts: tuple[tuple[bytes, int, bytes], ...], alignment: int) -> None:
    contents = read_contents(memoryview(tiny_gguf(facts, alignment)), "tiny")
    names = [(tensor.name, tensor.shape, tensor.count, tensor.code) for tensor in contents.tensors]
    assert names == [
        (b"norm", (8,), 8, 0),
        (b"ffn", (64, 3), 192, 3),
        (b"embedding", (32, 2), 64, 8),
        (b"blk.0.attn_v.weight", (32, 1), 32, 3),
    ]
    assert contents.alignment == alignment
    assert all(tensor.offset % alignment == 0 for tensor in contents.tensors)


def test_what_is_no_such_file_is_named() -> None:
    whole = tiny_gguf()
    for data in (b"", b"GGUF", b"PK" + whole[2:], whole[:300], b"GGUF\x09" + whole[5:]):
        with pytest.raises(ModelUnavailable, match=r"tiny\.gguf is not a GGUF file"):
            read_contents(memoryview(data), "tiny.gguf")
