"""What texts mean: `Embedding`, `Rerank`."""

from __future__ import annotations

from typing import Final

import numpy as np

from realtime.backend.passages import halves, passages
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.engines.embedder import Embedder, Embeddings
from realtime.errors import ContextTooLong, InvalidRequest

MOST_DOCUMENTS: Final = 4096
"""Of one request."""

MOST_TOKENS: Final = 1 << 17
"""Of one text, whatever the model."""


class Embedding:
    """Places texts by their meaning, and ranks documents by a query."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def embedding(self, request: pb.PredictOptions) -> pb.EmbeddingResult:
        """The vector, of length 1, of the text `Embeddings` or of the tokens `EmbeddingTokens`.

        Raises `InvalidRequest` without either, or with both, and `ContextTooLong` for more than the model can hold.
        Cancelling withdraws the question.
        """
        if bool(request.Embeddings) == bool(request.EmbeddingTokens):
            raise InvalidRequest("Either 'Embeddings' or 'EmbeddingTokens' says what to embed.", param="Embeddings")
        if len(request.EmbeddingTokens) > MOST_TOKENS:
            raise ContextTooLong(
                f"'EmbeddingTokens' has {len(request.EmbeddingTokens)} items, more than any model holds"
            )
        embedder = await self._premises.on_demand.embedder()
        embedded = await embedder.embed([request.Embeddings or tuple(request.EmbeddingTokens)])
        return pb.EmbeddingResult(embeddings=embedded.vectors[0].tolist())

    async def rerank(self, request: pb.RerankRequest) -> pb.RerankResult:
        """The `top_n` documents that have most to do with the query, all of them for 0, the most relevant first.

        Relevance is the cosine of the angle between the query's vector and that of a document, or of the passage of a
        long document that comes closest: -1 to 1, and seldom below 0. Raises `InvalidRequest` for a request with no
        query or no documents, and `ContextTooLong` for a query that the model cannot hold. Cancelling stops after the
        passage that is being read.
        """
        _check(request)
        embedder = await self._premises.on_demand.embedder()
        query = await embedder.embed([request.query])
        read = [await _read(embedder, document) for document in request.documents]
        relevance = np.array([(document.vectors @ query.vectors[0]).max() for document in read])
        best = np.argsort(-relevance, kind="stable")[: request.top_n or None]
        tokens = query.tokens + sum(document.tokens for document in read)
        return pb.RerankResult(
            usage=pb.Usage(total_tokens=tokens, prompt_tokens=tokens),
            results=[
                pb.DocumentResult(index=index, text=request.documents[index], relevance_score=relevance[index])
                for index in best.tolist()
            ],
        )


def _check(request: pb.RerankRequest) -> None:
    if not request.query.strip():
        raise InvalidRequest("'query' is empty.", param="query")
    if not 0 < len(request.documents) <= MOST_DOCUMENTS:
        raise InvalidRequest(
            f"'documents' has {len(request.documents)} items; it may have 1 to {MOST_DOCUMENTS}.", param="documents"
        )
    if request.top_n < 0:
        raise InvalidRequest(f"'top_n' must be 0, for all, or more, not {request.top_n}.", param="top_n")


async def _read(embedder: Embedder, document: str) -> Embeddings:
    """The vectors of the document's passages."""
    parts: list[Embeddings] = []
    left = passages(document)[::-1]
    while left:
        passage = left.pop()
        try:
            parts.append(await embedder.embed([passage]))
        except ContextTooLong:
            # How many characters a token has depends on the language.
            if len(passage) < 2:
                raise
            left += halves(passage)[::-1]
    return Embeddings(np.concatenate([part.vectors for part in parts]), sum(part.tokens for part in parts))
