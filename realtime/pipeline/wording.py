"""What the words of a turn say about whether they are all of it.

A transcriber that writes punctuation takes nearly everything it hears for a sentence, so the sign at the end says
little by itself; that it is missing, or that the last word is one after which something must follow, says much.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

Sense: TypeAlias = Literal["whole", "brief", "open"]
"""Words make a whole, or one so brief that it may be the beginning of another, or something must follow them."""

BRIEF_WORDS = 5
"""A whole of so many or fewer is brief: "What is the capital?", and what was misheard at its end, "What is this?"."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SIGNS = (".", "?", "!")
_BROKEN_OFF = ("...", "…", ",", "-", "–", "—", ";", ":")

_NEVER_LAST: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": """
            a an the my your our their its every very mr mrs dr
            and or but nor because if unless although though whether while than as whose
            of into onto between among during until without
            i we i'm you're we're they're he's she's it's that's there's what's i'll you'll we'll they'll i've we've i'd
            you'd gonna wanna um uh uhm er erm hmm
        """
    }.items()
}
"""By ISO-639-1 code: what stands before a noun, what joins sentences and their parts, some prepositions, subjects, and
what is said while one thinks."""

_SELDOM_LAST: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": """
            his each some any no this these those that so when where which who just also
            to in on at for with from by about under since through
            he she they is are was were be been am do does did have has had will would can could should may might must
            shall
        """
    }.items()
}
"""What does end a sentence at times ("No.", "I think so.", "Yes, I do.", "What is it for?"), and mostly goes on."""


def sense_of(text: str, language: str | None) -> Sense | None:
    """What `text` says, as a transcriber of `language` wrote it; None if it does not tell, or the language is unknown.

    That goes for words without a sign at their end, too: not every transcriber writes any.
    """
    words = _WORD.findall(text.lower().replace("’", "'"))
    if language is None or language not in _NEVER_LAST or not words:
        return None
    said = text.rstrip(" \"'”’)")
    signed = said.endswith(_SIGNS)
    seldom = words[-1] in _SELDOM_LAST[language]
    if said.endswith(_BROKEN_OFF) or words[-1] in _NEVER_LAST[language] or (seldom and not signed):
        return "open"
    if not signed:
        return None
    return "brief" if seldom or len(words) <= BRIEF_WORDS else "whole"
