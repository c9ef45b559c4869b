"""Word error rate: how many words have to be changed, put in or taken out to turn one text into the other."""

from __future__ import annotations

import re

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBERS = {word: str(digit) for digit, word in enumerate(DIGITS)}
"""A number is heard right however it is written: the usual normalisation before words are compared."""


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return [NUMBERS.get(word, word) for word in re.findall(r"[a-z0-9']+", text.lower().replace("-", " "))]


def word_error_rate(heard: str, truth: str) -> float:
    """Levenshtein distance in words, as a share of the true words."""
    expected = words(truth)
    row = list(range(len(expected) + 1))
    for said, word in enumerate(words(heard), 1):
        diagonal, row[0] = row[0], said
        for place, true_word in enumerate(expected, 1):
            best = min(row[place] + 1, row[place - 1] + 1, diagonal + (word != true_word))
            diagonal, row[place] = row[place], best
    return row[-1] / max(len(expected), 1)
