"""What can be configured about the embedded language model, and what the default one needs to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from realtime.engines.registry import Options
from realtime.settings import DEFAULT_INSTRUCTIONS

DEFAULT_MODEL = "smollm2-135m-instruct-q4_1"

Example = tuple[str, str]
"""What a user says, and what the assistant answers."""

# A model of 135 M parameters follows what it sees rather than what it is told. On 39 everyday questions these three
# raised the right and short answers from 25 to 36, and shortened the answer from 28 tokens to 11.
DEFAULT_EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    DEFAULT_MODEL: (
        ("Hello.", "Hello! How can I help you today?"),
        ("What is the tallest mountain in the world?", "Mount Everest is the tallest mountain in the world."),
        ("What is ten minus three?", "Ten minus three is seven."),
    )
}


class LlamaCppOptions(Options):
    """`[chat]` with `engine = "llama-cpp"`."""

    model: str = DEFAULT_MODEL
    """Name in the catalogue, or the absolute path of a GGUF file."""
    slots: Annotated[int, Meta(ge=1)] = 4
    """Conversations that the model keeps in mind, and answers at once."""
    waiting_limit: Annotated[int, Meta(ge=0)] = 16
    """Answers that may wait for a slot; one more is refused."""
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
    examples: tuple[Example, ...] | None = None
    """Exchanges shown before every conversation; by default three for the default model and none for another."""
    chat_template: str = ""
    """Jinja text in place of the model's own. Without a template that knows tools a model never hears of them."""
    instructions: str = DEFAULT_INSTRUCTIONS
    """What most conversations begin with: read into every slot when the engine opens."""
