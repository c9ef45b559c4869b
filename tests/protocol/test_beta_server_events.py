"""What the server says, in the beta's words: held against OpenAI's types, event by event."""

from __future__ import annotations

import json
from typing import Any, TypedDict

import msgspec
import pytest

from realtime.protocol import beta, wire
from realtime.protocol import server_events as said
from realtime.protocol.beta.server_events import RENAMED, RETOLD, UNCHANGED
from realtime.protocol.config import PcmaFormat, first_config
from realtime.protocol.interruption import OutputDucked, OutputResumed
from realtime.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    ListedTool,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
    OutputText,
)
from realtime.protocol.session_object import describe_session
from realtime.protocol.timing import ResponseTiming
from tests.protocol.beta_contract import SERVER_EVENTS as BETA_EVENTS
from tests.protocol.beta_contract import check_beta_event
from tests.protocol.contract import EXTENSIONS, SERVER_EVENTS, ContractBroken, events_said
from tests.protocol.timing import WATERFALL

NOT_TOLD = {
    "conversation.item.done",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.timeout_triggered",
    "input_audio_buffer.dtmf_event_received",
    *(f"mcp_list_tools.{what}" for what in ("in_progress", "completed", "failed")),
    *(f"response.mcp_call.{what}" for what in ("in_progress", "completed", "failed")),
    *(f"response.mcp_call_arguments.{what}" for what in ("delta", "done")),
    *EXTENSIONS,
}
"""What the beta has no word for, or says with another event."""

OF_THE_SESSION = {"session.created", "session.updated"}

SPOKEN = Message(id="item_2", role="assistant", content=(OutputAudio(transcript="Hello."),))


class Place(TypedDict):
    """Which output item an event is about."""

    response_id: str
    item_id: str
    output_index: int


IN_RESPONSE: Place = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0}
LOGPROBS = (said.LogProbability(token="Hi", bytes=(72, 105), logprob=-0.1),)
SESSION = describe_session(first_config("parrot", "Be kind."), "sess_1", None)


def response_with(*output: Item, **changes: Any) -> said.ResponseObject:
    sound = said.OutputVoice(format=PcmaFormat(), voice="alloy")
    response = said.ResponseObject(
        id="resp_1",
        status="failed",
        status_details=said.StatusDetails(
            type="failed", error=said.ResponseError(type="server_error", code="engine_failed", message="It broke.")
        ),
        output=output,
        conversation_id="conv_1",
        output_modalities=("audio",),
        max_output_tokens="inf",
        audio=said.OutputSettings(output=sound),
        usage=said.Usage(
            total_tokens=3,
            input_tokens=2,
            output_tokens=1,
            input_token_details=said.InputTokens(text_tokens=2),
            output_token_details=said.OutputTokens(text_tokens=1),
        ),
        metadata={"topic": "tea"},
    )
    return msgspec.structs.replace(response, **changes)


EXAMPLES: list[said.ServerEvent] = [
    said.Error(error=said.ErrorDetail(type="server_error", code="engine_failed", message="It broke.")),
    said.SessionCreated(session=SESSION),
    said.SessionUpdated(session=SESSION),
    said.ConversationCreated(conversation=said.ConversationObject(id="conv_1")),
    said.SpeechStarted(audio_start_ms=1, item_id="item_1"),
    said.SpeechStopped(audio_end_ms=2, item_id="item_1"),
    said.AudioCommitted(previous_item_id=None, item_id="item_1"),
    said.AudioCleared(),
    said.TimeoutTriggered(audio_start_ms=1, audio_end_ms=2, item_id="item_1"),
    said.ItemAdded(previous_item_id=None, item=SPOKEN),
    said.ItemDone(previous_item_id=None, item=SPOKEN),
    said.ItemRetrieved(item=SPOKEN),
    said.ItemTruncated(item_id="item_2", content_index=0, audio_end_ms=3),
    said.ItemDeleted(item_id="item_2"),
    said.TranscriptionDelta(item_id="item_1", delta="Hi", logprobs=LOGPROBS),
    said.TranscriptionCompleted(
        item_id="item_1",
        transcript="Hi",
        usage=said.DurationUsage(seconds=1.5),
        logprobs=LOGPROBS,
        languages=(said.Language(code="en"),),
    ),
    said.TranscriptionFailed(
        item_id="item_1",
        error=said.TranscriptionError(type="server_error", code="engine_failed", message="It broke."),
    ),
    said.RateLimitsUpdated(rate_limits=(said.RateLimit(name="tokens", limit=9, remaining=8, reset_seconds=0.5),)),
    said.ResponseCreated(response=response_with(status="in_progress", status_details=None, usage=None)),
    said.ResponseDone(response=response_with(SPOKEN)),
    said.OutputItemAdded(response_id="resp_1", output_index=0, item=SPOKEN),
    said.OutputItemDone(response_id="resp_1", output_index=0, item=SPOKEN),
    said.ContentPartAdded(**IN_RESPONSE, part=said.ContentPart(type="audio", transcript="")),
    said.ContentPartDone(**IN_RESPONSE, part=said.ContentPart(type="text", text="Hello.")),
    said.TextDelta(**IN_RESPONSE, delta="Hel"),
    said.TextDone(**IN_RESPONSE, text="Hello."),
    said.AudioDelta(**IN_RESPONSE, delta=b"\1\2"),
    said.AudioDone(**IN_RESPONSE),
    said.TranscriptDelta(**IN_RESPONSE, delta="Hel"),
    said.TranscriptDone(**IN_RESPONSE, transcript="Hello."),
    said.FunctionArgumentsDelta(**IN_RESPONSE, call_id="call_1", delta="{"),
    said.FunctionArgumentsDone(**IN_RESPONSE, call_id="call_1", name="dance", arguments="{}"),
    said.McpArgumentsDelta(**IN_RESPONSE, delta="{"),
    said.McpArgumentsDone(**IN_RESPONSE, arguments="{}"),
    said.McpCallInProgress(output_index=0, item_id="item_3"),
    said.McpCallCompleted(output_index=0, item_id="item_3"),
    said.McpCallFailed(output_index=0, item_id="item_3"),
    said.McpListInProgress(item_id="item_3"),
    said.McpListCompleted(item_id="item_3"),
    said.McpListFailed(item_id="item_3"),
    ResponseTiming(response_id="resp_1", item_id="item_2", timing=WATERFALL),
    OutputDucked(response_id="resp_1", item_id="item_2"),
    OutputResumed(response_id="resp_1", item_id="item_2"),
]

OF_MCP: list[Item] = [
    McpListTools(id="item_3", server_label="teas", tools=(ListedTool(name="brew", input_schema={}),)),
    McpCall(id="item_3", server_label="teas", name="brew", arguments="{}"),
    McpApprovalRequest(id="item_3", server_label="teas", name="brew", arguments="{}"),
    McpApprovalResponse(id="item_3", approval_request_id="item_2", approve=True),
]


def name_of(event: said.ServerEvent) -> str:
    return str(event.__struct_config__.tag)


def told(event: said.ServerEvent) -> list[dict[str, Any]]:
    ids = iter(["event_1", "event_2"])
    return [check_beta_event(text) for text in beta.encode(event, lambda: next(ids))]


# --- every event -------------------------------------------------------------------------------------------------


def test_every_event_of_openais_library_has_its_rule() -> None:
    rules = [UNCHANGED, RENAMED.keys(), RETOLD.keys(), OF_THE_SESSION, NOT_TOLD]
    assert set().union(*rules) == SERVER_EVENTS.keys() | EXTENSIONS.keys()
    assert sum(map(len, rules)) == len(SERVER_EVENTS) + len(EXTENSIONS)


def test_every_event_of_the_beta_can_be_told() -> None:
    of_listeners = {f"transcription_{name}" for name in ("session.updated",)}
    created = {"conversation.item.created"}
    names = UNCHANGED | set(RENAMED.values()) | (RETOLD.keys() - {"conversation.item.added"}) | OF_THE_SESSION
    assert names | created | of_listeners == BETA_EVENTS.keys()


def test_every_event_this_server_says_has_an_example() -> None:
    assert {name_of(event) for event in EXAMPLES} == events_said().keys()


@pytest.mark.parametrize("event", EXAMPLES, ids=name_of)
def test_an_event_is_told_as_openais_library_reads_it(event: said.ServerEvent) -> None:
    heard = told(event)
    assert len(heard) == (name_of(event) not in NOT_TOLD)
    assert all(event["event_id"] == "event_1" for event in heard)


@pytest.mark.parametrize("event", [event for event in EXAMPLES if name_of(event) in RENAMED], ids=name_of)
def test_an_event_of_another_name_says_the_same(event: said.ServerEvent) -> None:
    (heard,) = told(event)
    assert heard == said.describe(event) | {"event_id": "event_1", "type": RENAMED[name_of(event)]}


@pytest.mark.parametrize("event", [event for event in EXAMPLES if name_of(event) in UNCHANGED], ids=name_of)
def test_an_unchanged_event_is_written_the_same(event: said.ServerEvent) -> None:
    assert beta.encode(event, lambda: "event_1") == (wire.encode(event, "event_1"),)


def test_an_id_is_taken_only_for_what_is_told() -> None:
    def no_id() -> str:
        raise AssertionError("an id is missing from the count")

    assert beta.encode(said.McpListFailed(item_id="item_3"), no_id) == ()
    assert beta.encode(said.ItemAdded(previous_item_id=None, item=OF_MCP[0]), no_id) == ()


def test_sound_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most of what is said."""
    calls: list[str] = []
    monkeypatch.setattr("realtime.protocol.beta.server_events.describe", calls.append)
    beta.encode(said.AudioDelta(**IN_RESPONSE, delta=bytes(960)), lambda: "event_1")
    assert calls == []


# --- what is told in other words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "content"),
    [
        (SPOKEN, [{"type": "audio", "transcript": "Hello."}]),
        (
            Message(id="i", role="assistant", content=(OutputText(text="Yes."), OutputAudio(audio=b"\1\2"))),
            [{"type": "text", "text": "Yes."}, {"type": "audio", "audio": "AQI=", "transcript": None}],
        ),
        (
            Message(id="i", role="user", content=(InputText(text="Hi."), InputAudio())),
            [{"type": "input_text", "text": "Hi."}, {"type": "input_audio", "transcript": None}],
        ),
        (
            Message(id="i", role="user", content=(InputImage(image_url="data:"), InputText(text="Hi."))),
            [{"type": "input_text", "text": "Hi."}],
        ),
    ],
)
def test_parts_have_shorter_names(item: Message, content: list[dict[str, Any]]) -> None:
    (created,) = told(said.ItemAdded(previous_item_id="item_0", item=item))
    assert (created["type"], created["previous_item_id"]) == ("conversation.item.created", "item_0")
    assert created["item"]["content"] == content
    assert told(said.ItemRetrieved(item=item))[0]["item"] == created["item"]


@pytest.mark.parametrize(
    "item",
    [
        FunctionCall(id="i", status="in_progress", name="f", call_id="c", arguments=""),
        FunctionCallOutput(id="i", call_id="c", output="7"),
    ],
)
def test_calls_are_told_as_they_are(item: Item) -> None:
    (created,) = told(said.ItemAdded(previous_item_id=None, item=item))
    assert created["item"] == msgspec.to_builtins(item)


@pytest.mark.parametrize("item", OF_MCP)
def test_nothing_is_told_of_what_mcp_does(item: Item) -> None:
    assert told(said.ItemAdded(previous_item_id=None, item=item)) == []
    assert told(said.ItemRetrieved(item=item)) == []
    assert told(said.OutputItemAdded(response_id="resp_1", output_index=0, item=item)) == []
    assert told(said.OutputItemDone(response_id="resp_1", output_index=0, item=item)) == []
    (done,) = told(said.ResponseDone(response=response_with(item, SPOKEN)))
    assert [item["id"] for item in done["response"]["output"]] == ["item_2"]


def test_a_response_is_flat() -> None:
    (done,) = told(said.ResponseDone(response=response_with()))
    response = done["response"]
    assert (response["modalities"], response["voice"]) == (["text", "audio"], "alloy")
    assert response["output_audio_format"] == "g711_alaw"
    assert response["status_details"]["error"]["code"] == "engine_failed"
    (written,) = told(said.ResponseDone(response=response_with(output_modalities=("text",))))
    assert written["response"]["modalities"] == ["text"]


def test_an_error_names_the_parameter_as_the_client_knows_it() -> None:
    detail = said.ErrorDetail(
        type="invalid_request_error",
        code="invalid_value",
        message="Invalid 'session.audio.input.turn_detection.threshold': Expected `float` <= 1.0.",
        param="session.audio.input.turn_detection.threshold",
        event_id="mine",
    )
    (error,) = told(said.Error(error=detail))
    assert error["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "Invalid 'session.turn_detection.threshold': Expected `float` <= 1.0.",
        "param": "session.turn_detection.threshold",
        "event_id": "mine",
    }


@pytest.mark.parametrize("kind", [said.SessionCreated, said.SessionUpdated])
def test_a_session_that_only_listens_has_events_of_its_own(
    kind: type[said.SessionCreated | said.SessionUpdated],
) -> None:
    session = describe_session(first_config("parrot", "", "transcription"), "sess_1", 7)
    event = kind(session=session)
    (heard,) = told(event)
    assert heard["type"] == f"transcription_{name_of(event)}"
    assert heard["session"]["expires_at"] == 7


# --- the check itself --------------------------------------------------------------------------------------------

(CREATED,) = told(said.ItemAdded(previous_item_id=None, item=SPOKEN))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(CREATED | {"type": "conversation.item.added"}, id="a name of the other dialect"),
        pytest.param({key: CREATED[key] for key in CREATED if key != "event_id"}, id="a required field missing"),
        pytest.param({key: CREATED[key] for key in CREATED if key != "previous_item_id"}, id="a usual field missing"),
        pytest.param(CREATED | {"event_id": 1}, id="a number for a string"),
        pytest.param(CREATED | {"extra": 1}, id="a field of our own"),
        pytest.param(CREATED | {"item": CREATED["item"] | {"extra": 1}}, id="a field of our own, nested"),
        pytest.param(
            CREATED | {"item": CREATED["item"] | {"content": [{"type": "output_text"}]}}, id="a part's new name"
        ),
    ],
)
def test_an_event_unlike_openais_is_refused(wrong: dict[str, Any]) -> None:
    check_beta_event(json.dumps(CREATED))
    with pytest.raises(ContractBroken):
        check_beta_event(json.dumps(wrong))
