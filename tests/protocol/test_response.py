"""The life of one response by itself: what each step says at each stage, and what cannot happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from realtime.ids import counting_ids
from realtime.protocol import server_events as said
from realtime.protocol import wire
from realtime.protocol.config import Modality, PcmFormat
from realtime.protocol.conversation import Conversation
from realtime.protocol.items import Message
from realtime.protocol.response import Output, Plan, Response, Stage
from realtime.protocol.tool_servers import ToolServers
from tests.protocol.client import AUDIO_CLOSING, OPENING, TEXT_CLOSING
from tests.protocol.contract import check_event
from tests.protocol.timing import WATERFALL

PLAN = Plan(
    instructions="",
    modality="audio",
    output_format=PcmFormat(),
    voice="alloy",
    speed=1.0,
    max_output_tokens="inf",
    metadata=None,
    context=(),
    in_conversation=True,
)
CANCELLED = said.StatusDetails(type="cancelled", reason="client_cancelled")
SOUND = bytes(480)

Step = Callable[[Response], list[Output]]


def start(response: Response) -> list[Output]:
    response.start(())
    return []


def finish(response: Response) -> list[Output]:
    return response.finish("cancelled", CANCELLED)


STEPS: dict[str, Step] = {
    "start": start,
    "begin": Response.begin,
    "speak": lambda response: response.speak("Hi", SOUND, 2),
    "write": lambda response: response.write("Hi", 2),
    "begin call": lambda response: response.begin_call("call_1", "dance"),
    "write call": lambda response: response.write_call("call_1", "{}"),
    "end call": lambda response: response.end_call("call_1"),
    "time": lambda response: response.time(WATERFALL),
    "finish": finish,
}

STAGES: dict[str, list[str]] = {
    "waiting": [],
    "running": ["start"],
    "open": ["start", "begin"],
    "calling": ["start", "begin call"],
    "called": ["start", "begin call", "end call"],
    "waiting, done": ["finish"],
    "running, done": ["start", "finish"],
    "open, done": ["start", "begin", "finish"],
    "calling, done": ["start", "begin call", "finish"],
}

OUTSIDE = {"conversation.item.added", "conversation.item.done"}
DELTAS: dict[Modality, list[str]] = {
    "audio": ["response.output_audio_transcript.delta", "response.output_audio.delta"],
    "text": ["response.output_text.delta"],
}
CLOSING: dict[Modality, list[str]] = {"audio": AUDIO_CLOSING, "text": TEXT_CLOSING}
CALL_OPENING = ["response.output_item.added", "conversation.item.added"]
CALL_CLOSING = ["response.output_item.done", "conversation.item.done"]
CALL_WRITING = "response.function_call_arguments.delta"
CALL_DONE = ["response.function_call_arguments.done", *CALL_CLOSING]


def table(modality: Modality) -> dict[str, dict[str, list[str]]]:
    """For each stage what each step says; what is missing cannot happen."""
    deltas, say = DELTAS[modality], "speak" if modality == "audio" else "write"
    running = {"begin": OPENING, say: OPENING + deltas, "begin call": CALL_OPENING, "write call": [], "time": []}
    writing = {"write call": [CALL_WRITING], "end call": CALL_DONE}
    return {
        "waiting": {"start": [], "finish": ["response.done"]},
        "running": running | {"finish": ["response.done"]},
        "open": running | {"begin": [], say: deltas, "time": ["response.timing"], "finish": CLOSING[modality]},
        "calling": {
            "begin": OPENING,
            say: OPENING + deltas,
            **writing,
            "time": [],
            "finish": [*CALL_CLOSING, "response.done"],
        },
        "called": running | {"finish": ["response.done"]},
        "waiting, done": {},
        "running, done": {},
        "open, done": {},
        "calling, done": {},
    }


TABLES: dict[Modality, dict[str, dict[str, list[str]]]] = {"audio": table("audio"), "text": table("text")}


def at(stage: str, plan: Plan = PLAN, conversation: Conversation | None = None) -> Response:
    """A response that has come to `stage`."""
    conversation, new_id = conversation or Conversation("conv_1"), counting_ids()
    response = Response("resp_1", plan, conversation, ToolServers(conversation, new_id), new_id)
    for step in STAGES[stage]:
        STEPS[step](response)
    return response


def checked(outputs: list[Output]) -> list[str]:
    """The types of the events, once each has been held against the contract."""
    return [event["type"] for event in read(outputs)]


def read(outputs: list[Output]) -> list[dict[str, Any]]:
    """Events as a client reads them."""
    return [check_event(wire.encode(event, "event_1")) for event in outputs if isinstance(event, said.ServerEvent)]


@pytest.mark.parametrize("in_conversation", [True, False])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("modality", TABLES)
def test_each_step_at_each_stage_says_what_the_table_says(
    modality: Modality, stage: str, step: str, in_conversation: bool
) -> None:
    response, allowed = at(stage, _plan(modality, in_conversation)), TABLES[modality][stage]
    if step not in allowed:
        with pytest.raises((AssertionError, KeyError)):
            STEPS[step](response)
        return
    expected = [type_ for type_ in allowed[step] if in_conversation or type_ not in OUTSIDE]
    assert checked(STEPS[step](response)) == expected


def _plan(modality: Modality, in_conversation: bool = True) -> Plan:
    return replace(PLAN, modality=modality, in_conversation=in_conversation)


@pytest.mark.parametrize("stage", STAGES)
def test_a_response_knows_its_stage(stage: str) -> None:
    expected = Stage.DONE if "done" in stage else Stage.WAITING if stage == "waiting" else Stage.RUNNING
    assert at(stage).stage is expected


def test_a_response_is_announced_before_anything_is_known_of_it() -> None:
    (created,) = at("waiting").created()
    assert isinstance(created, said.ResponseCreated)
    assert (created.response.status, created.response.output) == ("in_progress", ())


@pytest.mark.parametrize(
    ("ending", "status"),
    [("completed", "completed"), ("cancelled", "incomplete"), ("incomplete", "incomplete"), ("failed", "incomplete")],
)
def test_the_item_ends_as_the_response_does(ending: said.Ending, status: str) -> None:
    response = at("open")
    response.speak("Hi", SOUND, 2)
    done = response.finish(ending, said.StatusDetails(type=ending))[-1]
    assert isinstance(done, said.ResponseDone)
    assert done.response.status == ending
    assert [item.status for item in done.response.output if isinstance(item, Message)] == [status]


def test_sound_without_words_is_sound_alone() -> None:
    assert checked(at("open").speak("", SOUND, 2)) == ["response.output_audio.delta"]


def test_words_without_sound_are_words_alone() -> None:
    assert checked(at("open").speak("Hi", b"", 2)) == ["response.output_audio_transcript.delta"]


def test_nothing_more_to_say_is_nothing() -> None:
    assert checked(at("open").speak("", b"", 2)) == []


def test_the_words_are_told_again_in_the_end() -> None:
    response = at("running")
    response.speak("Good ", SOUND, 2)
    response.speak("morning.", SOUND, 2)
    told = read(finish(response))
    content = [{"type": "output_audio", "transcript": "Good morning."}]
    assert told[1]["transcript"] == "Good morning."
    assert told[2]["part"] == {"type": "audio", "transcript": "Good morning."}
    assert [event["item"]["content"] for event in told[3:5]] == [content, content]
    assert told[5]["response"]["output"][0]["content"] == content


def test_the_text_is_told_again_in_the_end() -> None:
    response = at("running", _plan("text"))
    response.write("Good ", 1)
    response.write("morning.", 2)
    told = read(finish(response))
    content = [{"type": "output_text", "text": "Good morning."}]
    assert told[0]["text"] == "Good morning."
    assert told[1]["part"] == {"type": "text", "text": "Good morning."}
    assert [event["item"]["content"] for event in told[2:4]] == [content, content]
    assert told[4]["response"]["output"][0]["content"] == content


def test_an_answer_in_the_conversation_is_there_from_its_beginning_to_after_its_end() -> None:
    conversation = Conversation("conv_1")
    response = at("open", conversation=conversation)
    assert status_of(conversation) == "in_progress"
    finish(response)
    assert status_of(conversation) == "incomplete"


def status_of(conversation: Conversation) -> str:
    (item,) = conversation.items
    assert isinstance(item, Message)
    return item.status


def test_an_answer_outside_the_conversation_never_is() -> None:
    conversation = Conversation("conv_1")
    finish(at("open", _plan("audio", in_conversation=False), conversation))
    assert conversation.items == ()
