"""Walks taken again: with inputs left out, until what is left of one that fails is short enough to read."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from random import Random

from tests.protocol.walk import STEPS, Input, Walker, begin, step


def walk(seed: int) -> list[Input]:
    """The inputs of one walk, as far as it came before something failed."""
    client, walker, taken = begin(), Walker(Random(seed), servers=True), list[Input]()
    for _ in range(STEPS):
        taken.append(walker.next_input(client))
        try:
            step(client, taken[-1])
        except Exception:
            return taken
    return []


def fault_in(inputs: Sequence[Input]) -> Exception | None:
    """What is wrong, if something is."""
    client = begin()
    try:
        for given in inputs:
            step(client, given)
    except Exception as problem:
        return problem
    return None


def shorten(inputs: list[Input]) -> list[Input]:
    """As few of the inputs as fail in the same way."""
    kind = _place(fault_in(inputs))
    size = len(inputs) // 2
    while size:
        for start in range(0, len(inputs), size):
            fewer = inputs[:start] + inputs[start + size :]
            if _place(fault_in(fewer)) == kind:
                return shorten(fewer)
        size //= 2
    return inputs


def _place(problem: Exception | None) -> object:
    """Where something failed, and how."""
    steps = traceback.extract_tb(problem.__traceback__) if problem else []
    return (type(problem), steps[-1].filename, steps[-1].lineno) if steps else None
