"""What a response will be: what was asked of it, and the session's choices for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol.config import CustomVoice, PcmaFormat, PcmFormat
from realtime.protocol.conversation import text_of
from realtime.protocol.effects import StartReply
from tests.protocol.client import MODEST, Client, Told


def ask(client: Client, **response: Any) -> Told:
    return client.send("response.create", response=response)


def started(client: Client, **response: Any) -> StartReply:
    return ask(client, **response).effect(StartReply)


def message(words: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]} | fields


CHOSEN: dict[str, Any] = {
    "instructions": "Be brief.",
    "output_modalities": ["text"],
    "max_output_tokens": 100,
    "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": {"id": "anna"}}},
}


@pytest.mark.parametrize("response", [None, {}])
def test_a_response_is_what_the_session_chose(response: dict[str, Any] | None, client: Client) -> None:
    client.update(**CHOSEN)
    client.update(audio={"output": {"speed": 1.5}})
    start = client.send("response.create", response=response).effect(StartReply)
    assert (start.instructions, start.modality, start.max_output_tokens) == ("Be brief.", "text", 100)
    assert (start.output_format, start.voice, start.speed) == (PcmaFormat(), CustomVoice(id="anna"), 1.5)


def test_a_response_need_not_be_described_at_all(client: Client) -> None:
    assert client.send("response.create").names == ["response.created", "StartReply"]


def test_a_response_may_choose_for_itself(client: Client) -> None:
    start = started(client, **CHOSEN)
    assert (start.instructions, start.modality, start.max_output_tokens) == ("Be brief.", "text", 100)
    assert (start.output_format, start.voice, start.speed) == (PcmaFormat(), CustomVoice(id="anna"), 1.0)


def test_a_response_may_have_no_instructions_where_the_session_has_some(client: Client) -> None:
    client.update(instructions="Be brief.")
    assert started(client, instructions="").instructions == ""


def test_what_a_response_chose_does_not_stay(client: Client) -> None:
    client.finish(client.create(**CHOSEN))
    start = started(client)
    assert (start.instructions, start.modality, start.max_output_tokens) == ("", "audio", "inf")
    assert (start.output_format, start.voice) == (PcmFormat(), "alloy")


def test_a_response_keeps_its_settings_when_the_sessions_change(client: Client) -> None:
    item_id = client.speak()
    client.update(instructions="Be brief.", output_modalities=["text"])
    start = client.hear_all(item_id, "Hello.").effect(StartReply)
    assert (start.instructions, start.modality) == ("", "audio")


def test_the_client_is_shown_the_plan(client: Client) -> None:
    created = ask(client, **CHOSEN, metadata={"topic": "tea"}).event("response.created")["response"]
    assert created == {
        "id": "resp_1",
        "object": "realtime.response",
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["text"],
        "max_output_tokens": 100,
        "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "anna"}},
        "usage": None,
        "metadata": {"topic": "tea"},
    }


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"tools": [{"type": "function", "name": "dance"}]}, "response.tools"),
        ({"reasoning": {"effort": "low"}}, "response.reasoning.effort"),
    ],
)
def test_what_the_server_cannot_do_is_refused_by_name(response: dict[str, Any], param: str) -> None:
    assert ask(Client(offer=MODEST), **response).fault == ("unsupported_value", param)


# --- context -----------------------------------------------------------------------------------------------------


def words(start: StartReply) -> list[str]:
    return [text_of(item) for item in start.items]


def test_a_response_reads_the_conversation(client: Client) -> None:
    client.write("two", id="b")
    client.write("one", id="a", after="root")
    assert words(started(client)) == ["one", "two"]


def test_a_response_may_bring_its_own_context(client: Client) -> None:
    client.write("one")
    assert words(started(client, input=[message("two"), message("three")])) == ["two", "three"]


def test_an_empty_context_is_one(client: Client) -> None:
    client.write("one")
    assert started(client, input=[]).items == ()


def test_a_response_may_refer_to_items(client: Client) -> None:
    client.write("one", id="a")
    client.write("two", id="b")
    given = [{"type": "item_reference", "id": "b"}, message("three"), {"type": "item_reference", "id": "a"}]
    assert words(started(client, input=given)) == ["two", "three", "one"]


def test_a_reference_to_an_item_nobody_knows_is_named(client: Client) -> None:
    given = [message("one"), {"type": "item_reference", "id": "a"}]
    assert ask(client, input=given).fault == ("item_not_found", "response.input[1].id")


def test_a_responses_own_items_do_not_enter_the_conversation(client: Client) -> None:
    client.create(input=[message("one", id="a")])
    assert client.send("conversation.item.retrieve", item_id="a").error["code"] == "item_not_found"


def test_a_responses_own_item_may_look_like_one_of_the_conversation(client: Client) -> None:
    client.write("one", id="a")
    assert words(started(client, input=[message("two", id="a")])) == ["two"]


def test_a_response_refers_to_items_as_they_are_when_it_starts(push_to_talk: Client) -> None:
    client = push_to_talk
    item_id = client.commit()
    told = ask(client, input=[{"type": "item_reference", "id": item_id}])
    assert told.names == ["response.created"]
    assert words(client.hear_all(item_id, "Hello.").effect(StartReply)) == ["Hello."]


def test_a_response_does_not_wait_for_words_it_does_not_read(push_to_talk: Client) -> None:
    push_to_talk.commit()
    assert ask(push_to_talk, input=[message("one")]).names == ["response.created", "StartReply"]


def test_a_responses_own_item_that_looks_like_one_without_words_is_not_waited_for(push_to_talk: Client) -> None:
    item_id = push_to_talk.commit()
    assert words(started(push_to_talk, input=[message("one", id=item_id)])) == ["one"]


def test_what_comes_after_a_response_was_asked_for_is_not_its_business(push_to_talk: Client) -> None:
    client = push_to_talk
    item_id = client.commit()
    client.create()
    client.commit()
    client.write("three")
    assert words(client.hear_all(item_id, "one").effect(StartReply)) == ["one"]


def test_an_item_deleted_before_a_response_starts_is_not_read(push_to_talk: Client) -> None:
    client = push_to_talk
    client.write("one", id="a")
    item_id = client.commit()
    client.create()
    client.send("conversation.item.delete", item_id="a")
    assert words(client.hear_all(item_id, "two").effect(StartReply)) == ["two"]


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (message("", content=[{"type": "output_text", "text": "one"}]), "invalid_value", "content[0].type"),
        (
            message("", content=[{"type": "input_image", "image_url": "file:///etc/passwd"}]),
            "invalid_value",
            "content[0].image_url",
        ),
        (message("", content=[{"type": "input_audio", "audio": "AAAA"}]), "unsupported_content_type", "content"),
        (message("", content=[{"type": "input_audio"}]), "missing_required_parameter", "content[0].audio"),
    ],
)
def test_what_the_conversation_would_not_take_a_response_does_not_take_either(
    item: dict[str, Any], code: str, param: str, client: Client
) -> None:
    assert ask(client, input=[message("one"), item]).fault == (code, f"response.input[1].{param}")


def test_audio_with_words_may_stand_in_a_responses_own_context(client: Client) -> None:
    part = {"type": "input_audio", "audio": "AAAA", "transcript": "Hello."}
    assert words(started(client, input=[message("", content=[part])])) == ["Hello."]


# --- tools -------------------------------------------------------------------------------------------------------

DANCE = {"type": "function", "name": "dance", "description": "Dances.", "parameters": {"type": "object"}}
SING = {"type": "function", "name": "sing"}


def tools(start: StartReply) -> list[str]:
    return [tool.name for tool in start.tools]


def test_a_response_has_the_sessions_tools(client: Client) -> None:
    client.update(tools=[DANCE, SING], tool_choice="required", parallel_tool_calls=False)
    start = started(client)
    assert (tools(start), start.tool_choice, start.parallel_tool_calls) == (["dance", "sing"], "required", False)
    assert start.tools[0].description == "Dances."


def test_a_response_may_have_tools_of_its_own(client: Client) -> None:
    client.update(tools=[DANCE])
    assert tools(started(client, tools=[SING])) == ["sing"]


def test_a_response_may_have_no_tools_where_the_session_has_some(client: Client) -> None:
    client.update(tools=[DANCE], tool_choice="required")
    start = started(client, tools=[])
    assert (tools(start), start.tool_choice) == ([], "auto")


def test_a_response_may_choose_among_the_sessions_tools(client: Client) -> None:
    client.update(tools=[DANCE, SING])
    start = started(client, tool_choice={"type": "function", "name": "sing"})
    assert (tools(start), start.tool_choice) == (["dance", "sing"], "sing")


def test_the_sessions_choice_does_not_hold_for_a_responses_own_tools(client: Client) -> None:
    client.update(tools=[DANCE], tool_choice={"type": "function", "name": "dance"})
    assert started(client, tools=[SING]).tool_choice == "auto"


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"tool_choice": {"type": "function", "name": "sing"}}, "invalid_value", "response.tool_choice.name"),
        ({"tools": [], "tool_choice": "required"}, "invalid_value", "response.tool_choice"),
        ({"tools": [SING, SING]}, "invalid_value", "response.tools[1].name"),
        (
            {"tools": [{"type": "function", "name": "sing", "parameters": {"required": 5}}]},
            "invalid_function_parameters",
            "response.tools[0].parameters.required",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "shop"}]},
            "missing_required_parameter",
            "response.tools[0].server_url",
        ),
    ],
)
def test_tools_that_could_not_work_are_named(response: dict[str, Any], code: str, param: str, client: Client) -> None:
    client.update(tools=[DANCE])
    assert ask(client, **response).fault == (code, param)


@pytest.mark.parametrize(
    ("asked", "planned"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"reasoning": {"effort": "high"}}, {"effort": "high"}),
        ({"parallel_tool_calls": True}, {"parallel_tool_calls": True}),
        ({}, {"temperature": 0.2, "effort": "low", "parallel_tool_calls": False, "truncation": "disabled"}),
    ],
)
def test_how_the_model_answers_is_the_sessions_choice_unless_the_response_has_one(
    asked: dict[str, Any], planned: dict[str, Any], client: Client
) -> None:
    client.update(temperature=0.2, reasoning={"effort": "low"}, parallel_tool_calls=False, truncation="disabled")
    start = started(client, **asked)
    assert {name: getattr(start, name) for name in planned} == planned


def test_where_nobody_chooses_the_model_does(client: Client) -> None:
    start = started(client)
    assert (start.temperature, start.effort, start.parallel_tool_calls, start.truncation) == (None, None, True, "auto")
