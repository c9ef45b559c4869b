"""A request's table of texts as typed values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from realtime.errors import InvalidRequest
from realtime.structs import Strict

ParamsT = TypeVar("ParamsT", bound=Strict)

_PLACE = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")


def read_params(given: Mapping[str, str], into: type[ParamsT], field: str) -> ParamsT:
    """What the request's `field` chooses; raises `InvalidRequest`, naming the entry, for a wrong or unknown one."""
    unknown = sorted(set(given) - set(into.__struct_fields__))
    if unknown:
        name = f"{field}.{unknown[0]}"
        there = ", ".join(into.__struct_fields__)
        raise InvalidRequest(f"'{name}' is unknown; there are: {there}.", code="unknown_parameter", param=name)
    try:
        return msgspec.convert(dict(given), into, strict=False)
    except msgspec.ValidationError as problem:
        found = _PLACE.search(str(problem))
        name = f"{field}.{found['place']}" if found else field
        raise InvalidRequest(f"'{name}': {_PLACE.sub('', str(problem))}.", param=name) from problem
