"""Long documents are cut between words, and nothing of them is lost."""

from __future__ import annotations

import pytest

from realtime.backend.passages import LONGEST, halves, passages

WORDS = "every word of it " * 500


@pytest.mark.parametrize("document", ["", "short", "x" * LONGEST, WORDS, "x" * 5000, "字" * 2500, " " * 3000])
def test_passages_are_all_of_the_document(document: str) -> None:
    pieces = passages(document)
    assert "".join(pieces) == document
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert all(pieces) or document == ""


def test_what_has_words_is_cut_between_them() -> None:
    assert all(piece.endswith(" ") for piece in passages(WORDS))
    assert len(passages(WORDS)) == -(-len(WORDS) // (LONGEST - 8))
    assert halves("one two three four") == ["one two ", "three four"]


@pytest.mark.parametrize("passage", ["ab", "a b", "abc", "字" * 9, "a" + " " * 8, WORDS])
def test_halves_are_two_and_all_of_it(passage: str) -> None:
    first, second = halves(passage)
    assert first + second == passage
    assert first
    assert second
