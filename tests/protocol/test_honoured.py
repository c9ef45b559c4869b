"""A setting that is accepted is kept: each leads to something else than before, and not only in what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import effects, reports
from tests.protocol.client import OFFER, Client
from tests.protocol.shop import SHOP

DANCE = {"type": "function", "name": "dance"}

SETTINGS: list[dict[str, Any]] = [
    {"instructions": "Be brief."},
    {"output_modalities": ["text"]},
    {"max_output_tokens": 7},
    {"tools": [DANCE]},
    {"tools": [SHOP]},
    {"tools": [DANCE], "tool_choice": "required"},
    {"tools": [DANCE], "tool_choice": {"type": "function", "name": "dance"}},
    {"parallel_tool_calls": False},
    {"temperature": 0.3},
    {"truncation": "disabled"},
    {"truncation": {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 90}}},
    {"tracing": {"workflow_name": "tea"}},
    {"include": ["item.input_audio_transcription.logprobs"], "audio": {"input": {"transcription": {}}}},
    {"audio": {"output": {"voice": "anna"}}},
    {"audio": {"output": {"speed": 1.5}}},
    {"audio": {"output": {"format": {"type": "audio/pcmu"}}}},
    {"audio": {"input": {"format": {"type": "audio/pcma"}}}},
    {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
    {"audio": {"input": {"echo_cancellation": {"type": "server"}}}},
    {"audio": {"input": {"transcription": {"delay": "low"}}}},
    {"audio": {"input": {"transcription": {"language": "en"}}}},
    {"audio": {"input": {"transcription": {"prompt": "Tea."}}}},
    {"audio": {"input": {"transcription": {"keywords": ["tea"]}}}},
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"turn_detection": {"create_response": False}}}},
    {"audio": {"input": {"turn_detection": {"interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {"idle_timeout_ms": 6000}}}},
    {"audio": {"input": {"turn_detection": {"threshold": 0.9}}}},
]


def life_with(**session: Any) -> list[object]:
    """All that a conversation leads to, its settings being shown apart: two turns by voice, the second a barge-in."""
    client = Client(offer=OFFER)
    told = [client.open(), client.update(**session), client.append_ms(300), client.begin_speech(100)]
    ended = client.end_speech()
    item_id = client.order[-1] if client.order else "none"
    word = reports.HeardWord("Hello.", -0.1)
    told += [
        ended,
        client.report(reports.Heard(item_id=item_id, text="Hello.", words=(word,))),
        client.report(reports.HeardAll(item_id=item_id, text="Hello.", speech_seconds=1.0, words=(word,))),
        client.write("And a cake, please."),
        client.begin_speech(2000),
    ]
    if not client.witness.live:
        told += [client.send("response.create")]
    told += [client.send("response.cancel")]
    shown = ("session.created", "session.updated")
    return [
        output for step in told for output in step.outputs if not (isinstance(output, dict) and output["type"] in shown)
    ]


USUAL = life_with()


@pytest.mark.parametrize("session", SETTINGS, ids=str)
def test_what_is_accepted_is_kept(session: dict[str, Any]) -> None:
    assert life_with(**session) != USUAL


def test_what_changes_nothing_leads_to_the_same() -> None:
    """Or the test above could not fail."""
    assert life_with(output_modalities=["audio"]) == USUAL


@pytest.mark.parametrize(
    ("response", "field", "value"),
    [
        ({"instructions": "Be brief."}, "instructions", "Be brief."),
        ({"output_modalities": ["text"]}, "modality", "text"),
        ({"max_output_tokens": 7}, "max_output_tokens", 7),
        ({"temperature": 0.3}, "temperature", 0.3),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", False),
        ({"audio": {"output": {"speed": 0.5}}}, "speed", 0.5),
        ({"audio": {"output": {"voice": "anna"}}}, "voice", "anna"),
        ({"tools": [DANCE], "tool_choice": "required"}, "tool_choice", "required"),
        ({"input": []}, "items", ()),
    ],
    ids=str,
)
def test_what_a_response_asks_for_reaches_the_pipeline(response: dict[str, Any], field: str, value: object) -> None:
    client = Client(offer=OFFER)
    client.open()
    client.write("Hello.")
    usual = client.send("response.create").effect(effects.StartReply)
    client.send("response.cancel")
    reply = client.send("response.create", response=response).effect(effects.StartReply)
    assert getattr(reply, field) == value != getattr(usual, field)
