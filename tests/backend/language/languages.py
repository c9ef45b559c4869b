"""A scripted language model that tells what it knows of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from realtime.engines.base import Prompt
from realtime.engines.load import Work
from realtime.engines.tokenizer import CallForm
from realtime.errors import InvalidRequest
from tests.fakes import FakeChat


@dataclass
class OpenChat(FakeChat):
    """Every letter is a token. Its template writes who speaks; one that thinks is told so at the end."""

    thinks: bool = False
    call_form: CallForm | None = None
    work: Work | None = None
    shown: list[Prompt] = field(default_factory=list)

    async def tokenize(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    async def detokenize(self, tokens: Sequence[int]) -> str:
        try:
            return "".join(map(chr, tokens))
        except ValueError as problem:
            raise InvalidRequest("'tokens' has one that there is not.", param="tokens") from problem

    async def rendered(self, prompt: Prompt) -> str:
        self.shown.append(prompt)
        said = "".join(f"{message.role}: {message.text}\n" for message in prompt.messages)
        return said + ("<think>" if self.thinks and prompt.thoughts else "")
