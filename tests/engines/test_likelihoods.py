"""Probabilities of tokens, there and back."""

from __future__ import annotations

import json

import msgspec
import pytest

from realtime.engines.likelihoods import read_likelihoods, write_likelihoods
from realtime.engines.sampling import Likelihood

OTHER = Likelihood(token="!", log_probability=-2.5, utf8=(33,))
SUN = Likelihood(token="☉", log_probability=-0.5, utf8=(226, 152, 137), alternatives=(OTHER,))


def test_what_is_written_can_be_read() -> None:
    assert read_likelihoods(json.loads(write_likelihoods((SUN, OTHER)))) == (SUN, OTHER)


def test_no_token_is_likelier_than_certain() -> None:
    """Rounding makes some servers say so."""
    assert read_likelihoods({"content": [{"token": "x", "logprob": 0.001}]})[0].log_probability == 0


@pytest.mark.parametrize("told", [None, {}, {"content": None}, {"content": []}])
def test_nothing_told_is_nothing(told: object) -> None:
    assert read_likelihoods(told) == ()


def test_what_is_none_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_likelihoods({"content": [{"token": "x"}]})
