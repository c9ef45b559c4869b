"""How a language model is to write: how it chooses its words, how long it thinks, what it may forget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """What to leave out of a conversation that is too long for the model."""

    retention: float | None = 1.0
    """Whole turns go, the oldest first, until this share (0 to 1) of the room is used: a smaller one cuts less often,
    so that what was read before can be used for longer. None leaves nothing out: the answer fails."""
    max_tokens: int | None = None
    """Room for what comes after the instructions and the tools; None is all that the model has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen among the likely ones. None is the engine's own way.

    What an engine cannot do it leaves out; only for `grammar` it needs the ability.
    """

    top_p: float | None = None
    """The likeliest tokens that together have this probability, above 0 and up to 1."""
    top_k: int | None = None
    """So many of the likeliest tokens; 0 or less is all."""
    min_p: float | None = None
    """Those with at least this share, 0 to 1, of the likeliest one's probability."""
    typical_p: float | None = None
    """The most typical tokens that together have this probability, above 0 and up to 1."""
    seed: int | None = None
    """The same one, at least 0, chooses the same again."""
    stop: tuple[str, ...] = ()
    """The answer ends before any of these; none is empty."""
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_penalty: float | None = None
    """Above 1 makes what was written lately less likely; above 0."""
    repeat_tokens: int | None = None
    """How many tokens back is lately, for the three penalties."""
    mirostat: Literal[0, 1, 2] = 0
    """Version of the sampler that aims at a surprise of `mirostat_tau`, learning at the rate `mirostat_eta`."""
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Tokens, by the model's own numbers, and what is added to the logarithm of their odds: -100 forbids."""
    ignore_end: bool = False
    """Whether it has to go on until a limit or a stop."""
    grammar: str = ""
    """What may be written, in GBNF; empty is anything. Not together with tools."""
    alternatives: int = 0
    """With each token, so many of the likeliest are told with their probabilities; 0 tells of none, 20 is the most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """A token that was chosen, or could have been."""

    token: str
    log_probability: float
    """Natural logarithm, ≤ 0."""
    utf8: tuple[int, ...] = ()
    """Its bytes, which may be a part of a letter."""
    alternatives: tuple[Likelihood, ...] = ()
    """The likeliest in its place, the likeliest first."""
