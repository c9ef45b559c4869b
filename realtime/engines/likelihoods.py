"""How likely tokens were, as OpenAI's chat completions tell it."""

from __future__ import annotations

from typing import Any

import msgspec

from realtime.engines.sampling import Likelihood
from realtime.structs import Frozen


class _Other(Frozen):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _Chosen(_Other):
    top_logprobs: tuple[_Other, ...] = ()


class _Told(Frozen):
    content: list[_Chosen] | None = None


def read_likelihoods(told: Any) -> tuple[Likelihood, ...]:
    """Those of one choice's `logprobs`, as parsed from JSON; raises `msgspec.ValidationError` for what is none."""
    content = msgspec.convert(told, _Told | None)
    return tuple(_likelihood(token, token.top_logprobs) for token in (content and content.content) or ())


def write_likelihoods(likelihoods: tuple[Likelihood, ...]) -> bytes:
    """As JSON, `{"content": [{"token", "logprob", "bytes", "top_logprobs"}]}`."""
    return msgspec.json.encode(_Told(content=[_chosen(likelihood) for likelihood in likelihoods]))


def _likelihood(told: _Other, others: tuple[_Other, ...]) -> Likelihood:
    return Likelihood(
        token=told.token,
        log_probability=min(0.0, told.logprob),
        utf8=tuple(told.bytes or told.token.encode(errors="replace")),
        alternatives=tuple(_likelihood(other, ()) for other in others),
    )


def _chosen(likelihood: Likelihood) -> _Chosen:
    others = (
        _Other(token=other.token, logprob=other.log_probability, bytes=list(other.utf8))
        for other in likelihood.alternatives
    )
    return _Chosen(
        token=likelihood.token,
        logprob=likelihood.log_probability,
        bytes=list(likelihood.utf8),
        top_logprobs=tuple(others),
    )
