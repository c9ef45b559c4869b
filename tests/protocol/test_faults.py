"""From msgspec's words to an error a client can act on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from realtime.protocol.config import SessionConfig
from realtime.protocol.faults import fault


def problem_with(value: Any) -> msgspec.ValidationError:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, SessionConfig)
    return caught.value


@pytest.mark.parametrize(
    ("value", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "model", "Invalid 'model': Object missing required field `model`."),
        ({"model": 5}, "invalid_type", "model", "Invalid 'model': Expected `str`, got `int`."),
        ({"model": "m", "voice": "a"}, "unknown_parameter", "voice", "Invalid 'voice': Object contains unknown field"),
        ({"model": "m", "type": "x"}, "invalid_value", "type", "Invalid 'type': Invalid enum value 'x'."),
        ({"model": "m", "audio": {"output": {"speed": 9}}}, "invalid_value", "audio.output.speed", "Expected `float`"),
        ({"model": "m", "audio": {"input": {"x": 1}}}, "unknown_parameter", "audio.input.x", "Invalid 'audio.input.x'"),
        ({"model": "m", "include": ["x"]}, "invalid_value", "include[0]", "Invalid enum value 'x'"),
        ([], "invalid_type", None, "Invalid event: Expected `object`, got `array`."),
    ],
)
def test_the_fault_is_named_by_place_and_kind(value: Any, code: str, param: str | None, message: str) -> None:
    named = fault(problem_with(value))
    assert (named.reason, named.param) == (code, param)
    assert message in named.message


@pytest.mark.parametrize(
    ("value", "param"),
    [({}, "session.model"), ({"model": 5}, "session.model"), ([], "session")],
)
def test_the_place_is_told_from_the_root(value: Any, param: str) -> None:
    assert fault(problem_with(value), root="session").param == param


@pytest.mark.parametrize("said", [", got `str`", "Invalid base64", "missing required field `x`"])
def test_what_a_client_wrote_is_not_taken_for_the_kind_of_fault(said: str) -> None:
    named = fault(problem_with({"model": "m", "type": said}))
    assert (named.reason, named.param) == ("invalid_value", "type")
