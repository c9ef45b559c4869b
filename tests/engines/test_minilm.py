"""MiniLM on sentences: as near to each other as the published weights say, one by one and side by side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from realtime.engines.base import Urgency
from realtime.engines.embedder import Embedder
from realtime.engines.minilm import MiniLm, MiniLmOptions, open_minilm
from realtime.engines.onnx import open_session
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, ContextTooLong, EngineFailed, InvalidRequest, ModelUnavailable
from realtime.models.store import ModelStore
from tests.engines.conftest import MakeWorkshop
from tests.engines.watched import WatchedScheduler
from tools.minilm_reference import SENTENCES

pytestmark = pytest.mark.model

REFERENCE = Path(__file__).parent / "data" / "minilm.npy"
"""Of `SENTENCES`, in plain numpy from 32-bit weights; written by `tools.minilm_reference`."""

EATING = "A man is eating food."
EATING_TOKENS = (1037, 2158, 2003, 5983, 2833, 1012)
"""As BERT's vocabulary numbers them."""


@pytest.fixture(scope="module")
def minilm(workshop: MakeWorkshop) -> MiniLm:
    return open_minilm(workshop())


async def test_vectors_are_those_of_the_published_weights(minilm: Embedder) -> None:
    embedded = await minilm.embed(SENTENCES)
    expected = np.load(REFERENCE)
    assert embedded.vectors.shape == (len(SENTENCES), minilm.dimensions) == expected.shape
    assert np.einsum("ij,ij->i", embedded.vectors, expected).min() > 0.999
    assert np.allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-6)


async def test_what_resembles_is_near(minilm: Embedder) -> None:
    food, bread, baby, question, answer = (await minilm.embed(SENTENCES[:5])).vectors
    assert food @ bread == pytest.approx(0.755, abs=0.01)
    assert food @ baby == pytest.approx(-0.105, abs=0.01)
    assert question @ answer > 0.8
    assert question @ food < 0.2


async def test_a_text_has_one_vector_whatever_is_asked_beside_it(minilm: Embedder) -> None:
    together = (await minilm.embed(SENTENCES)).vectors
    alone = await asyncio.gather(*(minilm.embed([text]) for text in SENTENCES))
    assert np.array_equal(together, np.concatenate([one.vectors for one in alone]))


async def test_tokens_are_as_good_as_words(minilm: Embedder) -> None:
    """With the two ends of a text around them, or without."""
    words = await minilm.embed([EATING])
    assert words.tokens == len(EATING_TOKENS) + 2
    bare = await minilm.embed([EATING_TOKENS])
    framed = await minilm.embed([(101, *EATING_TOKENS, 102)])
    assert np.array_equal(words.vectors, bare.vectors)
    assert np.array_equal(words.vectors, framed.vectors)
    assert bare.tokens == framed.tokens == words.tokens


@pytest.mark.parametrize("token", [-1, 30_522, 2**31 - 1])
async def test_tokens_that_are_none_are_refused(minilm: Embedder, token: int) -> None:
    with pytest.raises(InvalidRequest, match=f"Token {token} is none.*0 to 30521"):
        await minilm.embed([(1037, token)])


async def test_no_text_at_all_has_a_vector(minilm: Embedder) -> None:
    """Nothing to embed costs nothing; a text of nothing still has its two ends."""
    assert (await minilm.embed([])).vectors.shape == (0, 384)
    for empty in ("", "   ", (), (101, 102)):
        assert (await minilm.embed([empty])).tokens == 2


async def test_a_text_too_long_is_refused(minilm: Embedder) -> None:
    """With its size, and before a very long one is taken to pieces."""
    assert (await minilm.embed(["word " * 254])).tokens == 256
    with pytest.raises(ContextTooLong, match=r"the text has 257 tokens.*reads 256.*`max_tokens`"):
        await minilm.embed(["word " * 255])
    with pytest.raises(ContextTooLong, match="257 tokens"):
        await minilm.embed([(2773,) * 255])
    with pytest.raises(ContextTooLong, match="1000000 characters"):
        await minilm.embed(["a" * 1_000_000])


async def test_the_operator_may_have_long_texts_cut(workshop: MakeWorkshop) -> None:
    cutting = open_minilm(workshop(truncate=True, max_tokens=16))
    cut = await cutting.embed(["word " * 14 + "and more" * 1000])
    assert cut.tokens == 16
    assert np.array_equal(cut.vectors, (await cutting.embed(["word " * 14])).vectors)


@pytest.mark.parametrize("options", [{"max_tokens": 513}, {"max_tokens": 2}, {"pooling": "max"}])
def test_options_that_cannot_be_are_refused(workshop: MakeWorkshop, options: dict[str, object]) -> None:
    with pytest.raises(BadConfiguration, match="engine 'minilm'"):
        open_minilm(workshop(**options))


def test_another_model_is_not_taken_for_minilm(workshop: MakeWorkshop, model_store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to(model_store.path("silero-vad"))
    with pytest.raises(ModelUnavailable, match="is not MiniLM-L6"):
        open_minilm(workshop(model=str(tmp_path)))
    (tmp_path / "model.onnx").unlink()
    (tmp_path / "model.onnx").symlink_to(model_store.path("all-minilm-l6-v2") / "model.onnx")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match=r"tokenizer\.json is not a tokenizer"):
        open_minilm(workshop(model=str(tmp_path)))


async def test_a_model_that_fails_is_a_failed_engine(model_store: ModelStore) -> None:
    """Here: another one, which cannot read tokens."""
    tokenizer = Tokenizer.from_file(str(model_store.path("all-minilm-l6-v2") / "tokenizer.json"))
    scheduler = Scheduler(1)
    another = MiniLm(open_session(model_store.path("silero-vad")), tokenizer, MiniLmOptions(), scheduler)
    with pytest.raises(EngineFailed, match="the embedder failed"):
        await another.embed([EATING])
    scheduler.close()


async def test_conversations_go_first(model_store: ModelStore) -> None:
    scheduler = WatchedScheduler()
    await open_minilm(Workshop(model_path=model_store.path, scheduler=scheduler, threads=1)).embed([EATING, "Food."])
    assert scheduler.turns == [Urgency.UNATTENDED] * 2
    scheduler.close()


async def test_a_closed_scheduler_is_a_failed_engine(model_store: ModelStore) -> None:
    scheduler = Scheduler(1)
    minilm = open_minilm(Workshop(model_path=model_store.path, scheduler=scheduler, threads=1))
    scheduler.close()
    with pytest.raises(EngineFailed, match="closed"):
        await minilm.embed([EATING])
    await minilm.close()
