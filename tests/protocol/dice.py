"""Chance, as random walks use it: what is known already, likelier than not, and sometimes what is wrong."""

from __future__ import annotations

from random import Random
from typing import Any


class Dice:
    """Shared by all who take part in one walk, so that the same seed leads to the same walk."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._numbers = 0

    def number(self) -> int:
        """One that no other id of this walk has."""
        self._numbers += 1
        return self._numbers

    def any(self, *known: Any) -> str:
        """An id out of `known`, likelier out of the first; sometimes one nobody ever heard of."""
        for ids in known:
            if ids and self.random.random() < 0.7:
                return str(self.random.choice(sorted(ids)))
        return "nobody"

    def some(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Some of these fields, mostly fewer than half."""
        return {name: value for name, value in fields.items() if self.random.random() < 0.4}

    def or_wrong(self, right: Any, *wrong: Any) -> Any:
        """What is right; seldom one of what is wrong."""
        return self.random.choice(wrong) if self.random.random() < 0.05 else right
