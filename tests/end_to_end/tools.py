"""A tool that clients offer, and what it says."""

from __future__ import annotations

from typing import Any

GET_TIME: dict[str, Any] = {
    "type": "function",
    "name": "get_time",
    "description": "Tells the time.",
    "parameters": {
        "type": "object",
        "properties": {"clock": {"type": "string", "enum": ["kitchen", "station"]}},
        "required": ["clock"],
    },
}

QUARTER_PAST_NINE = "It is a quarter past nine."
