"""What a language is called."""

from __future__ import annotations

import pytest

from realtime.languages import language_code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de_AT", "de"),
        ("zh-Hant_TW", "zh"),
        ("sr_Latn-RS", "sr"),
        (" en\n", "en"),
        ("auto", "auto"),
        ("", ""),
        (" ", ""),
    ],
)
def test_a_language_has_one_code_however_it_is_written(name: str, code: str) -> None:
    assert language_code(name) == code
