"""A request's table of texts as typed values."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from msgspec import Meta

from realtime.errors import InvalidRequest
from realtime.params import read_params
from realtime.structs import Strict


class Choices(Strict):
    speed: Annotated[float, Meta(ge=0, le=2)] = 1.0
    count: int = 3
    loud: bool = False
    color: Literal["red", "blue"] = "red"


def test_texts_become_what_is_meant() -> None:
    assert read_params({}, Choices, "params") == Choices()
    given = {"speed": "0.5", "count": "7", "loud": "true", "color": "blue"}
    assert read_params(given, Choices, "params") == Choices(speed=0.5, count=7, loud=True, color="blue")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"speed": "3"}, "params.speed"),
        ({"speed": "fast"}, "params.speed"),
        ({"count": "1.5"}, "params.count"),
        ({"loud": "very"}, "params.loud"),
        ({"color": "green"}, "params.color"),
        ({"colour": "red"}, "params.colour"),
        ({"colour": "red", "speed": "3"}, "params.colour"),
    ],
)
def test_what_is_not_meant_is_named(given: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_params(given, Choices, "params")
    assert refused.value.param == param


def test_who_mistypes_a_name_is_told_which_there_are() -> None:
    with pytest.raises(InvalidRequest, match="speed, count, loud, color"):
        read_params({"colour": "red"}, Choices, "params")
