"""A GGUF file of two kilobytes, written by the format's own rules."""

from __future__ import annotations

import struct

import numpy as np

Q4_1, Q8_0, F32 = 3, 8, 0

FACTS: tuple[tuple[bytes, int, bytes], ...] = (
    (b"general.architecture", 8, struct.pack("<Q", 5) + b"llama"),
    (b"general.alignment", 4, struct.pack("<I", 64)),
    (b"tokenizer.ggml.tokens", 9, struct.pack("<IQQsQ2s", 8, 2, 1, b"a", 2, b"bc")),
    (b"tokenizer.ggml.scores", 9, struct.pack("<IQ2f", 6, 2, 0.5, -1.0)),
    (b"nested", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ3B", 0, 3, 1, 2, 3)),
    (b"general.file_type", 4, struct.pack("<I", 3)),
    (b"rope.freq", 12, struct.pack("<d", 1e4)),
)


def q4_1_blocks(count: int, seed: int = 0) -> bytes:
    """Blocks of 32 numbers around 0, as `Q4_1` stores them."""
    rng = np.random.default_rng(seed)
    blocks = bytearray()
    for _ in range(count):
        scale = np.float16(rng.uniform(0.01, 0.05))
        blocks += scale.tobytes() + np.float16(-7.3 * float(scale)).tobytes()
        steps = rng.normal(8, 3, 32).clip(0, 15).astype(np.uint8)
        blocks += (steps[:16] | (steps[16:] << 4)).tobytes()
    return bytes(blocks)


def tiny_gguf(facts: tuple[tuple[bytes, int, bytes], ...] = FACTS, alignment: int = 64) -> bytes:
    """A file with a tensor of each kind."""
    tensors = (
        (b"norm", (8,), F32, np.arange(8, dtype=np.float32).tobytes()),
        (b"ffn", (64, 3), Q4_1, q4_1_blocks(6)),
        (b"embedding", (32, 2), Q8_0, bytes(range(68))),
        (b"blk.0.attn_v.weight", (32, 1), Q4_1, q4_1_blocks(1, seed=1)),
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    for key, kind, value in facts:
        head += struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value
    data = b""
    for name, shape, code, content in tensors:
        head += struct.pack("<Q", len(name)) + name + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape, code, len(data))
        data += content + bytes(-len(content) % alignment)
    return head + bytes(-len(head) % alignment) + data
