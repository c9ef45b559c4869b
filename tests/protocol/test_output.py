"""A response's output: words and calls side by side, each told from its beginning to its end."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.protocol import reports
from realtime.protocol.effects import StartReply
from realtime.protocol.items import FunctionCall, FunctionCallOutput
from tests.protocol.client import AUDIO_CLOSING, Client, Told

DANCE = {"type": "function", "name": "dance"}
SING = {"type": "function", "name": "sing"}
OPENED = ["response.output_item.added", "conversation.item.added"]
WRITTEN = "response.function_call_arguments.delta"
WHOLE = ["response.function_call_arguments.done", "response.output_item.done", "conversation.item.done"]


@pytest.fixture
def able(client: Client) -> Client:
    """A client whose model may dance and sing."""
    client.update(tools=[DANCE, SING])
    return client


def began(client: Client, response_id: str, call_id: str = "call_1", name: str = "dance") -> Told:
    return client.report(reports.CallBegan(response_id=response_id, call_id=call_id, name=name))


def wrote(client: Client, response_id: str, text: str, call_id: str = "call_1") -> Told:
    return client.report(reports.CallWrote(response_id=response_id, call_id=call_id, text=text))


def ended(client: Client, response_id: str, call_id: str = "call_1") -> Told:
    return client.report(reports.CallEnded(response_id=response_id, call_id=call_id))


def output(told: Told) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = told.event("response.done")["response"]["output"]
    return items


def test_a_call_is_told_while_it_is_written(able: Client) -> None:
    response_id = able.create()
    assert began(able, response_id).names == OPENED
    assert wrote(able, response_id, '{"steps"').names == [WRITTEN]
    assert wrote(able, response_id, ":2}").names == [WRITTEN]
    assert ended(able, response_id).names == WHOLE
    assert able.finish(response_id, "tool_calls").names == ["response.done"]


def test_a_call_is_told_whole_in_the_end(able: Client) -> None:
    response_id = able.create()
    told = able.call(response_id, "dance", '{"steps":2}', call_id="call_7").event(WHOLE[0])
    assert (told["name"], told["call_id"], told["arguments"]) == ("dance", "call_7", '{"steps":2}')
    (item,) = output(able.finish(response_id, "tool_calls"))
    assert (item["status"], item["arguments"], item["call_id"]) == ("completed", '{"steps":2}', "call_7")


def test_a_response_that_calls_is_complete(able: Client) -> None:
    response_id = able.create()
    able.call(response_id, "dance")
    response = able.finish(response_id, "tool_calls").event("response.done")["response"]
    assert (response["status"], response["status_details"]) == ("completed", {"type": "completed"})


def test_several_calls_may_be_written_at_once(able: Client) -> None:
    response_id = able.create()
    began(able, response_id, "call_1", "dance")
    began(able, response_id, "call_2", "sing")
    wrote(able, response_id, '{"a":1}', "call_2")
    wrote(able, response_id, "{}", "call_1")
    assert ended(able, response_id, "call_2").event(WHOLE[0])["output_index"] == 1
    assert ended(able, response_id, "call_1").event(WHOLE[0])["output_index"] == 0
    items = output(able.finish(response_id, "tool_calls"))
    assert [(item["name"], item["arguments"]) for item in items] == [("dance", "{}"), ("sing", '{"a":1}')]


def test_words_and_calls_stand_in_the_order_they_were_begun(able: Client) -> None:
    response_id = able.create()
    able.say(response_id, "Let me dance.", 20)
    able.call(response_id, "dance")
    told = able.finish(response_id, "tool_calls")
    assert told.names == AUDIO_CLOSING
    assert [item["type"] for item in output(told)] == ["message", "function_call"]


def test_words_after_a_call_go_on_where_they_were(able: Client) -> None:
    response_id = able.create()
    able.say(response_id, "One, ", 20)
    able.call(response_id, "dance")
    able.say(response_id, "two.", 20)
    message, _ = output(able.finish(response_id))
    assert message["content"][0]["transcript"] == "One, two."


@pytest.mark.parametrize("how", ["cancelled", "failed", "length"])
def test_a_call_broken_off_is_not_told_as_whole(how: str, able: Client) -> None:
    response_id = able.create()
    began(able, response_id)
    wrote(able, response_id, '{"steps"')
    match how:
        case "cancelled":
            told = able.send("response.cancel")
        case "failed":
            told = able.fail(response_id)
        case _:
            told = able.finish(response_id, "length")
    assert WHOLE[0] not in told.names
    (item,) = output(told)
    assert (item["status"], item["arguments"]) == ("incomplete", '{"steps"')


def test_calls_outside_the_conversation_are_told_and_not_kept(able: Client) -> None:
    response_id = able.create(conversation="none", input=[])
    assert began(able, response_id).names == OPENED[:1]
    assert ended(able, response_id).names == WHOLE[:2]
    assert able.order == []


def test_a_call_is_retrieved_as_it_was_told(able: Client) -> None:
    response_id = able.create()
    item = able.call(response_id, "dance").event("conversation.item.done")["item"]
    assert able.retrieve(item["id"]) == item


def test_the_next_response_reads_the_call_and_what_came_of_it(able: Client) -> None:
    response_id = able.create()
    able.call(response_id, "dance", call_id="call_7")
    able.finish(response_id, "tool_calls")
    result = {"type": "function_call_output", "call_id": "call_7", "output": "danced"}
    able.send("conversation.item.create", item=result)
    read = able.send("response.create").effect(StartReply).items
    assert [type(item) for item in read] == [FunctionCall, FunctionCallOutput]
