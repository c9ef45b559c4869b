"""What a client may put into the conversation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from realtime.errors import InvalidRequest
from realtime.ids import counting_ids
from realtime.protocol.admission import MAX_AUDIO_BYTES, MAX_IMAGE_CHARACTERS, admit_item
from realtime.protocol.effects import TranscribeItem
from realtime.protocol.hearing import MAX_UNHEARD_ITEMS
from realtime.protocol.items import InputAudio, InputImage, InputText, Message
from realtime.protocol.wire import MAX_APPEND_BYTES
from tests.protocol.client import MODEST, OFFER, Client, Told

ADDED = ["conversation.item.added", "conversation.item.done"]
AUDIO = base64.b64encode(bytes(4800)).decode()


def text(words: str, kind: str = "input_text") -> dict[str, Any]:
    return {"type": kind, "text": words}


def create(client: Client, role: str, *content: dict[str, Any], **fields: Any) -> Told:
    item = {"type": "message", "id": "a", "role": role, "content": content}
    return client.send("conversation.item.create", item=item | fields)


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("system", text("Be brief.")),
        ("user", text("Hello.")),
        ("user", {"type": "input_audio", "transcript": "Hello."}),
        ("assistant", text("Hello.", "output_text")),
        ("assistant", {"type": "output_audio", "transcript": "Hello."}),
    ],
)
def test_each_role_may_say_what_is_its_own(role: str, part: dict[str, Any], client: Client) -> None:
    told = create(client, role, part)
    assert told.names == ADDED
    assert told.event("conversation.item.done")["item"] == {
        "id": "a",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": role,
        "content": [part],
    }


@pytest.mark.parametrize(
    ("role", "part", "allowed"),
    [
        ("system", text("Hello.", "output_text"), "input_text"),
        ("system", {"type": "input_audio", "transcript": "Hello."}, "input_text"),
        ("user", text("Hello.", "output_text"), "input_text, input_audio, input_image"),
        ("user", {"type": "output_audio", "transcript": "Hello."}, "input_text, input_audio, input_image"),
        ("assistant", text("Hello."), "output_text, output_audio"),
        ("assistant", {"type": "input_audio", "transcript": "Hello."}, "output_text, output_audio"),
    ],
)
def test_no_role_may_say_what_is_anothers(role: str, part: dict[str, Any], allowed: str, client: Client) -> None:
    told = create(client, role, part)
    assert told.fault == ("invalid_value", "item.content[0].type")
    assert told.error["message"] == f"A message of role '{role}' may contain: {allowed}."


def test_the_part_that_is_wrong_is_named_by_its_place(client: Client) -> None:
    told = create(client, "user", text("Hello."), text("Hello.", "output_text"))
    assert told.fault == ("invalid_value", "item.content[1].type")


def test_an_item_that_was_not_read_from_the_wire_has_no_longer_name_either() -> None:
    with pytest.raises(InvalidRequest) as caught:
        admit_item(Message(id="x" * 513, role="user", content=()), counting_ids(), "item", sees=False)
    assert (caught.value.reason, caught.value.param) == ("invalid_value", "item.id")


def test_a_message_may_be_empty(client: Client) -> None:
    assert create(client, "user").names == ADDED


def test_an_item_is_complete_whatever_the_client_says(client: Client) -> None:
    told = create(client, "user", text("Hello."), status="in_progress")
    assert told.event("conversation.item.done")["item"]["status"] == "completed"


def test_a_picture_is_refused_by_name_where_the_model_sees_none() -> None:
    client = Client(offer=MODEST)
    told = create(client, "user", text("Look."), {"type": "input_image", "image_url": "data:image/png;base64,"})
    assert told.fault == ("unsupported_content_type", "item.content[1]")


def test_calls_of_functions_and_their_results_may_be_told(client: Client) -> None:
    call = {"type": "function_call", "name": "dance", "arguments": "{}", "call_id": "call_1"}
    result = {"type": "function_call_output", "call_id": "call_1", "output": "danced"}
    assert client.send("conversation.item.create", item=call).names == ADDED
    assert client.send("conversation.item.create", item=result).names == ADDED


# --- audio that the client brings along --------------------------------------------------------------------------


def test_audio_without_words_is_put_into_words(client: Client) -> None:
    told = create(client, "user", {"type": "input_audio", "audio": AUDIO})
    assert told.names == [*ADDED, "TranscribeItem"]
    assert told.effect(TranscribeItem) == TranscribeItem("a", bytes(4800))


def test_audio_does_not_come_back(client: Client) -> None:
    told = create(client, "user", {"type": "input_audio", "audio": AUDIO})
    assert told.event("conversation.item.done")["item"]["content"] == [{"type": "input_audio", "transcript": None}]


def test_audio_with_words_is_believed(client: Client) -> None:
    told = create(client, "user", {"type": "input_audio", "audio": AUDIO, "transcript": "Hello."})
    assert told.names == ADDED
    assert told.event("conversation.item.done")["item"]["content"] == [{"type": "input_audio", "transcript": "Hello."}]


def listen(size_bytes: int) -> Message:
    return Message(role="user", content=(InputText(text="Listen:"), InputAudio(audio=bytes(size_bytes))))


def test_a_part_may_carry_as_much_audio_as_an_append() -> None:
    _, audio = admit_item(listen(MAX_AUDIO_BYTES), counting_ids(), "item", sees=False)
    assert audio is not None
    assert len(audio) == MAX_AUDIO_BYTES == MAX_APPEND_BYTES


def test_a_part_with_more_audio_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        admit_item(listen(MAX_AUDIO_BYTES + 1), counting_ids(), "item", sees=False)
    assert (caught.value.reason, caught.value.param) == ("string_above_max_length", "item.content[1].audio")


def test_several_pieces_of_audio_are_put_into_words_as_one(client: Client) -> None:
    pieces = [base64.b64encode(audio).decode() for audio in (b"\x01\x02", b"\x03\x04")]
    told = create(client, "user", *({"type": "input_audio", "audio": audio} for audio in pieces))
    assert told.effect(TranscribeItem).audio == b"\x01\x02\x03\x04"


@pytest.mark.parametrize(("form", "bytes_per_ms"), [("audio/pcm", 48), ("audio/pcmu", 8)])
def test_a_recording_may_be_as_long_as_the_buffer(form: str, bytes_per_ms: int, client: Client) -> None:
    client.tune(format={"type": form})
    size = OFFER.max_buffer_ms * bytes_per_ms
    half, more = (base64.b64encode(bytes(length)).decode() for length in (size // 2, size // 2 + 1))
    too_long = create(client, "user", {"type": "input_audio", "audio": half}, {"type": "input_audio", "audio": more})
    assert too_long.fault == ("string_above_max_length", "item.content")
    told = create(client, "user", {"type": "input_audio", "audio": half}, {"type": "input_audio", "audio": half})
    assert len(told.effect(TranscribeItem).audio) == size


@pytest.mark.parametrize("part", [{}, {"audio": ""}, {"transcript": None}])
def test_audio_that_is_none_is_refused(part: dict[str, Any], client: Client) -> None:
    told = create(client, "user", {"type": "input_audio"} | part)
    assert told.fault == ("missing_required_parameter", "item.content[0].audio")


def test_the_assistants_audio_is_not_kept(client: Client) -> None:
    told = create(client, "assistant", {"type": "output_audio", "audio": AUDIO, "transcript": "Hello."})
    assert told.event("conversation.item.done")["item"]["content"] == [{"type": "output_audio", "transcript": "Hello."}]


def test_the_words_found_are_told_about_the_part_they_belong_to(client: Client) -> None:
    client.tune(transcription={"model": "whisper-1"})
    create(client, "user", text("Listen:"), {"type": "input_audio", "audio": AUDIO})
    told = client.hear_all("a", "One two.")
    assert told.event("conversation.item.input_audio_transcription.completed")["content_index"] == 1
    assert client.retrieve("a")["content"][1]["transcript"] == "One two."


def test_only_so_many_items_may_wait_for_their_words(client: Client) -> None:
    for number in range(MAX_UNHEARD_ITEMS):
        assert create(client, "user", {"type": "input_audio", "audio": AUDIO}, id=f"mine_{number}").names[:2] == ADDED
    assert create(client, "user", {"type": "input_audio", "audio": AUDIO}).fault == ("rate_limit_exceeded", None)
    assert create(client, "user", text("Hello.")).names == ADDED
    client.send("conversation.item.delete", item_id="a")
    client.hear_all("mine_7", "One.")
    assert create(client, "user", {"type": "input_audio", "audio": AUDIO}).names == [*ADDED, "TranscribeItem"]


def test_turns_committed_by_hand_wait_in_the_same_line(push_to_talk: Client) -> None:
    for _ in range(MAX_UNHEARD_ITEMS):
        push_to_talk.commit()
    push_to_talk.append_ms(100)
    assert push_to_talk.send("input_audio_buffer.commit").fault == ("rate_limit_exceeded", None)


# --- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "https://example.org/cat.png", "http://example.org/cat"])
def test_a_picture_comes_in_the_message_or_from_an_address(url: str, client: Client) -> None:
    told = create(client, "user", {"type": "input_image", "image_url": url, "detail": "low"})
    (part,) = told.event("conversation.item.done")["item"]["content"]
    assert (part["image_url"], part["detail"]) == (url, "low")


@pytest.mark.parametrize("url", ["", "data:text/html,AAAA", "file:///etc/passwd", "cat.png"])
def test_a_picture_that_comes_from_elsewhere_is_refused(url: str, client: Client) -> None:
    told = create(client, "user", {"type": "input_image", "image_url": url})
    assert told.fault == ("invalid_value", "item.content[0].image_url")


def test_a_picture_larger_than_pictures_are_is_refused() -> None:
    url = "data:image/png;base64," + "A" * MAX_IMAGE_CHARACTERS
    with pytest.raises(InvalidRequest) as caught:
        admit_item(Message(role="user", content=(InputImage(image_url=url),)), counting_ids(), "item", sees=True)
    assert (caught.value.reason, caught.value.param) == ("string_above_max_length", "item.content[0].image_url")


def test_a_picture_alone_is_something_to_answer(client: Client) -> None:
    create(client, "user", {"type": "input_image", "image_url": "data:image/png;base64,AAAA"})
    assert client.send("response.create").names == ["response.created", "StartReply"]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_the_user_shows_pictures(role: str, client: Client) -> None:
    told = create(client, role, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"})
    assert told.fault == ("invalid_value", "item.content[0].type")


# --- calls -------------------------------------------------------------------------------------------------------


def test_a_call_without_a_name_of_its_own_gets_one(client: Client) -> None:
    call = {"type": "function_call", "name": "dance", "arguments": "{}"}
    item = client.send("conversation.item.create", item=call).event("conversation.item.done")["item"]
    result = {"type": "function_call_output", "call_id": item["call_id"], "output": "danced"}
    assert item["call_id"]
    assert client.send("conversation.item.create", item=result).names == ADDED


@pytest.mark.parametrize(
    "arguments", ["tea", "[]", "5", "null", '{"what":', "[" * 100_000, '{"a":' * 40 + "1" + "}" * 40]
)
@pytest.mark.parametrize("kind", ["function_call", "mcp_call"])
def test_arguments_that_are_no_object_are_refused(kind: str, arguments: str, client: Client) -> None:
    label = {"server_label": "shop"} if kind == "mcp_call" else {}
    call = {"type": kind, "name": "buy", "arguments": arguments} | label
    assert client.send("conversation.item.create", item=call).fault == ("invalid_value", "item.arguments")
    told = client.send("response.create", response={"input": [call]})
    assert told.fault == ("invalid_value", "response.input[0].arguments")


def test_a_call_may_be_without_arguments(client: Client) -> None:
    call = {"type": "function_call", "name": "dance", "arguments": ""}
    assert client.send("conversation.item.create", item=call).names == ADDED


def test_two_calls_have_two_names(client: Client) -> None:
    call = {"type": "function_call", "name": "dance", "arguments": "{}", "call_id": "call_1"}
    client.send("conversation.item.create", item=call)
    assert client.send("conversation.item.create", item=call).fault == ("invalid_value", "item.call_id")


def test_the_result_of_a_call_that_nobody_made_is_refused(client: Client) -> None:
    result = {"type": "function_call_output", "call_id": "call_1", "output": "danced"}
    assert client.send("conversation.item.create", item=result).fault == ("invalid_tool_call_id", "item.call_id")


def test_the_result_of_a_call_that_the_model_made_is_taken(client: Client) -> None:
    client.update(tools=[{"type": "function", "name": "dance"}])
    response_id = client.create()
    client.call(response_id, "dance", call_id="call_7")
    result = {"type": "function_call_output", "call_id": "call_7", "output": "danced"}
    assert client.send("conversation.item.create", item=result).names == ADDED


def test_a_call_of_a_tool_may_be_told_as_it_was(client: Client) -> None:
    call = {"type": "mcp_call", "server_label": "shop", "name": "buy", "arguments": "{}", "output": "One cup."}
    item = client.send("conversation.item.create", item=call).event("conversation.item.done")["item"]
    assert (item["name"], item["output"]) == ("buy", "One cup.")


@pytest.mark.parametrize(
    "item",
    [
        {"type": "mcp_list_tools", "server_label": "shop", "tools": []},
        {"type": "mcp_approval_request", "server_label": "shop", "name": "buy", "arguments": "{}"},
    ],
)
def test_what_only_the_server_makes_no_client_makes(item: dict[str, Any], client: Client) -> None:
    assert client.send("conversation.item.create", item=item).fault == ("unsupported_value", "item.type")
