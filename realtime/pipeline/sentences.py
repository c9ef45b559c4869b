"""From a language model's text, as it is written, to phrases that can be spoken.

A phrase is a sentence, with two exceptions for the sake of whoever listens. The first of a reply is cut short at a
clause, so that the voice begins while the model is still in the middle of its first sentence. And none is longer than
the model will have written while those before it are heard, so that the voice never stops to wait for the model.

A sentence ends at `.`, `!`, `?`, `…` or a line break, once what follows shows that it is over and what stands before is
neither a number, an initial nor an abbreviation. A link or a piece of code is never parted.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass, field

LONGEST_CHARACTERS = 240
"""About 15 s of speech: more is let go at the last clause, else at the last blank."""

HEADSTART_CHARACTERS = 30
CHARACTERS_PER_CHARACTER_SAID = 4
"""A phrase may be as long as what a model writes in the time that those before it take to say, and then a little. A
voice says 16 characters a second; a model that writes 25 tokens a second is seven times as fast, and may be slower."""

FIRST_CLAUSE_CHARACTERS = 10
"""Where the first phrase may end: after a comma, colon or dash, when it is so long. Shorter, it sounds cut off."""
FIRST_JOINT_CHARACTERS = 18
"""Before a word that begins another clause."""
FIRST_WORDS_CHARACTERS = 26
"""Before a word that begins another group of words, or joins two."""
FIRST_LONGEST_CHARACTERS = 45
"""Before any word, unless the one before leans on it."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is said in one go."""

    text: str
    """With its punctuation, and without blanks around."""
    goes_on: bool = False
    """Whether the next phrase continues the sentence."""
    blanks: str = field(default=" ", compare=False)
    """What stood before it."""


# Closing quotes and brackets, and the marks of bold type, belong to what they close.
_CLOSERS = r"[\"'”’)\]*_~`]*"
_END = re.compile(rf"(?:(?P<mark>[.!?…]+)(?P<closers>{_CLOSERS})(?=\s))|\n")
# Not between the day and the year of a date, nor in a range of numbers.
_CLAUSE = re.compile(
    rf"(?<!\d)[,;:]{_CLOSERS}(?=\s)|(?<=\d)[,;:]{_CLOSERS}(?=\s+[^\s\d])|(?<=[^\s\d]\s)[–—-](?=\s)|—(?=[^\s\d])"
)
_JOINT = re.compile(
    r"(?<=\S)\s+(?=(?:but|because|which|who|whose|that|when|while|where|whether|what|why|how"
    r"|if|although|though|unless|until)\s)"
)
_GROUP = re.compile(
    r"(?<=\S)\s+(?=(?:and|or|in|on|at|with|without|from|by|for|into|onto|through|during|between|after|before"
    r"|among|about)\s)"
)
_BLANK = re.compile(r"(?<=\S)\s+(?=\S)")
_LEANING = re.compile(
    r"\b(?:an?|the|my|your|his|her|its|our|their|this|these|some|any|no|not|very|more|most|is|are|was|were|be|and|or|but"
    r"|to|of|as|in|on|at|with|without|from|by|for|into|than|about)$",
    re.IGNORECASE,
)

_ABBREVIATIONS = frozenset(
    {"mr", "mrs", "ms", "dr", "prof", "st", "mt", "ft", "gen", "gov", "sen", "capt", "lt", "sgt", "rev", "hon", "sr"}
    | {"jr", "vs", "etc", "approx", "cf", "al", "dept", "inc", "ltd", "corp", "ave", "blvd", "tbsp", "tsp", "oz", "lbs"}
    | {"hrs", "e.g", "i.e", "n.b", "p.s", "a.m", "p.m", "b.c", "a.d", "u.s", "u.k", "u.n", "e.u", "d.c", "ph.d"}
)
_BEFORE_NUMBERS = frozenset(
    {"no", "nos", "p", "pp", "vol", "fig", "figs", "ch", "sec", "art", "eq", "max", "min", "v"}
    | {"jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"}
)
"""Abbreviations only where a number follows; some are words that end sentences."""
_LIST_NUMBER = re.compile(r"(?:^|[:;,]\s)\s*[*_(]*(?:\d{1,3}|[a-z])$")


async def sentences(texts: AsyncIterable[str]) -> AsyncGenerator[Phrase, None]:
    """What `texts`, joined, say: phrase by phrase, each as soon as it is known where it ends.

    Joined, each after its blanks, they are the text; where they end does not depend on where the texts do. Cancelling
    ends it; what was not yet a phrase is lost.
    """
    rest = ""
    said = 0
    async for text in texts:
        rest += text
        while (found := _next_end((body := rest.lstrip()), said)) is not None:
            end, goes_on = found
            phrase = Phrase(body[:end].rstrip(), goes_on, rest[: len(rest) - len(body)])
            rest = body[len(phrase.text) :]
            said += len(phrase.text) if any(map(str.isalnum, phrase.text)) else 0
            yield phrase
    if body := rest.lstrip():
        yield Phrase(body.rstrip(), blanks=rest[: len(rest) - len(body)])


def _next_end(text: str, said: int) -> tuple[int, bool] | None:
    """Where the first phrase of `text` ends, after `said` characters, and whether its sentence goes on.

    None while it may yet be longer.
    """
    longest = min(LONGEST_CHARACTERS, HEADSTART_CHARACTERS + CHARACTERS_PER_CHARACTER_SAID * said)
    longest = longest if said else LONGEST_CHARACTERS
    # No further than had been seen when a text that comes letter by letter would have grown too long: the phrases
    # must not depend on where a model's tokens end.
    seen = text[: longest + 1]
    end = next(_sentence_ends(seen), None)
    clause = None if said else min(_first_clauses(seen), default=None)
    if clause is not None and (end is None or clause < end):
        return clause, True
    if end is not None:
        return end, False
    return (_last_place(text[:longest]), True) if len(text) > longest else None


def _sentence_ends(text: str) -> Iterator[int]:
    """Where sentences of `text` end for certain."""
    for found in _END.finditer(text):
        before, so_far = text[: found.start()], text[: found.end()]
        if found["mark"] is None or (not _is_open(so_far) and _is_end(before, found, text[found.end() :])):
            yield found.end()


def _is_end(before: str, found: re.Match[str], after: str) -> bool:
    """Whether the mark that was found after `before` ends a sentence; not as long as only what follows can tell."""
    follows = after.lstrip(" \t")[:1]
    if follows == "\n":
        return True
    if found["mark"] != "." or found["closers"]:
        # "Well... maybe", and "Stop!" he said.
        is_plain = found["mark"] in ("!", "?") and not found["closers"]
        return is_plain or (follows != "" and not follows.islower())
    word = before.split()[-1].lstrip("\"'“‘([*_") if before.split() else ""
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    if is_initial or _LIST_NUMBER.search(before) or word.lower() in _ABBREVIATIONS:
        return False
    return word.lower() not in _BEFORE_NUMBERS or (follows != "" and not follows.isdigit())


def _is_open(text: str) -> bool:
    """Whether `text` ends within a link or a piece of code."""
    line = text.rpartition("\n")[2]
    return line.count("[") > line.count("]") or line.count("`") % 2 == 1


def _first_clauses(text: str) -> Iterator[int]:
    """Where the first phrase of a reply may end before its sentence does."""
    places = (
        (_CLAUSE, FIRST_CLAUSE_CHARACTERS),
        (_JOINT, FIRST_JOINT_CHARACTERS),
        (_GROUP, FIRST_WORDS_CHARACTERS),
        (_BLANK, FIRST_LONGEST_CHARACTERS),
    )
    for kind, least in places:
        for found in kind.finditer(text):
            before = text[: found.end()].rstrip()
            if len(before) >= least and not _is_open(before) and not _LEANING.search(before):
                yield found.end()
                break


def _last_place(text: str) -> int:
    """Where `text`, which is too long, is best parted."""
    for kind in (_CLAUSE, _JOINT, _GROUP, _BLANK):
        places = [found.end() for found in kind.finditer(text) if not _is_open(text[: found.end()])]
        if places:
            return places[-1]
    return text.rfind(" ") + 1 or len(text)
