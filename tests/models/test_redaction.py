"""What other programs say goes into our messages on one line and without secrets."""

from __future__ import annotations

import pytest

from realtime.models.redaction import one_line


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Looking in https://me:hunter2@index.example/simple", "Looking in https://***@index.example/simple"),
        ("GET https://cdn.example/f.bin?X-Signature=abc&e=1 failed", "GET https://cdn.example/f.bin?*** failed"),
        ("token hf_AbCdEfGhIjKlMnOp was refused", "token *** was refused"),
        ("header 'Authorization: Bearer abc.def'", "header 'Authorization: ***"),
        ("two\n  lines\t here ", "two lines here"),
    ],
)
def test_secrets_and_line_breaks_go(said: str, kept: str) -> None:
    assert one_line(said) == kept


def test_a_flood_is_cut() -> None:
    assert one_line("x" * 1000, limit=10) == "x" * 10 + "…"
