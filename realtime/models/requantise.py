"""The same language model, its numbers stored as llama.cpp reads them fastest.

llama.cpp multiplies some ways of storing four-bit numbers twice as fast as others on the same processor. `IQ4_NL` is a
fast one: 32 numbers share a scale, and each is one of 16 levels, closer together near nothing, where most numbers are.
`Q4_1` is a slow one. Going from it to the other costs a little precision: 7 % of the numbers' size, where `Q4_0`,
which is as fast, would cost 9 %. Where a model suffers most from that, its numbers become `Q8_0`, which costs nothing
but a larger file: the model's guesses then differ a third as much from what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from realtime.models.gguf import Tensor, read_contents, write_file

Numbers: TypeAlias = npt.NDArray[np.float32]
"""Shape (blocks, 32)."""
Packed: TypeAlias = npt.NDArray[np.uint8]
"""Shape (blocks, bytes of a block)."""

Q4_1 = 3
Q4_1_BYTES = 20
"""Of a block: a scale, a smallest number, and 32 times four bits."""

IQ4_NL = 20
IQ4_NL_BYTES = 18
"""Of a block: a scale, and 32 times four bits."""

Q8_0 = 8
Q8_0_BYTES = 34
"""Of a block: a scale, and 32 times eight bits."""

SENSITIVE = (b"attn_k.weight", b"attn_v.weight", b"ffn_down.weight")
"""The ends of the names of tensors that become `Q8_0`: a third of a model's numbers."""

IQ4_NL_FILE = 25
"""How a file says that most of its tensors are `IQ4_NL`."""

LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)

PEAKS = (-127.0, -117.0, -108.0, -139.0, 113.0)
"""Where the largest number of a block is put to find its scale: the best of these leaves a ninth less error than the
first alone does."""

FARTHEST = 160
NEAREST_LEVEL = np.abs(np.arange(-FARTHEST, FARTHEST + 1)[:, None] - LEVELS).argmin(axis=1).astype(np.uint8)
"""Index of the level nearest to each whole number from -160 to 160."""

BLOCKS_AT_A_TIME = 2048
"""Their numbers are a quarter of a megabyte, which stays in the processor's cache."""


def requantise(source: Path, target: Path, progress: Callable[[int, int | None], None]) -> None:
    """Write `source`, a GGUF file, to `target` with `IQ4_NL` or `Q8_0` where it has `Q4_1`, and the rest as it is.

    The same file always becomes the same file, on one kind of machine. Takes 10 to 30 s for 100 MB. `progress` is told
    how many bytes of the source are done, and of how many. Raises `ModelUnavailable` for what is no GGUF.
    """
    with source.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped, memoryview(mapped) as data:
        contents = read_contents(data, str(source))
        origins = {tensor.name: tensor for tensor in contents.tensors}

        def new_data(tensor: Tensor) -> Iterator[bytes]:
            origin = origins[tensor.name]
            old = data[origin.offset : origin.offset + origin.size_bytes]
            yield from (
                [bytes(old)] if origin.code != Q4_1 else blocks_of(old, origin.count // 32, PACKED_AS[tensor.code])
            )
            old.release()
            progress(origin.offset + origin.size_bytes, len(data))

        write_file(target, contents, IQ4_NL_FILE, [_stored_anew(tensor) for tensor in contents.tensors], new_data)


def _stored_anew(tensor: Tensor) -> Tensor:
    if tensor.code != Q4_1:
        return tensor
    code, block_bytes = (Q8_0, Q8_0_BYTES) if tensor.name.endswith(SENSITIVE) else (IQ4_NL, IQ4_NL_BYTES)
    return replace(tensor, code=code, size_bytes=tensor.count // 32 * block_bytes)


def blocks_of(q4_1: memoryview, blocks: int, pack: Callable[[Numbers], Packed]) -> Iterator[bytes]:
    """The `blocks` blocks of `Q4_1` that `q4_1` begins with, packed anew, piece by piece."""
    packed = np.frombuffer(q4_1, np.uint8, blocks * Q4_1_BYTES).reshape(blocks, Q4_1_BYTES)
    for start in range(0, blocks, BLOCKS_AT_A_TIME):
        yield pack(unpack(packed[start : start + BLOCKS_AT_A_TIME])).tobytes()


def unpack(q4_1: Packed) -> Numbers:
    """What blocks of `Q4_1` say."""
    scale, least = q4_1[:, :4].copy().view(np.float16).astype(np.float32).T[:, :, None]
    steps = np.concatenate((q4_1[:, 4:] & 15, q4_1[:, 4:] >> 4), axis=1)
    return np.asarray(steps * scale + least, np.float32)


def pack_q8_0(numbers: Numbers) -> Packed:
    """Blocks of `Q8_0` that say the same to half a percent of the largest."""
    scales = np.abs(numbers).max(axis=1, keepdims=True) / np.float32(127)
    steps = np.rint(numbers * _inverse(scales)).astype(np.int8)
    return np.concatenate((scales.astype(np.float16).view(np.uint8), steps.view(np.uint8)), axis=1)


def pack_iq4_nl(numbers: Numbers) -> Packed:
    """Blocks of `IQ4_NL` that say nearly the same. Large numbers may be a little less wrong than small ones."""
    peaks = np.take_along_axis(numbers, np.abs(numbers).argmax(axis=1)[:, None], axis=1)
    relative = numbers * _inverse(peaks)
    weights = relative * relative
    weights += weights.mean(axis=1, keepdims=True)
    weighted = weights * relative
    best = np.full(len(numbers), -1.0, np.float32)
    scales = np.zeros(len(numbers), np.float32)
    for peak in PEAKS:
        levels = LEVELS[_nearest(relative * np.float32(peak))]
        # The scale that leaves the least error with these levels, and how much of the numbers it explains.
        alike = np.einsum("ij,ij->i", weighted, levels)
        fitted = alike * _inverse(np.einsum("ij,ij,ij->i", weights, levels, levels))
        explained = alike * fitted
        better = explained > best
        best[better], scales[better] = explained[better], fitted[better]
    stored = (scales[:, None] * peaks).astype(np.float16)
    indices = _nearest(numbers * _inverse(stored.astype(np.float32)))
    return np.concatenate((stored.view(np.uint8), indices[:, :16] | (indices[:, 16:] << 4)), axis=1)


def _nearest(numbers: Numbers) -> Packed:
    """Indices of the levels nearest to `numbers`."""
    places = np.rint(numbers).clip(-FARTHEST, FARTHEST).astype(np.int16) + FARTHEST
    return np.asarray(NEAREST_LEVEL[places], np.uint8)


def _inverse(numbers: Numbers) -> Numbers:
    """1 / number, and 0 for 0."""
    return np.divide(1, numbers, out=np.zeros_like(numbers), where=numbers != 0)


PACKED_AS: Mapping[int, Callable[[Numbers], Packed]] = {IQ4_NL: pack_iq4_nl, Q8_0: pack_q8_0}
