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
    try:
        return msgspec.convert(dict(given), into, strict=False)
    except msgspec.ValidationError as problem:
        known = into.__struct_fields__
        unknown = sorted(set(given) - set(known))
        if unknown:
            message = f"There is no '{unknown[0]}' in '{field}'; there are: {', '.join(known)}."
            raise InvalidRequest(message, param=f"{field}.{unknown[0]}") from problem
        found = _PLACE.search(str(problem))
        name = f"{field}.{found['place']}" if found else field
        raise InvalidRequest(f"'{name}': {_PLACE.sub('', str(problem))}.", param=name) from problem
