"""Long documents in passages short enough for a model of sentences."""

from __future__ import annotations

LONGEST = 1000
"""Characters: of English, 200 to 250 tokens."""


def passages(document: str) -> list[str]:
    """The document in pieces of up to `LONGEST` characters, cut between words where there are any; at least one."""
    pieces, start = [], 0
    while len(document) - start > LONGEST:
        end = document.rfind(" ", start + LONGEST // 2, start + LONGEST) + 1 or start + LONGEST
        pieces.append(document[start:end])
        start = end
    return [*pieces, document[start:]]


def halves(passage: str) -> list[str]:
    """A passage of two characters or more in two, cut between words where there is a place near the middle."""
    middle = len(passage) // 2
    end = passage.rfind(" ", middle // 2, middle) + 1 or middle
    return [passage[:end], passage[end:]]
