"""From plain text to words: what a voice that can read numbers and prices would still get wrong.

Voices read plain numbers, prices, percentages, dates, times and most units by themselves. Here stands what they stumble
over: addresses of pages and people, telephone numbers, ranges, calculations, versions, and abbreviations whose full
stop looks like the end of a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

LONGEST_PATH_CHARACTERS = 30
"""Of an address, what is read after its host; nobody remembers more by ear, and the transcript shows it."""

_Reading: TypeAlias = "str | Callable[[re.Match[str]], str]"

_SIGNS: Mapping[str, str] = MappingProxyType(
    {".": " dot ", "/": " slash ", "-": " dash ", "_": " underscore ", "@": " at ", "+": " plus ", "~": " tilde "}
)
_FRACTIONS = ("", "", "half", "third", "quarter", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ABBREVIATIONS: Mapping[str, str] = MappingProxyType(
    {"e.g": "for example", "i.e": "that is", "approx": "approximately", "incl": "including", "excl": "excluding"}
)
_SPOONS: Mapping[str, str] = MappingProxyType({"tbsp": "tablespoon", "tsp": "teaspoon"})
_BEFORE_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        **{"no": "number", "nos": "numbers", "p": "page", "pp": "pages", "vol": "volume", "fig": "figure"},
        **{"figs": "figures", "ch": "chapter", "sec": "section", "art": "article", "eq": "equation"},
        **{"max": "maximum", "min": "minimum", "jan": "January", "feb": "February", "mar": "March", "apr": "April"},
        **{"jun": "June", "jul": "July", "aug": "August", "sep": "September", "sept": "September", "oct": "October"},
        **{"nov": "November", "dec": "December"},
    }
)


def in_words(text: str) -> str:
    """`text`, which holds no markdown any more, as a voice should be given it."""
    for pattern, reading in _READINGS:
        text = pattern.sub(reading, text)
    return _BLANK_BEFORE_MARK.sub("", _BLANKS.sub(" ", text)).strip()


def _spelled(text: str) -> str:
    """An address, a name or a path with its signs as words."""
    return re.sub(r"[./\-_@+~]", lambda sign: _SIGNS[sign[0]], text)


def _address(found: re.Match[str]) -> str:
    address = re.split(r"[?#]", found["address"])[0]
    host, _, path = address.partition("/")
    path = path.strip("/")
    return _spelled(f"{host}/{path}" if path and len(path) <= LONGEST_PATH_CHARACTERS else host).replace(":", " port ")


def _telephone(found: re.Match[str]) -> str:
    plus = "plus " if found[0].startswith("+") else ""
    return plus + ", ".join(" ".join(digits) for digits in re.findall(r"\d+", found[0]))


def _fraction(found: re.Match[str]) -> str:
    whole, above, below = found["whole"] or "", int(found["above"]), int(found["below"])
    if not 0 < above < below < len(_FRACTIONS):
        return found[0]
    name = _FRACTIONS[below] if above == 1 else f"{_FRACTIONS[below]}s"
    return f"{whole} and {above} {name}" if whole else f"{'one' if above == 1 else above} {name}"


def _spoons(found: re.Match[str]) -> str:
    is_one = re.search(r"(?:\b1|[½¼¾]|\b(?:an?|one|half|third|quarters?)) $", found.string[: found.start()])
    return _SPOONS[found[1].lower()] + ("" if is_one else "s")


def _any_of(words: Mapping[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NUMBER = r"[$£€]?\d+(?:[.,:]\d+)*(?:%| ?[ap]m\b)?"

_READINGS: tuple[tuple[re.Pattern[str], _Reading], ...] = tuple(
    (re.compile(pattern), reading)
    for pattern, reading in (
        # Emoji, and the invisible signs that join and colour them.
        (r"[\U0001F000-\U0001FAFF\u2600-\u27BF\u2B00-\u2BFF\u231A\u231B\u23E9-\u23FA\U000E0020-\U000E007F]+", " "),
        (r"[\uFE0F\u20E3\u200B-\u200D]", ""),
        # Addresses, names with dots in them, and paths.
        (r"(?<![\w.])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", lambda found: _spelled(found[0])),
        (r"\b(?:(?:https?|ftp)://(?:www\.)?|www\.)(?P<address>[^\s<>\"]*[^\s<>\".,;:!?)\]'*/])/?", _address),
        (
            r"(?<![\w.@/])(?P<address>[A-Za-z][\w-]*(?:\.[\w-]+)*\.[a-z][a-z0-9]+\b(?:/(?:[\w./-]*[\w/])?)?)",
            _address,
        ),
        (r"(?<!\S)~?(?:/[\w.-]*\w)+/?", lambda found: _spelled(found[0])),
        (r"(?<![\w.])\.(?=[A-Za-z]{2})", "dot "),
        (r"\b([CF])#(?!\w)", r"\1 sharp"),
        (r"(?<=\w)_+(?=\w)", " "),
        # Numbers that are names.
        (r"(?<![\w+-])\+(?=(?:\W{0,2}\d){7})\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?![\w-])", _telephone),
        (r"(?<![\w-])(?:\d-)?\(?\d{3}\)?[ .-]\d{3}[.-]\d{4}(?![\w-])", _telephone),
        (r"(?<![\w.-])\d{3}-\d{4}(?![\w-])", _telephone),
        (r"(?<![\w.])v(?=\d+\.\d)", "version "),
        (r"(?<![\w.])\d+(?:\.\d+){3}(?![\w.]\w)", lambda found: found[0].replace(".", " dot ")),
        (r"(?<![\w.])\d+\.\d+\.\d+(?![\w.]\w)", lambda found: found[0].replace(".", " point ")),
        (r"\b24/7\b", "24 7"),
        # Numbers with signs.
        (r"\bUS\$(?=\d)", "$"),
        (r"(?<![\w.])[-−](?=[$£€]\d)", "minus "),
        (r"(?<![\w.])−(?=\d)", "minus "),
        (r"(?<![\w.])\.(?=\d)", "0."),
        (r"(?<=\d) [-−] (?=\d)", " minus "),
        (r"(?<=\d) [/÷] (?=\d)", " divided by "),
        (r"(?<=\d)(?: [x×*] |[×*])(?=\d)", " times "),
        (r"(?<=\d)x(?=\d)", " by "),
        (rf"(?<![\w.,/:–-])({_NUMBER})(?:-| ?– ?)(?={_NUMBER}(?![\d–-]))", r"\1 to "),
        (r"(?<![\w.:])(\d{1,2}):(?=\d(?![\w:]))", r"\1 to "),
        (r"(?<![\w./])(?:(?P<whole>\d+) )?(?P<above>\d{1,2})/(?P<below>\d{1,2})(?![\w/]|\.\d)", _fraction),
        (r"(?<=\d[kMGT][bB])(?:/s|ps)\b|(?<=\d [kMGT][bB])(?:/s|ps)\b", " per second"),
        (r"≈ ?", "about "),
        (r"≤", "at most"),
        (r"≥", "at least"),
        (r"≠", "is not"),
        (r"√ ?", "the square root of "),
        # Abbreviations.
        (rf"(?i)(?<![\w.])({_any_of(_ABBREVIATIONS)})\.?(?!\w)", lambda found: _ABBREVIATIONS[found[1].lower()]),
        (rf"(?i)(?<![\w.])({_any_of(_SPOONS)})\.?(?!\w)", _spoons),
        (
            rf"(?i)(?<![\w.])({_any_of(_BEFORE_NUMBERS)})\. ?(?=\d)",
            lambda found: f"{_BEFORE_NUMBERS[found[1].lower()]} ",
        ),
    )
)
_BLANKS = re.compile(r"\s+")
_BLANK_BEFORE_MARK = re.compile(r"\s+(?=[,.;:!?](?:\s|$))")
