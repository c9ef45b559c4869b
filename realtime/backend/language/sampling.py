"""How a client wants words chosen.

LocalAI fills in all that its configuration has, and zero is what it sends for nothing. Here a zero is the engine's own
choice.
"""

from __future__ import annotations

from math import inf, isfinite
from secrets import randbelow
from typing import Final

import msgspec

from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.sampling import Sampling
from realtime.errors import InvalidRequest

MOST_ALTERNATIVES: Final = 20
"""Told with each token."""

_RANGES: Final = {
    "Temperature": (0.0, inf),
    "TopP": (0.0, 1.0),
    "MinP": (0.0, 1.0),
    "TypicalP": (0.0, 1.0),
    "Penalty": (0.0, inf),
    "FrequencyPenalty": (-inf, inf),
    "PresencePenalty": (-inf, inf),
    "Repeat": (0, inf),
    "Mirostat": (0, 2),
    "MirostatTAU": (0.0, inf),
    "MirostatETA": (0.0, inf),
    "Logprobs": (0, MOST_ALTERNATIVES),
    "TopLogprobs": (0, MOST_ALTERNATIVES),
}
"""From where to where each number may go."""


def sampling_of(request: pb.PredictOptions) -> Sampling:
    """What is said of it in `request`; raises `InvalidRequest` for numbers that no engine could take."""
    for field, (least, most) in _RANGES.items():
        value = getattr(request, field)
        if not (isfinite(value) and least <= value <= most):
            limits = f"from {least:g} to {most:g}" if isfinite(most) else f"at least {least:g}"
            raise InvalidRequest(
                f"'{field}' must be a number{f', {limits}' if isfinite(least) else ''}.",
                code="out_of_range",
                param=field,
            )
    return Sampling(
        top_p=request.TopP or None,
        top_k=request.TopK or None,
        min_p=request.MinP or None,
        typical_p=request.TypicalP or None,
        seed=_seed(request.Seed),
        stop=tuple(stop for stop in request.StopPrompts if stop),
        frequency_penalty=request.FrequencyPenalty,
        presence_penalty=request.PresencePenalty,
        repeat_penalty=request.Penalty or None,
        repeat_tokens=request.Repeat or None,
        mirostat=request.Mirostat,  # type: ignore[arg-type]
        mirostat_tau=request.MirostatTAU or None,
        mirostat_eta=request.MirostatETA or None,
        logit_bias=_biases(request.LogitBias),
        ignore_end=_ignores_end(request),
        grammar=request.Grammar,
        alternatives=request.TopLogprobs or request.Logprobs,
    )


def _seed(seed: int) -> int | None:
    """Below zero any will do, another each time."""
    return randbelow(1 << 31) if seed < 0 else seed or None


def _ignores_end(request: pb.PredictOptions) -> bool:
    if request.IgnoreEOS and request.Grammar:
        raise InvalidRequest("'IgnoreEOS': a text by a 'Grammar' ends where the grammar does.", param="IgnoreEOS")
    return request.IgnoreEOS


def _biases(text: str) -> tuple[tuple[int, float], ...]:
    """OpenAI's `logit_bias`: an object whose keys are tokens."""
    if not text:
        return ()
    try:
        biases = msgspec.json.decode(text, type=dict[int, float])
    except msgspec.DecodeError as problem:
        raise InvalidRequest(
            f"'LogitBias' is no JSON object of tokens' numbers and biases: {problem}", param="LogitBias"
        ) from problem
    if not all(0 <= token < 1 << 31 and -100 <= bias <= 100 for token, bias in biases.items()):
        raise InvalidRequest("'LogitBias' takes tokens' numbers, and biases from -100 to 100.", param="LogitBias")
    return tuple(sorted(biases.items()))
