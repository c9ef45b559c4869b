"""The order of items, and how much of a spoken one is kept after a truncation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import InvalidRequest
from realtime.protocol.conversation import Conversation, SpokenText, text_of
from realtime.protocol.effects import StartReply
from realtime.protocol.items import (
    FunctionCall,
    InputAudio,
    InputImage,
    InputText,
    Item,
    Message,
    OutputAudio,
    OutputText,
)
from tests.protocol.client import Client, Told
from tests.protocol.effort import examples

# --- order -------------------------------------------------------------------------------------------------------


def test_an_item_is_appended(client: Client) -> None:
    client.write("one", id="a")
    told = client.write("two", id="b")
    assert told.names == ["conversation.item.added", "conversation.item.done"]
    assert told.event("conversation.item.added")["previous_item_id"] == "a"
    assert client.order == ["a", "b"]


def test_the_first_item_has_none_before_it(client: Client) -> None:
    told = client.write("one", id="a")
    assert [event["previous_item_id"] for event in told.events] == [None, None]


def test_an_item_goes_to_the_start(client: Client) -> None:
    client.write("two", id="b")
    told = client.write("one", id="a", after="root")
    assert told.event("conversation.item.added")["previous_item_id"] is None
    assert client.order == ["a", "b"]


def test_an_item_goes_after_another(client: Client) -> None:
    client.write("one", id="a")
    client.write("three", id="c")
    told = client.write("two", id="b", after="a")
    assert told.event("conversation.item.done")["previous_item_id"] == "a"
    assert client.order == ["a", "b", "c"]


def test_an_item_may_go_after_the_last(client: Client) -> None:
    client.write("one", id="a")
    client.write("two", id="b", after="a")
    assert client.order == ["a", "b"]


def test_an_item_after_one_nobody_knows_is_not_added(client: Client) -> None:
    assert client.write("one", id="a", after="b").fault == ("item_not_found", "previous_item_id")
    assert client.order == []


def test_an_item_with_the_id_of_another_is_not_added(client: Client) -> None:
    client.write("one", id="a")
    assert client.write("two", id="a").fault == ("item_id_in_use", "item.id")
    assert client.retrieve("a")["content"][0]["text"] == "one"


def test_an_item_cannot_take_the_id_announced_for_the_turn_under_way(client: Client) -> None:
    announced = client.begin_speech().event("input_audio_buffer.speech_started")["item_id"]
    assert client.write("one", id=announced).fault == ("item_id_in_use", "item.id")
    assert client.end_speech().event("input_audio_buffer.committed")["item_id"] == announced


def test_an_item_cannot_take_the_id_announced_for_audio_not_committed_yet(client: Client) -> None:
    client.append_ms(200)
    announced = client.begin_speech().event("input_audio_buffer.speech_started")["item_id"]
    client.tune(turn_detection=None)
    client.append_ms(200)
    assert client.write("one", id=announced).fault == ("item_id_in_use", "item.id")


def test_an_item_cannot_be_called_root(client: Client) -> None:
    assert client.write("one", id="root").fault == ("invalid_value", "item.id")


@pytest.mark.parametrize("fields", [{}, {"id": ""}])
def test_an_item_without_id_is_given_one(fields: dict[str, str], client: Client) -> None:
    item = client.write("one", **fields).event("conversation.item.added")["item"]
    assert client.order == [item["id"]]
    assert item["id"].startswith("item_")


def test_a_committed_turn_is_appended(push_to_talk: Client) -> None:
    push_to_talk.write("one", id="a")
    push_to_talk.append_ms(200)
    told = push_to_talk.send("input_audio_buffer.commit")
    assert [event["previous_item_id"] for event in told.events] == ["a", "a", "a"]
    assert push_to_talk.order == ["a", told.event("input_audio_buffer.committed")["item_id"]]


def test_an_answer_keeps_its_place_while_others_come(client: Client) -> None:
    response_id = client.create()
    client.say(response_id, "Hm", 20)
    (answer,) = client.order
    client.write("one", id="a", after="root")
    client.write("two", id="b")
    assert client.finish(response_id).event("conversation.item.done")["previous_item_id"] == "a"
    assert client.order == ["a", answer, "b"]


# --- deleting and retrieving -------------------------------------------------------------------------------------


def test_an_item_is_deleted(client: Client) -> None:
    for item_id in "abc":
        client.write(item_id, id=item_id)
    assert client.send("conversation.item.delete", item_id="b").names == ["conversation.item.deleted"]
    assert client.order == ["a", "c"]


@pytest.mark.parametrize("verb", ["delete", "retrieve"])
def test_an_item_nobody_knows_is_named(verb: str, client: Client) -> None:
    told = client.send(f"conversation.item.{verb}", item_id="a")
    assert told.fault == ("item_not_found", "item_id")
    assert "'a'" in told.error["message"]


def test_a_deleted_items_id_is_free_again(client: Client) -> None:
    client.write("one", id="a")
    client.send("conversation.item.delete", item_id="a")
    client.write("two", id="a")
    assert client.retrieve("a")["content"][0]["text"] == "two"


def test_an_item_cannot_be_deleted_while_it_is_made(client: Client) -> None:
    response_id = client.create()
    client.say(response_id, "Hm", 20)
    (item_id,) = client.order
    assert client.send("conversation.item.delete", item_id=item_id).fault == ("item_in_progress", "item_id")


def test_an_item_is_shown_as_it_is(client: Client) -> None:
    created = client.write("one", id="a").event("conversation.item.done")["item"]
    assert client.retrieve("a") == created


def test_a_users_item_is_shown_with_its_words(client: Client) -> None:
    item_id = client.turn("Good morning.")
    assert client.retrieve(item_id)["content"] == [{"type": "input_audio", "transcript": "Good morning."}]


# --- truncating --------------------------------------------------------------------------------------------------

PIECES = (("One ", 100.0), ("two ", 100.0), ("three.", 100.0))


def truncate(client: Client, item_id: str, audio_end_ms: int, content_index: int = 0) -> Told:
    return client.send(
        "conversation.item.truncate", item_id=item_id, content_index=content_index, audio_end_ms=audio_end_ms
    )


@pytest.mark.parametrize(
    ("audio_end_ms", "words"),
    [
        (0, ""),
        (1, "One "),
        (99, "One "),
        (100, "One "),
        (101, "One two "),
        (200, "One two "),
        (250, "One two three."),
        (300, "One two three."),
    ],
)
def test_the_words_whose_sound_had_begun_are_kept(audio_end_ms: int, words: str, client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    truncated = truncate(client, item_id, audio_end_ms).event("conversation.item.truncated")
    assert (truncated["item_id"], truncated["content_index"], truncated["audio_end_ms"]) == (item_id, 0, audio_end_ms)
    assert client.retrieve(item_id)["content"] == [{"type": "output_audio", "transcript": words}]


def test_the_next_reply_does_not_know_what_was_not_heard(client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    truncate(client, item_id, 150)
    client.write("Go on.")
    start = client.send("response.create").effect(StartReply)
    assert [text_of(item) for item in start.items] == ["One two ", "Go on."]


@pytest.mark.parametrize("audio_end_ms", [301, 400])
def test_a_position_a_little_past_the_end_is_the_end(audio_end_ms: int, client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    assert truncate(client, item_id, audio_end_ms).event("conversation.item.truncated")["audio_end_ms"] == 300
    assert client.retrieve(item_id)["content"][0]["transcript"] == "One two three."


def test_a_position_far_past_the_end_is_refused(client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    told = truncate(client, item_id, 401)
    assert told.fault == ("invalid_value", "audio_end_ms")
    assert told.error["message"] == "Audio content of 300ms is already shorter than 401ms."


def test_an_item_can_be_cut_shorter_again(client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    truncate(client, item_id, 250)
    truncate(client, item_id, 50)
    assert client.retrieve(item_id)["content"][0]["transcript"] == "One "


def test_an_item_cannot_be_cut_longer_again(client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    truncate(client, item_id, 50)
    assert truncate(client, item_id, 250).error["message"] == "Audio content of 50ms is already shorter than 250ms."


def test_the_last_piece_is_kept_at_the_end_however_short_it_is(client: Client) -> None:
    item_id = client.spoken_item(("One ", 100.25), ("two.", 0.25))
    truncate(client, item_id, 200)
    assert client.retrieve(item_id)["content"][0]["transcript"] == "One two."


def test_many_short_pieces_are_as_long_as_one_long_one(client: Client) -> None:
    item_id = client.spoken_item(*[("a", 1 / 3)] * 6)
    assert truncate(client, item_id, 1000).error["message"] == "Audio content of 2ms is already shorter than 1000ms."


def test_the_length_is_counted_in_the_format_it_was_spoken_in(client: Client) -> None:
    client.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
    item_id = client.spoken_item(("One ", 50))
    assert truncate(client, item_id, 1000).error["message"].startswith("Audio content of 300ms ")


def test_words_without_sound_were_not_heard(client: Client) -> None:
    item_id = client.spoken_item(("One ", 100), ("two.", 0))
    truncate(client, item_id, 100)
    assert client.retrieve(item_id)["content"][0]["transcript"] == "One "


def test_words_sent_ahead_of_their_sound_belong_to_it(client: Client) -> None:
    item_id = client.spoken_item(("One ", 0), ("", 100))
    truncate(client, item_id, 50)
    assert client.retrieve(item_id)["content"][0]["transcript"] == "One "


def test_an_interrupted_item_can_be_truncated(client: Client) -> None:
    response_id = client.create()
    client.say(response_id, "One two three.", 300)
    item_id = client.begin_speech().event("response.output_item.done")["item"]["id"]
    assert truncate(client, item_id, 120).names == ["conversation.item.truncated"]
    assert client.retrieve(item_id)["status"] == "incomplete"


def test_an_item_still_being_spoken_cannot_be_truncated(client: Client) -> None:
    response_id = client.create()
    client.say(response_id, "One ", 100)
    assert truncate(client, client.order[0], 50).fault == ("item_in_progress", "item_id")


def test_an_item_nobody_knows_cannot_be_truncated(client: Client) -> None:
    assert truncate(client, "a", 50).fault == ("item_not_found", "item_id")


def test_a_users_item_cannot_be_truncated(client: Client) -> None:
    item_id = client.turn()
    told = truncate(client, item_id, 50)
    assert told.fault == ("unsupported_content_type", "item_id")
    assert told.error["message"] == "Only model output audio messages can be truncated."


def test_a_written_answer_cannot_be_truncated(client: Client) -> None:
    response_id = client.create(output_modalities=["text"])
    client.put(response_id, "One two.")
    item_id = client.finish(response_id).event("conversation.item.done")["item"]["id"]
    assert truncate(client, item_id, 0).fault == ("unsupported_content_type", "item_id")


def test_an_answer_the_client_put_there_cannot_be_truncated(client: Client) -> None:
    content = [{"type": "output_audio", "transcript": "One two."}]
    client.write("", id="a", role="assistant", content=content)
    assert truncate(client, "a", 0).fault == ("unsupported_content_type", "item_id")


def test_a_function_call_cannot_be_truncated(client: Client) -> None:
    call = {"type": "function_call", "id": "a", "name": "dance", "arguments": "{}", "call_id": "call_1"}
    client.send("conversation.item.create", item=call)
    assert truncate(client, "a", 0).fault == ("unsupported_content_type", "item_id")


def test_a_content_part_that_is_not_there_cannot_be_truncated(client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    assert truncate(client, item_id, 50, content_index=1).fault == ("invalid_value", "content_index")


def test_a_deleted_item_leaves_nothing_for_the_next_of_its_name(client: Client) -> None:
    item_id = client.spoken_item(*PIECES)
    client.send("conversation.item.delete", item_id=item_id)
    client.write("", id=item_id, role="assistant", content=[{"type": "output_audio", "transcript": "One"}])
    assert truncate(client, item_id, 50).error["code"] == "unsupported_content_type"


@examples
@given(
    st.lists(st.tuples(st.text("ab ", max_size=4), st.integers(0, 400)), max_size=12),
    st.integers(0, 5000),
)
def test_what_is_kept_is_a_beginning_and_only_pieces_begun_are_in_it(
    pieces: list[tuple[str, int]], end_ms: int
) -> None:
    spoken = SpokenText(bytes_per_ms=8)
    for text, size_bytes in pieces:
        spoken.add(text, size_bytes)
    starts = [sum(size for _, size in pieces[:index]) for index in range(len(pieces) + 1)]
    end = min(end_ms * 8, starts[-1])
    spoken.cut(end_ms)
    assert spoken.text == "".join(text for (text, _), start in zip(pieces, starts, strict=False) if start < end)
    assert spoken.duration_ms == end / 8


# --- the conversation by itself ----------------------------------------------------------------------------------


def message(item_id: str, *content: InputText | InputAudio | InputImage | OutputText | OutputAudio) -> Message:
    return Message(id=item_id, role="user", content=content)


@examples
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["end", "start", "after", "delete"]), st.integers(0, 9))))
def test_the_order_is_that_of_a_list(steps: list[tuple[int, str, int]]) -> None:
    conversation, expected = Conversation("conv_1"), list[str]()
    for number, step, other in steps:
        item_id, anchor = f"item_{number}", f"item_{other}"
        possible = (item_id in expected) == (step == "delete") and (step != "after" or anchor in expected)
        try:
            match step:
                case "end":
                    conversation.add(message(item_id))
                case "start":
                    conversation.add(message(item_id), after="root")
                case "after":
                    conversation.add(message(item_id), after=anchor)
                case _:
                    conversation.delete(item_id)
        except InvalidRequest:
            assert not possible
            continue
        assert possible
        match step:
            case "end":
                expected.append(item_id)
            case "start":
                expected.insert(0, item_id)
            case "after":
                expected.insert(expected.index(anchor) + 1, item_id)
            case _:
                expected.remove(item_id)
        assert [item.id for item in conversation.items] == expected
        assert conversation.last_id == (expected[-1] if expected else None)
        assert [conversation.previous_id(item_id) for item_id in expected] == [None, *expected][:-1]
        assert all((f"item_{n}" in conversation) == (f"item_{n}" in expected) for n in range(10))


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (message("a", InputText(text="Hello."), InputText(text="There.")), "Hello.\nThere."),
        (message("a", InputAudio(transcript="Hello.")), "Hello."),
        (message("a", InputAudio()), ""),
        (message("a", InputImage(image_url="data:"), InputText(text="Look.")), "Look."),
        (message("a", OutputText(text="Hello.")), "Hello."),
        (message("a", OutputAudio(transcript="Hello.")), "Hello."),
        (message("a"), ""),
        (FunctionCall(id="a", name="dance", arguments="{}"), ""),
    ],
)
def test_the_text_of_an_item_is_its_words(item: Item, words: str) -> None:
    assert text_of(item) == words


def test_the_words_of_audio_go_to_the_part_that_has_none() -> None:
    conversation = Conversation("conv_1")
    conversation.add(message("a", InputText(text="Listen:"), InputAudio(transcript="One."), InputAudio()))
    assert conversation.unheard_part("a") == 2
    conversation.hear("a", "Two.")
    assert text_of(conversation.get("a")) == "Listen:\nOne.\nTwo."


def test_the_words_of_several_pieces_of_audio_are_said_once() -> None:
    conversation = Conversation("conv_1")
    conversation.add(message("a", InputAudio(), InputAudio()))
    conversation.hear("a", "One two.")
    assert conversation.get("a") == message("a", InputAudio(transcript="One two."), InputAudio(transcript=""))
