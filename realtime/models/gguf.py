"""GGUF, the file format of llama.cpp's models, as far as it takes to write a file again with other tensors in it.

    magic, version, number of tensors, number of facts
    facts      key, type, value: what the model is, its vocabulary, its template
    tensors    name, shape, type, where its data begins
    data       of each tensor, from a multiple of the alignment on

All numbers are little-endian. Everything that is said of the model is copied as it stands.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import BinaryIO

from realtime.errors import ModelUnavailable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
"""The same on little-endian machines."""

_ALIGNMENT_KEY = b"general.alignment"
_FILE_TYPE_KEY = b"general.file_type"
_STRING, _ARRAY = 8, 9
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file."""

    name: bytes
    shape: tuple[int, ...]
    code: int
    """How its numbers are stored."""
    offset: int
    """Of its data in the file, in bytes."""
    size_bytes: int = 0
    """Of its data, with the padding after it."""

    @property
    def count(self) -> int:
        """Numbers in it."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file says before its data."""

    version: int
    fact_count: int
    facts: bytes
    """As they lie in the file."""
    file_type_at: int | None
    """Where in `facts` the number is that says how most tensors are stored."""
    alignment: int
    tensors: tuple[Tensor, ...]


class _Reader:
    """Reads a file's beginning, number by number."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return bytes(self._data[self.at - count : self.at])

    def number(self, form: str) -> int:
        (number,) = struct.unpack_from("<" + form, self._data, self.at)
        self.at += struct.calcsize(form)
        return int(number)

    def string(self) -> bytes:
        return self.take(self.number("Q"))

    def skip_value(self, kind: int) -> None:
        if kind == _STRING:
            self.string()
        elif kind == _ARRAY:
            element, count = self.number("I"), self.number("Q")
            if element in _VALUE_BYTES:
                self.at += count * _VALUE_BYTES[element]
            else:
                for _ in range(count):
                    self.skip_value(element)
        else:
            self.at += _VALUE_BYTES[kind]


def read_contents(data: memoryview, name: str) -> Contents:
    """What the file `data`, called `name` in messages, contains. Raises `ModelUnavailable` for what is no GGUF."""
    try:
        return _read(data)
    except (struct.error, KeyError, ValueError) as problem:
        raise ModelUnavailable(f"{name} is not a GGUF file that can be read") from problem


def _read(data: memoryview) -> Contents:
    reader = _Reader(data)
    magic, version = reader.take(4), reader.number("I")
    if magic != MAGIC or version not in VERSIONS:
        raise ValueError("no GGUF, or of another version")
    tensor_count, fact_count = reader.number("Q"), reader.number("Q")
    facts_at, alignment, file_type_at = reader.at, 32, None
    for _ in range(fact_count):
        key, kind = reader.string(), reader.number("I")
        if key == _ALIGNMENT_KEY:
            alignment = reader.number("I")
        elif key == _FILE_TYPE_KEY:
            file_type_at = reader.at - facts_at
            reader.number("I")
        else:
            reader.skip_value(kind)
    facts = bytes(data[facts_at : reader.at])
    tensors = [_tensor(reader) for _ in range(tensor_count)]
    placed = tuple(_placed(tensors, _aligned(reader.at, alignment), len(data)))
    return Contents(version, fact_count, facts, file_type_at, alignment, placed)


def _placed(tensors: list[Tensor], start: int, end: int) -> Iterator[Tensor]:
    """The tensors with their places in the file, whose data goes from `start` to `end`."""
    starts = sorted(start + tensor.offset for tensor in tensors)
    ends = dict(zip(starts, [*starts[1:], end], strict=True))
    for tensor in tensors:
        offset = start + tensor.offset
        if offset > end:
            raise ValueError("the file ends too early")
        yield replace(tensor, offset=offset, size_bytes=ends[offset] - offset)


def _tensor(reader: _Reader) -> Tensor:
    name = reader.string()
    shape = tuple(reader.number("Q") for _ in range(reader.number("I")))
    return Tensor(name, shape, code=reader.number("I"), offset=reader.number("Q"))


def write_file(
    path: Path, contents: Contents, file_type: int, tensors: Iterable[Tensor], data: Callable[[Tensor], Iterator[bytes]]
) -> None:
    """Write a file that says what `contents` says of the model, with `tensors`, of which only the sizes are looked at.

    `data` is asked for the data of each in turn, in pieces, as many bytes as its size says.
    """
    listed = list(tensors)
    facts = bytearray(contents.facts)
    if contents.file_type_at is not None:
        struct.pack_into("<I", facts, contents.file_type_at, file_type)
    head = MAGIC + struct.pack("<IQQ", contents.version, len(listed), contents.fact_count) + facts
    offset = 0
    for tensor in listed:
        head += struct.pack("<Q", len(tensor.name)) + tensor.name + struct.pack("<I", len(tensor.shape))
        head += struct.pack(f"<{len(tensor.shape)}QIQ", *tensor.shape, tensor.code, offset)
        offset = _aligned(offset + tensor.size_bytes, contents.alignment)
    with path.open("wb") as file:
        file.write(head)
        _pad(file, contents.alignment)
        for tensor in listed:
            file.writelines(data(tensor))
            _pad(file, contents.alignment)


def _pad(file: BinaryIO, alignment: int) -> None:
    file.write(bytes(_aligned(file.tell(), alignment) - file.tell()))


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
