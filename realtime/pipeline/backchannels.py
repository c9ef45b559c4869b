"""What people say while they listen: "mm-hmm", "yeah", "I see". It asks nobody to stop.

The words alone cannot tell everything: "yes" is an answer after a question, and who decides about that knows whether
there is still something to listen to. Here stands only which words can be meant so, per language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_SOUNDS = (
    r"m+|h*m+h*m*|m+ h*m+|m+ h+|u+h+|u+m+|er+m*|a+h+|o+h+|oo+h?|eh|aha+|huh|uh? huh|m h m|em|phew|w+o+w+|"
    r"(ha)+( (ha)+)*|hah"
)
_ENGLISH = (
    "yeah|yea|yah|ya|yep|yup|yes|ok|okay|o k|kay|right|all right|alright|i see|sure|really|cool|nice|great|good|fine|"
    "exactly|of course|got it|got you|gotcha|i know|i understand|understood|interesting|true|that s true|absolutely|"
    "definitely|indeed|totally|makes sense|that makes sense|perfect|amazing|awesome|lovely|fair enough|no way|"
    "thank you|thanks|you|oh my god|oh my|my god|gosh|oh dear|i guess|sounds good|good to know|very good|very nice|"
    "oh no|well|bye|is it|is that so|oh really|go on|go ahead|continue|keep going|please go on|please continue"
)
"""`you`, `bye` and `thank you` are also what Whisper hears in noise, and `well` in "wow"."""

BACKCHANNELS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {"en": re.compile(rf"((?:{_SOUNDS}|{_ENGLISH})(?: |$))+")}
)
"""By ISO-639-1 code: matches, as a whole, text that says no more than that somebody listens."""


HINTS: Mapping[str, str] = MappingProxyType({"en": "Mm-hmm. Uh-huh. Yeah. Right. Okay. I see."})
"""What a transcriber is told to expect: without it, Whisper makes names of "mm-hmm" and "it has" of "uh-huh"."""


def plain(text: str) -> str:
    """`text` in small letters, with single blanks for all that is no letter or digit."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def is_backchannel(text: str, language: str | None = "en") -> bool:
    """Whether `text` says no more than that somebody listens; what says nothing at all does not say that either.

    In a language without a table nothing is a backchannel; None, an unknown one, is taken for English.
    """
    table = BACKCHANNELS.get(language or "en")
    return bool(table and (words := plain(text)) and table.fullmatch(words))
