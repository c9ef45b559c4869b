"""all-MiniLM-L6-v2: sentences as points in 384 dimensions, on onnxruntime.

The weights are whole numbers of eight bits. The model finds their scale anew in all that it reads at once, so texts are
read one by one: the same text has the same vector whatever is asked beside it. Batches would not be faster: eight
tokens take 6 ms on one thread, 256 take 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
from msgspec import Meta
from numpy.typing import NDArray
from tokenizers import Tokenizer

from realtime.engines.base import Urgency
from realtime.engines.embedder import Embeddings, Text
from realtime.engines.onnx import open_session
from realtime.engines.registry import Options, Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import ContextTooLong, EngineFailed, InvalidRequest, ModelUnavailable

DIMENSIONS = 384

BEGIN, END = 101, 102
"""The tokens `[CLS]` and `[SEP]`, between which every text is read."""

LONGEST_WORD = 100
"""Characters; a longer one is one unknown token. So many times the tokens there is room for is a long text for sure."""


class MiniLmOptions(Options):
    """`[embedder]` with `engine = "minilm"`."""

    model: str = "all-minilm-l6-v2"
    """Name in the catalogue, or the absolute path of a folder with `model.onnx` and `tokenizer.json`."""
    max_tokens: Annotated[int, Meta(ge=3, le=512)] = 256
    """The longest text, its two ends included. The model was made for 256 at most; it can read 512."""
    truncate: bool = False
    """Whether only the beginning of a longer text is read, without a word; otherwise it is refused."""


class MiniLm:
    """The shared weights; nothing recurs, every text stands by itself."""

    dimensions = DIMENSIONS

    def __init__(
        self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, options: MiniLmOptions, scheduler: Scheduler
    ) -> None:
        self.model = options.model
        self._session = session
        self._tokenizer = tokenizer
        self._options = options
        self._scheduler = scheduler
        self._words = tokenizer.get_vocab_size()

    async def embed(self, texts: Sequence[Text]) -> Embeddings:
        """Each text as a vector, one step of the scheduler each. Cancelling withdraws those that are not begun.

        Raises `ContextTooLong` for a text with more than `max_tokens` tokens, `InvalidRequest` for tokens that are
        none, and `EngineBusy` from the scheduler. Tokens may come with `[CLS]` and `[SEP]` around them, or without.
        """
        vectors, tokens = np.zeros((len(texts), DIMENSIONS), np.float32), 0
        for index, text in enumerate(texts):
            vectors[index], read = await self._scheduler.run(partial(self.read, text), Urgency.UNATTENDED)
            tokens += read
        return Embeddings(vectors, tokens)

    def read(self, text: Text) -> tuple[NDArray[np.float32], int]:
        """One text's vector, shape (384,), and how many tokens it has. Blocks: not for the event loop."""
        ids = np.array([[BEGIN, *self._inner(text), END]])
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        try:
            [[states]] = self._session.run(None, feed)
        except Exception as problem:  # onnxruntime's errors have no common base but this
            raise EngineFailed(f"the embedder failed: {type(problem).__name__}") from problem
        mean = np.asarray(states.mean(axis=0), np.float32)
        return mean / np.linalg.norm(mean), ids.size

    async def close(self) -> None:
        """Nothing to let go. Cancelling changes nothing."""

    def _inner(self, text: Text) -> list[int]:
        """The text's tokens without its ends, no more than there is room for."""
        room = self._options.max_tokens - 2
        if isinstance(text, str):
            most = room * LONGEST_WORD
            if len(text) > most and not self._options.truncate:
                raise self._too_long(f"{len(text)} characters")
            ids = self._tokenizer.encode(text[:most], add_special_tokens=False).ids
        else:
            ids = self._known(text)
        if len(ids) > room and not self._options.truncate:
            raise self._too_long(f"{len(ids) + 2} tokens")
        return ids[:room]

    def _known(self, tokens: tuple[int, ...]) -> list[int]:
        if strange := [token for token in tokens if not 0 <= token < self._words]:
            raise InvalidRequest(
                f"Token {strange[0]} is none of {self.model!r}, whose tokens are 0 to {self._words - 1}."
            )
        return list(tokens[tokens[:1] == (BEGIN,) : len(tokens) - (tokens[-1:] == (END,))])

    def _too_long(self, size: str) -> ContextTooLong:
        return ContextTooLong(
            f"the text has {size}, and {self.model!r} reads {self._options.max_tokens} tokens at a time (options "
            "`max_tokens` and `truncate` of the embedder)"
        )


def open_minilm(workshop: Workshop) -> MiniLm:
    """Load the model and read a word."""
    options = workshop.read_options(MiniLmOptions, "minilm")
    folder = workshop.find_model(options.model)
    session = open_session(folder / "model.onnx", workshop.threads)
    inputs = sorted(tensor.name for tensor in session.get_inputs())
    outputs: list[Any] = [tensor.shape[-1] for tensor in session.get_outputs()]
    if inputs != ["attention_mask", "input_ids", "token_type_ids"] or outputs != [DIMENSIONS]:
        raise ModelUnavailable(f"{folder / 'model.onnx'} is not MiniLM-L6")
    minilm = MiniLm(session, _tokenizer(folder / "tokenizer.json"), options, workshop.scheduler)
    minilm.read("warm")
    return minilm


def _tokenizer(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as problem:  # the library raises this class itself
        raise ModelUnavailable(f"{path} is not a tokenizer that can be read") from problem
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
