"""Identifiers on the wire: a prefix that says what it is, then 21 random letters and digits."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from itertools import count

NewId = Callable[[str], str]
"""Makes an identifier for a prefix: `new_id("item")` → `item_…`. Passed in, so that tests can pin it."""

_ALPHABET = string.ascii_letters + string.digits


def random_id(prefix: str) -> str:
    """An identifier nobody can guess: 21 characters of 62 hold 125 bits, as many as a random UUID."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(21))}"


def counting_ids() -> NewId:
    """Identifiers that repeat from run to run, `item_1`, `item_2`, …, each prefix counted by itself."""
    counters: dict[str, count[int]] = {}

    def new_id(prefix: str) -> str:
        return f"{prefix}_{next(counters.setdefault(prefix, count(1)))}"

    return new_id
