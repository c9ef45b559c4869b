"""From a language model's text, as it is written, to sentences that can be spoken.

A sentence ends at `.`, `!`, `?`, `…` or a line break, once the blank after it shows that it is over and what stands
before it is neither a number, an initial nor an abbreviation. Text with no end in sight is let go at a clause or a
blank, so that speech never waits for a model that has forgotten how to stop.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable

LONGEST_CHARACTERS = 240
"""About 15 s of speech: more is let go at the last clause, else at the last blank."""

# Closing quotes and brackets belong to the sentence that they close.
_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s))|\n")
_CLAUSE = re.compile(r"[,;:—–](?=\s)")
_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "approx", "vol", "fig", "dept", "inc", "ltd"}
    | {"e.g", "i.e", "a.m", "p.m", "u.s", "u.k"}
)


async def sentences(texts: AsyncIterable[str]) -> AsyncGenerator[str, None]:
    """The sentences of `texts` joined, each as soon as it is over, with their punctuation and without blanks around.

    Cancelling ends it; what was not yet a sentence is lost.
    """
    rest = ""
    async for text in texts:
        rest = (rest + text).lstrip()
        while (end := _sentence_end(rest)) is not None:
            sentence, rest = rest[:end].rstrip(), rest[end:].lstrip()
            yield sentence
    if rest:
        yield rest.rstrip()


def _sentence_end(text: str) -> int | None:
    """Where the first sentence of `text` ends; None while that is not known."""
    # No further than had been seen when a text that comes letter by letter would have grown too long: the sentences
    # must not depend on where a model's tokens end.
    for found in _END.finditer(text[: LONGEST_CHARACTERS + 1]):
        if not _is_abbreviation(text[: found.start()], found.group()):
            return found.end()
    return _clause_end(text) if len(text) > LONGEST_CHARACTERS else None


def _is_abbreviation(before: str, mark: str) -> bool:
    """Whether the single full stop after `before` belongs to its last word."""
    if mark != ".":
        return False
    word = before.split()[-1].lstrip("\"'“‘([") if before.split() else ""
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    is_list_number = word.isdigit() and before.strip() == word
    return is_initial or is_list_number or word.lower() in _ABBREVIATIONS


def _clause_end(text: str) -> int:
    clauses = [found.end() for found in _CLAUSE.finditer(text[:LONGEST_CHARACTERS])]
    return clauses[-1] if clauses else text.rfind(" ", 0, LONGEST_CHARACTERS) + 1 or LONGEST_CHARACTERS
