"""The error tree: who may be caught as what, and what goes on the wire."""

from __future__ import annotations

import re

import pytest

from realtime import errors
from realtime.errors import EngineBusy, EngineFailed, InvalidRequest, RealtimeError


def subclasses(kind: type[RealtimeError]) -> list[type[RealtimeError]]:
    return [found for below in kind.__subclasses__() for found in (below, *subclasses(below))]


OURS = [kind for kind in subclasses(RealtimeError) if kind.__module__ == errors.__name__]


def test_the_tree_is_the_one_that_is_drawn() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(kind.__name__ for kind in OURS)


def test_every_code_is_its_own() -> None:
    codes = [kind.code for kind in OURS if kind is not InvalidRequest]
    assert len(set(codes)) == len(codes)
    assert RealtimeError.code not in codes


def test_an_engine_without_a_free_slot_has_failed_this_time() -> None:
    with pytest.raises(EngineFailed):
        raise EngineBusy("All four slots are taken.")


def test_an_invalid_request_says_what_was_wrong_and_where() -> None:
    problem = InvalidRequest("No.", code="no", param="item.id")
    assert (str(problem), problem.message, problem.reason, problem.param) == ("No.", "No.", "no", "item.id")


def test_an_invalid_request_is_a_wrong_value_unless_it_says_otherwise() -> None:
    problem = InvalidRequest("No.")
    assert (problem.reason, problem.param) == ("invalid_value", None)
