"""Texts become vectors, and documents are put in order: on a double, over the channel, and on the real model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import grpc
import numpy as np
import pytest

from realtime.backend.embedding import MOST_DOCUMENTS, Embedding
from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.embedder import Embeddings, Text
from realtime.engines.minilm import open_minilm
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import ContextTooLong, InvalidRequest
from realtime.models.store import ModelStore
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import premises_of
from tests.fake_embedder import FakeEmbedder

LONG = "nothing of interest here " * 80 + "a cat sat on the mat " + "and then some more talk " * 80


def room(embedder: FakeEmbedder) -> Embedding:
    """A room with that embedder in it."""
    return Embedding(premises_of(on_demand={"embedder": lambda: embedder}))


async def test_a_text_becomes_a_vector_of_length_one() -> None:
    embedder = FakeEmbedder()
    result = await room(embedder).embedding(pb.PredictOptions(Embeddings="hello there"))
    assert len(result.embeddings) == embedder.dimensions
    assert np.linalg.norm(result.embeddings) == pytest.approx(1)
    assert embedder.asked == ["hello there"]


async def test_so_do_the_tokens_of_one() -> None:
    embedder = FakeEmbedder()
    result = await room(embedder).embedding(pb.PredictOptions(EmbeddingTokens=[7, 8, 7]))
    assert embedder.asked == [(7, 8, 7)]
    assert np.flatnonzero(result.embeddings).tolist() == [7, 8]


@pytest.mark.parametrize(
    "request_",
    [pb.PredictOptions(), pb.PredictOptions(Prompt="a"), pb.PredictOptions(Embeddings="a", EmbeddingTokens=[1])],
)
async def test_it_must_be_clear_what_to_embed(request_: pb.PredictOptions) -> None:
    with pytest.raises(InvalidRequest, match="'Embeddings' or 'EmbeddingTokens'"):
        await room(FakeEmbedder()).embedding(request_)


async def test_the_most_relevant_document_comes_first() -> None:
    """With its place in the request, and what was read is counted."""
    documents = ["the weather is fine", "a cat sat on the mat", "cats and dogs", "the cat sat"]
    result = await room(FakeEmbedder()).rerank(pb.RerankRequest(query="where sat the cat", documents=documents))
    assert [found.index for found in result.results][:2] == [3, 1]
    assert sorted(found.index for found in result.results) == [0, 1, 2, 3]
    assert [found.text for found in result.results] == [documents[found.index] for found in result.results]
    scores = [found.relevance_score for found in result.results]
    assert scores == sorted(scores, reverse=True)
    assert result.usage.prompt_tokens == result.usage.total_tokens == 4 + 4 + 6 + 3 + 3


@pytest.mark.parametrize(("top_n", "expected"), [(0, 3), (1, 1), (2, 2), (3, 3), (99, 3)])
async def test_no_more_documents_come_than_are_wanted(top_n: int, expected: int) -> None:
    request = pb.RerankRequest(query="b", documents=["a", "b", "c"], top_n=top_n)
    results = (await room(FakeEmbedder()).rerank(request)).results
    assert [results[0].index, len(results)] == [1, expected]


async def test_equally_relevant_documents_stay_in_their_order() -> None:
    request = pb.RerankRequest(query="b", documents=["x", "b", "y", "b"])
    results = (await room(FakeEmbedder()).rerank(request)).results
    assert [found.index for found in results] == [1, 3, 0, 2]


@pytest.mark.parametrize("most_words", [8, 60, 1000])
async def test_of_a_long_document_the_passage_that_comes_closest_counts(most_words: int) -> None:
    """However little the model can hold at a time; nothing of the document is left out."""
    embedder = FakeEmbedder(most_words)
    request = pb.RerankRequest(query="cat mat", documents=["a dog and a mat", LONG, LONG.replace("cat", "dog")])
    result = await room(embedder).rerank(request)
    assert result.results[-1].index != 1
    words = sum(len(document.split()) for document in request.documents) + 2
    assert result.usage.total_tokens == words
    longer = next(found for found in result.results if found.index == 1)
    same_without_cat = next(found for found in result.results if found.index == 2)
    assert longer.relevance_score > same_without_cat.relevance_score
    assert longer.text == LONG


async def test_a_query_too_long_is_refused() -> None:
    with pytest.raises(ContextTooLong):
        await room(FakeEmbedder(most_words=4)).rerank(
            pb.RerankRequest(query="one two three four five", documents=["a"])
        )


class OnlyQueries(FakeEmbedder):
    """Holds questions, and nothing else."""

    async def embed(self, texts: Sequence[Text]) -> Embeddings:
        if texts[0] != "why?":
            raise ContextTooLong("the text has 1 word")
        return await super().embed(texts)


async def test_a_model_that_holds_nothing_is_not_asked_for_ever() -> None:
    with pytest.raises(ContextTooLong):
        await room(OnlyQueries()).rerank(pb.RerankRequest(query="why?", documents=["because of that"]))


async def test_more_tokens_than_any_model_holds_are_refused_at_once() -> None:
    embedder = FakeEmbedder()
    with pytest.raises(ContextTooLong, match="'EmbeddingTokens' has 200000 items"):
        await room(embedder).embedding(pb.PredictOptions(EmbeddingTokens=[1] * 200_000))
    assert embedder.asked == []


BAD = [
    ("query", pb.RerankRequest(documents=["a"])),
    ("query", pb.RerankRequest(query=" \n", documents=["a"])),
    ("documents", pb.RerankRequest(query="a")),
    ("documents", pb.RerankRequest(query="a", documents=["b"] * (MOST_DOCUMENTS + 1))),
    ("top_n", pb.RerankRequest(query="a", documents=["b"], top_n=-1)),
]


@pytest.mark.parametrize(("field", "request_"), BAD)
async def test_what_cannot_be_ranked_is_refused_by_its_field(field: str, request_: pb.RerankRequest) -> None:
    embedder = FakeEmbedder()
    with pytest.raises(InvalidRequest, match=f"'{field}'") as refused:
        await room(embedder).rerank(request_)
    assert refused.value.param == field
    assert embedder.asked == []


async def test_over_the_channel() -> None:
    """The embedder is opened when it is first asked for, once; errors have their status."""
    opened: list[FakeEmbedder] = []

    def open_one() -> FakeEmbedder:
        opened.append(FakeEmbedder(most_words=8))
        return opened[-1]

    async with Doorway(premises_of(on_demand={"embedder": open_one})) as door:
        assert opened == []
        calls = [door.stub.Embedding(pb.PredictOptions(Embeddings=f"text {number}")) for number in range(20)]
        vectors = [result.embeddings for result in await asyncio.gather(*calls)]
        assert len(opened) == 1
        assert len({tuple(vector) for vector in vectors}) == 20
        ranked = await door.stub.Rerank(pb.RerankRequest(query="b", documents=["a", "b"], top_n=1))
        assert [found.text for found in ranked.results] == ["b"]
        for call in (
            door.stub.Embedding(pb.PredictOptions()),
            door.stub.Embedding(pb.PredictOptions(Embeddings="word " * 9)),
            door.stub.Rerank(pb.RerankRequest(query="a")),
        ):
            assert (await refusal(call))[0] is grpc.StatusCode.INVALID_ARGUMENT
        await door.stub.Free(pb.HealthMessage())
        assert opened[0].closed


async def test_without_an_embedder_it_is_not_served() -> None:
    async with Doorway(premises_of()) as door:
        for call in (
            door.stub.Embedding(pb.PredictOptions(Embeddings="a")),
            door.stub.Rerank(pb.RerankRequest(query="a", documents=["b"])),
        ):
            code, message = await refusal(call)
            assert code is grpc.StatusCode.UNIMPLEMENTED
            assert "no embedder" in message


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    """Two threads."""
    scheduler = Scheduler(2)
    yield scheduler
    scheduler.close()


@pytest.mark.model
async def test_the_real_model_puts_answers_first(model_store: ModelStore, scheduler: Scheduler) -> None:
    """Over the channel, among sentences that share words with the question and do not answer it."""
    workshop = Workshop(model_path=model_store.path, scheduler=scheduler, threads=1)
    questions = {
        "What is the capital of France?": "Paris is the seat of the French government.",
        "How do I bake bread?": "Mix flour, water, salt and yeast, let the dough rise, and put it into a hot oven.",
        "My computer does not start any more.": "If the screen stays black, check the power supply of the machine.",
        "Who wrote Hamlet?": "The play is by William Shakespeare.",
    }
    others = ["What is the price of a ticket?", "I do not know what it is.", "How are you?", "A man is eating food."]
    documents = [*questions.values(), *others]
    async with Doorway(premises_of(on_demand={"embedder": lambda: open_minilm(workshop)})) as door:
        for question, answer in questions.items():
            ranked = await door.stub.Rerank(pb.RerankRequest(query=question, documents=documents, top_n=3))
            assert ranked.results[0].text == answer
            assert documents[ranked.results[0].index] == answer
            assert ranked.results[0].relevance_score > ranked.results[1].relevance_score + 0.05
        food = await door.stub.Embedding(pb.PredictOptions(Embeddings="A man is eating food."))
        bread = await door.stub.Embedding(pb.PredictOptions(Embeddings="A man is eating a piece of bread."))
        assert np.dot(food.embeddings, bread.embeddings) == pytest.approx(0.755, abs=0.01)
        code, message = await refusal(door.stub.Embedding(pb.PredictOptions(Embeddings="word " * 300)))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "302 tokens" in message


@pytest.mark.model
async def test_the_real_model_reads_all_of_a_long_document(model_store: ModelStore, scheduler: Scheduler) -> None:
    """Also where every letter is a token."""
    workshop = Workshop(model_path=model_store.path, scheduler=scheduler, threads=1)
    embedding = Embedding(premises_of(on_demand={"embedder": lambda: open_minilm(workshop)}))
    padding = "The minutes of the last meeting were read and approved by all members of the board. " * 40
    documents = [padding, padding + "Paris is the capital of France. " + padding, "北京は" * 1000]
    ranked = await embedding.rerank(pb.RerankRequest(query="What is the capital of France?", documents=documents))
    assert ranked.results[0].index == 1
    assert ranked.usage.total_tokens > 3000
