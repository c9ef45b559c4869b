"""What can be asked of a language model beside answers: its tokens, its template, and how it writes a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from realtime.engines.base import Prompt


@runtime_checkable
class Tokenizer(Protocol):
    """A language model that tells its tokens."""

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """The numbers of `text`'s tokens; a mark of the model's own, such as `<|im_end|>`, is one. Nothing is put
        before or after them. Cancelling withdraws the question.
        """
        ...

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Their text, the model's own marks included. Raises `InvalidRequest` for a number that is no token's.

        Cancelling withdraws the question.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """How a model writes a call: as a JSON object between two marks."""

    opening: str
    closing: str
    name_field: str
    arguments_field: str


@runtime_checkable
class Templated(Protocol):
    """A language model that is shown conversations by a template."""

    @property
    def call_form(self) -> CallForm | None:
        """None where it is known to the model's runtime alone."""
        ...

    async def rendered(self, prompt: Prompt) -> str:
        """`prompt`'s messages and tools as the model would read them, up to where its answer begins.

        Cancelling withdraws the question.
        """
        ...
