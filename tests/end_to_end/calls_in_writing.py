"""What is asked in writing: what is loaded, the language model, embeddings, the vector store."""

from __future__ import annotations

import grpc
import numpy as np

from tests.end_to_end.calls_with_sound import vad
from tests.end_to_end.scene import FRANCE, Scene, refusal_of


async def health(scene: Scene) -> None:
    """It is there."""
    assert (await scene.asks("Health")).message == b"OK"


async def status(scene: Scene) -> None:
    """It is ready, and weighs what models weigh."""
    told = await scene.asks("Status")
    assert told.State.Name(told.state) == "READY"
    assert told.memory.total > 200 << 20


async def free_and_load(scene: Scene) -> None:
    """What is gone says so, and comes back."""
    assert (await scene.asks("Free")).success
    told = await scene.asks("Status")
    assert told.State.Name(told.state) == "UNINITIALIZED"
    assert await refusal_of(scene, "VAD", audio=[0.0] * 512) is grpc.StatusCode.FAILED_PRECONDITION
    assert (await scene.asks("LoadModel")).success
    await vad(scene)


async def predict(scene: Scene) -> None:
    """A question is answered."""
    asked = {"role": "user", "content": FRANCE}
    reply = await scene.asks("Predict", Messages=[asked], UseTokenizerTemplate=True, Tokens=32)
    assert "Paris" in reply.message.decode()
    assert reply.tokens > 0
    assert reply.prompt_tokens > 0
    assert reply.timing_token_generation > 0


async def predict_stream(scene: Scene) -> None:
    """In pieces, which are the answer."""
    asked = {"role": "user", "content": FRANCE}
    fields = {"Messages": [asked], "UseTokenizerTemplate": True, "Tokens": 32, "Seed": 1}
    replies = [reply async for reply in scene.stranger.listens("PredictStream", **fields)]
    whole = await scene.asks("Predict", **fields)
    assert len(replies) > 3
    assert b"".join(reply.message for reply in replies) == whole.message
    deltas = "".join(delta.content for reply in replies for delta in reply.chat_deltas)
    assert deltas == whole.message.decode()


async def tokenize(scene: Scene) -> None:
    """Words are tokens, and more words more."""
    few = await scene.asks("TokenizeString", Prompt="Hello there.")
    many = await scene.asks("TokenizeString", Prompt="Hello there. How are you today?")
    assert 0 < few.length == len(few.tokens) < many.length
    assert list(many.tokens)[: few.length] == list(few.tokens)


async def model_metadata(scene: Scene) -> None:
    """How the model is talked to."""
    told = await scene.asks("ModelMetadata")
    assert "<|im_start|>" in told.rendered_template


async def get_metrics(scene: Scene) -> None:
    """How fast it wrote."""
    await predict(scene)
    told = await scene.asks("GetMetrics")
    assert told.tokens_generated > 0
    assert told.tokens_per_second > 0
    assert "France" not in told.prompt_json_for_slot


async def embedding(scene: Scene) -> None:
    """What means the same lies together."""
    texts = "The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose last week."
    cat, kitten, rates = [np.array((await scene.asks("Embedding", Embeddings=text)).embeddings) for text in texts]
    assert cat @ kitten > cat @ rates + 0.3


async def rerank(scene: Scene) -> None:
    """The document that answers comes first."""
    documents = ["Bread is baked in an oven.", "Paris is the capital of France.", "Foxes live in the forest."]
    ranked = await scene.asks("Rerank", query=FRANCE, documents=documents, top_n=2)
    best, second = ranked.results
    assert (best.index, best.text) == (1, documents[1])
    assert best.relevance_score > second.relevance_score
    assert ranked.usage.total_tokens > 0


async def stores(scene: Scene) -> None:
    """What is kept is found, by likeness too, until it is deleted."""
    keys = [{"Floats": floats} for floats in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])]
    values = [{"Bytes": b"first"}, {"Bytes": b"second"}]
    assert (await scene.asks("StoresSet", Keys=keys, Values=values)).success
    assert [value.Bytes for value in (await scene.asks("StoresGet", Keys=keys[:1])).Values] == [b"first"]
    found = await scene.asks("StoresFind", Key={"Floats": [0.1, 0.9, 0.0]}, TopK=2)
    assert [value.Bytes for value in found.Values] == [b"second", b"first"]
    assert found.Similarities[0] > found.Similarities[1]
    assert (await scene.asks("StoresDelete", Keys=keys)).success
    assert not (await scene.asks("StoresGet", Keys=keys)).Values
