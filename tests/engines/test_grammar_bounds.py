"""Grammars that would end the process before anything is written."""

from __future__ import annotations

import pytest

from realtime.engines.grammar_bounds import DEEPEST, LONGEST, check_grammar
from realtime.errors import InvalidRequest


def nested(levels: int, within: str = '"a"') -> str:
    return f"root ::= {'(' * levels}{within}{')' * levels}"


@pytest.mark.parametrize(
    "grammar",
    [
        "",
        nested(DEEPEST),
        'root ::= ("a" | "b"){2} [(-)]+ "\\"("',
        f'root ::= [{"(" * 100}] "{"(" * 100}" # {"(" * 100}',
        "root ::= " + '("a") ' * 1000,
        f'root ::= "{"a" * (LONGEST - 11)}"',
    ],
)
def test_everyday_grammars_are_let_through(grammar: str) -> None:
    check_grammar(grammar)


@pytest.mark.parametrize(
    "grammar",
    [
        nested(DEEPEST + 1),
        nested(DEEPEST + 1, '")" [)\\]]'),
        f'root ::= "{")" * 100}" {nested(DEEPEST + 1)[9:]}',
        f"root ::= ( # {')' * 100}\n{nested(DEEPEST)[9:]} )",
        f'root ::= "{"a" * (LONGEST - 10)}"',
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(grammar: str) -> None:
    with pytest.raises(InvalidRequest, match="'grammar' has") as refused:
        check_grammar(grammar)
    assert refused.value.param == "grammar"
