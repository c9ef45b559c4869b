"""An embedder without weights: texts are alike as far as they share words."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from realtime.engines.embedder import Embeddings, Text
from realtime.errors import ContextTooLong

DIMENSIONS = 512


class FakeEmbedder:
    """Each word, or token, is a direction of its own; a text of more than `most_words` is refused."""

    model = "fake-embedder"
    dimensions = DIMENSIONS

    def __init__(self, most_words: int = 1000) -> None:
        self._most_words = most_words
        self.asked: list[Text] = []
        self.closed = False

    async def embed(self, texts: Sequence[Text]) -> Embeddings:
        self.asked += texts
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        tokens = 0
        for vector, text in zip(vectors, texts, strict=True):
            words = [crc32(word.encode()) for word in text.lower().split()] if isinstance(text, str) else text
            if len(words) > self._most_words:
                raise ContextTooLong(f"the text has {len(words)} words")
            for word in words:
                vector[word % DIMENSIONS] += 1
            vector /= max(1.0, float(np.linalg.norm(vector)))
            tokens += len(words)
        return Embeddings(vectors, tokens)

    async def close(self) -> None:
        self.closed = True
