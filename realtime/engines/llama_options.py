"""What can be configured about the embedded language model."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from realtime.engines import smollm2
from realtime.engines.registry import Options
from realtime.engines.smollm2 import Example
from realtime.engines.tokenizer import CallForm
from realtime.settings import DEFAULT_INSTRUCTIONS


class LlamaCppOptions(Options):
    """`[chat]` with `engine = "llama-cpp"`."""

    model: str = smollm2.MODEL
    """Name in the catalogue, or the absolute path of a GGUF file."""
    slots: Annotated[int, Meta(ge=1)] = 16
    """Conversations that the model keeps in mind. One more, and the one that was silent for longest is read again when
    it goes on."""
    answers_at_once: Annotated[int, Meta(ge=1)] = 4
    """Answers written at the same time, each slower for the others; no more than there are slots."""
    waiting_limit: Annotated[int, Meta(ge=0)] = 16
    """Answers that may wait until one of them is written; one more is refused."""
    context_tokens: Annotated[int, Meta(ge=256)] = 2048
    """Of each slot. The default model needs 23 KiB of memory for each token of each slot."""
    batch_tokens: Annotated[int, Meta(ge=1)] = 64
    """Prompt read in one step. Other answers, and a stop, wait for a step: 64 are 0.3-0.9 s on a slow machine, 2048
    were 27 s, and read no faster. On a GPU larger steps pay."""
    gpu_layers: Annotated[int, Meta(ge=0)] = 0
    """Layers of the model on the GPU, with a build of xllamacpp that has one; 999 is all of any model."""
    max_tokens: Annotated[int, Meta(ge=1)] = 256
    """Of an answer that nothing else limits."""
    temperature: Annotated[float, Meta(ge=0)] = 0.0
    """0 takes the likeliest word, always the same; on the default model 0.3 cost five right answers in 39."""
    top_p: Annotated[float, Meta(gt=0, le=1)] = 0.95
    min_p: Annotated[float, Meta(ge=0, le=1)] = 0.05
    seed: Annotated[int, Meta(ge=0)] = 0
    dry_multiplier: Annotated[float, Meta(ge=0)] = 0.8
    """Strength of the sampler that keeps a small model from saying one thing over and over; 0 turns it off."""
    grammars: bool = False
    """Whether an answer may be asked for by a grammar (`Predict`). One that can be read in many ways, however short,
    keeps llama.cpp busy for ever, and every other answer waiting: not for clients whom you do not trust."""
    examples: tuple[Example, ...] | None = None
    """Exchanges shown before every conversation; by default three for the default model and none for another."""
    examples_per_tool: Annotated[int, Meta(ge=0)] | None = None
    """How often each tool is shown being called; by default twice for the default model and never for another."""
    chat_template: str = ""
    """Jinja text in place of the model's own, or of ours for the default model. What a template does not say of tools
    a model never hears."""
    call_opening: str = ""
    """What a call of the model begins with, `<tool_call>\\n` for many. With it, an answer that has to be a call is one
    from its first word; without, the model may say something before it calls."""
    instructions: str = DEFAULT_INSTRUCTIONS
    """What most conversations begin with: when the engine opens, read into as many slots as answers are written in at
    once."""

    @property
    def is_default_model(self) -> bool:
        return self.model == smollm2.MODEL

    def template(self) -> str:
        """Jinja text; empty is the model's own."""
        return self.chat_template or (smollm2.TEMPLATE if self.is_default_model else "")

    def opening(self) -> str:
        return self.call_opening or (smollm2.CALL_OPENING if self.call_form() else "")

    def call_form(self) -> CallForm | None:
        """None for a model that we do not know."""
        return smollm2.CALL_FORM if self.is_default_model and not self.chat_template else None

    def exchanges(self) -> tuple[Example, ...]:
        if self.examples is not None:
            return self.examples
        return smollm2.EXAMPLES if self.is_default_model else ()

    def tool_exchanges(self) -> int:
        if self.examples_per_tool is not None:
            return self.examples_per_tool
        return smollm2.EXAMPLES_PER_TOOL if self.is_default_model else 0
