"""Grammars that llama.cpp can at least read.

It calls itself for every bracket within another and every rule within another, until the process has no room left and
dies. How long it takes to write by a grammar no such check can tell: see `LlamaCppOptions.grammars`.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

from realtime.errors import InvalidRequest

LONGEST: Final = 16_384
"""Characters."""

DEEPEST: Final = 64
"""Brackets within brackets."""

_WORDS: Final = re.compile(r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^]\\])*\]|#[^\n]*', re.DOTALL)
"""Where a bracket is only a letter."""


def check_grammar(grammar: str) -> None:
    """Raise `InvalidRequest` for a GBNF grammar that is too long, or nested too deep, to be read."""
    if len(grammar) > LONGEST:
        raise InvalidRequest(f"'grammar' has {len(grammar)} characters; it may have up to {LONGEST}.", param="grammar")
    brackets = re.findall(r"[()]", _WORDS.sub("", grammar))
    depths = accumulate(1 if bracket == "(" else -1 for bracket in brackets)
    if max(depths, default=0) > DEEPEST:
        raise InvalidRequest(f"'grammar' has more than {DEEPEST} brackets within brackets.", param="grammar")
