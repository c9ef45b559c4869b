"""What a server can do: what it cannot is refused by name, and what it can is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from realtime.errors import InvalidRequest
from realtime.protocol.config import SessionConfig
from realtime.protocol.effects import StartReply
from realtime.protocol.tools import FunctionTool
from tests.protocol.client import MODEST, OFFER, Client
from tests.protocol.shop import SHOP

CONFIG = SessionConfig(model="parrot")
HEARD = "session.audio.input"
DANCE = {"type": "function", "name": "dance"}

SETTINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"tools": [DANCE]}, "unsupported_value", "session.tools"),
    ({"tools": [SHOP]}, "unsupported_value", "session.tools"),
    ({"reasoning": {"effort": "low"}}, "unsupported_value", "session.reasoning.effort"),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.5}},
        "unsupported_value",
        "session.truncation",
    ),
    (
        {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
        "unsupported_value",
        f"{HEARD}.turn_detection.type",
    ),
    ({"audio": {"input": {"transcription": {"language": "de"}}}}, "invalid_value", f"{HEARD}.transcription.language"),
    (
        {"audio": {"input": {"transcription": {"languages": ["en", "fr"]}}}},
        "invalid_value",
        f"{HEARD}.transcription.languages[1]",
    ),
    ({"audio": {"output": {"voice": "otto"}}}, "invalid_value", "session.audio.output.voice"),
    ({"prompt": {"id": "greeting", "variables": {}}}, "prompt_not_found", "session.prompt.id"),
]


@pytest.mark.parametrize(("settings", "code", "param"), SETTINGS)
def test_a_server_refuses_by_name_what_it_cannot_do(settings: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        MODEST.accept(CONFIG, {"type": "realtime"} | settings)
    assert (caught.value.reason, caught.value.param) == (code, param)


@pytest.mark.parametrize("settings", [settings for settings, _, _ in SETTINGS[:-2]])
def test_a_server_accepts_what_it_can_do(settings: dict[str, Any]) -> None:
    assert OFFER.accept(CONFIG, {"type": "realtime"} | settings) != CONFIG


@pytest.mark.parametrize(
    "settings",
    [
        {"tools": []},
        {"tool_choice": "required"},
        {"parallel_tool_calls": False},
        {"temperature": 2},
        {"truncation": "auto"},
        {"truncation": "disabled"},
        {"tracing": None},
        {"prompt": None},
        {"reasoning": {}},
        {"include": None},
        {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
        {"audio": {"input": {"transcription": {"language": "en-GB", "keywords": ["tea"], "delay": "low"}}}},
        {"audio": {"input": {"transcription": {"languages": ["en_GB", "EN"]}}}},
        {"audio": {"input": {"turn_detection": {"idle_timeout_ms": 5000}}}},
    ],
)
def test_what_needs_no_ability_is_accepted_everywhere(settings: dict[str, Any]) -> None:
    MODEST.accept(CONFIG, {"type": "realtime"} | settings)


def test_a_session_cannot_begin_with_what_the_server_cannot_do() -> None:
    with pytest.raises(InvalidRequest, match="cannot call functions"):
        Client(offer=MODEST, tools=(FunctionTool(name="dance"),))


def test_a_server_without_mcp_still_has_functions() -> None:
    client = Client(offer=replace(OFFER, mcp=False))
    client.open()
    assert client.update(tools=[DANCE]).names == ["session.updated", "ReadAhead"]
    assert client.update(tools=[DANCE, SHOP]).fault == ("unsupported_value", "session.tools[1]")


# --- prompts -----------------------------------------------------------------------------------------------------

GREETING = {"id": "greeting", "variables": {"name": "Ada", "tone": {"type": "input_text", "text": "kind"}}}


def test_a_stored_prompt_is_the_sessions_instructions(client: Client) -> None:
    told = client.update(prompt=GREETING).event("session.updated")["session"]
    assert told["instructions"] == "Greet Ada in kind words."
    assert told["prompt"]["id"] == "greeting"


def test_instructions_given_beside_a_prompt_are_kept(client: Client) -> None:
    told = client.update(prompt=GREETING, instructions="Be brief.").event("session.updated")["session"]
    assert told["instructions"] == "Be brief."


def test_a_prompt_said_again_does_not_undo_later_instructions(client: Client) -> None:
    client.update(prompt=GREETING)
    client.update(instructions="Be brief.")
    assert client.update(prompt=GREETING).event("session.updated")["session"]["instructions"] == "Be brief."


def test_a_response_may_have_a_prompt_of_its_own(client: Client) -> None:
    start = client.send("response.create", response={"prompt": GREETING}).effect(StartReply)
    assert start.instructions == "Greet Ada in kind words."


def test_what_a_client_puts_into_a_prompt_is_words_and_nothing_more(client: Client) -> None:
    prompt = GREETING | {"variables": {"name": "{{tone}}", "tone": r"\1"}}
    told = client.update(prompt=prompt).event("session.updated")["session"]
    assert told["instructions"] == r"Greet {{tone}} in \1 words."


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"id": "farewell"}, "prompt_not_found", "session.prompt.id"),
        ({"version": "1"}, "prompt_not_found", "session.prompt.id"),
        ({"variables": {}}, "invalid_value", "session.prompt.variables"),
        ({"variables": {"name": "Ada"}}, "invalid_value", "session.prompt.variables"),
        ({"variables": {"name": "Ada", "tone": "kind", "age": "36"}}, "invalid_value", "session.prompt.variables"),
        ({"variables": {"name": 5, "tone": "kind"}}, "invalid_type", "session.prompt.variables[...]"),
    ],
)
def test_a_prompt_that_is_not_there_or_not_filled_in_is_refused(
    changed: dict[str, Any], code: str, param: str, client: Client
) -> None:
    assert client.update(prompt=GREETING | changed).fault == (code, param)


def test_a_prompts_version_may_be_named(client: Client) -> None:
    assert client.update(prompt=GREETING | {"version": "2"}).names == ["session.updated", "ReadAhead"]
