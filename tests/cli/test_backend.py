"""What the command makes of the settings; what it serves is tested in tests/backend/test_alone.py."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.cli.backend import _with_grammars
from realtime.settings import load_settings


@pytest.mark.parametrize(
    ("chat", "options"),
    [
        ({}, {"grammars": True}),
        ({"slots": 3}, {"grammars": True, "slots": 3}),
        ({"grammars": False}, {"grammars": False}),
        ({"engine": "openai", "model": "m"}, {"model": "m"}),
    ],
)
def test_grammars_are_allowed_unless_the_operator_forbids_them(chat: dict[str, Any], options: dict[str, Any]) -> None:
    settings = load_settings(None, {}, {"chat": chat})
    assert _with_grammars(settings).chat.options == options
    assert load_settings(None, {}, {}).chat.options == {}  # the default is nobody's to change
