"""How much audio has come: exact positions in every format, and the buffer between commit and commit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import InvalidRequest
from realtime.ids import counting_ids
from realtime.protocol.config import AudioFormat, PcmaFormat, PcmFormat, PcmuFormat
from realtime.protocol.turn import Turn
from tests.protocol.client import COMMITTING, Client
from tests.protocol.ears import Received
from tests.protocol.effort import examples

PCM, PCMU, PCMA = PcmFormat(), PcmuFormat(), PcmaFormat()
FORMATS = st.sampled_from([PCM, PCMU, PCMA])


def turn(max_buffer_ms: int = 1000) -> Turn:
    return Turn(counting_ids(), max_buffer_ms)


def fill(turn: Turn, *sizes_bytes: int, form: AudioFormat = PCM, bounded: bool = False) -> Turn:
    for size in sizes_bytes:
        turn.append(size, form, bounded)
    return turn


# --- positions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "bytes_per_ms"), [(PCM, 48), (PCMU, 8), (PCMA, 8)])
def test_a_millisecond_has_the_bytes_of_its_format(form: AudioFormat, bytes_per_ms: int) -> None:
    assert fill(turn(), bytes_per_ms * 1234, form=form).received_ms == 1234


def test_a_position_is_rounded_down() -> None:
    assert fill(turn(), 47).received_ms == 0


def test_a_sample_cut_in_two_counts_once_it_is_whole() -> None:
    assert fill(turn(), 47).buffered_ms == pytest.approx(23 / 24)
    assert fill(turn(), 47, 1).buffered_ms == 1


def test_half_a_sample_is_not_completed_by_another_format() -> None:
    cut_short = fill(turn(), 47)
    cut_short.change_format()
    assert fill(cut_short, 1).buffered_ms == pytest.approx(23 / 24)


def test_positions_add_up_across_formats() -> None:
    mixed = fill(turn(), 48 * 100 + 16)
    mixed.change_format()
    fill(mixed, 8 * 100 + 1, form=PCMU)
    mixed.change_format()
    assert fill(mixed, 48 * 100 + 26).received_ms == 301


@examples
@given(st.lists(st.integers(0, 5000)), FORMATS)
def test_audio_may_be_cut_anywhere(sizes: list[int], form: AudioFormat) -> None:
    assert fill(turn(), *sizes, form=form).buffered_ms == fill(turn(), sum(sizes), form=form).buffered_ms


@examples
@given(st.lists(st.tuples(st.integers(0, 500), FORMATS, st.booleans()), max_size=30))
def test_no_byte_is_lost_or_counted_twice(pieces: list[tuple[int, AudioFormat, bool]]) -> None:
    counted, expected, now = turn(), Received(), pieces[0][1] if pieces else PCM
    for size, form, committed in pieces:
        if form != now:
            counted.change_format()
            now = form
        expected.tune(form)
        expected.add(bytes(size))
        fill(counted, size, form=form)
        if committed:
            counted.commit()
    assert counted.received_ms == expected.whole_ms


# --- the buffer --------------------------------------------------------------------------------------------------


def test_a_commit_empties_the_buffer_and_keeps_the_position() -> None:
    committed = fill(turn(), 48 * 150)
    committed.commit()
    assert (committed.buffered_ms, committed.received_ms) == (0, 150)


def test_dropping_empties_the_buffer_and_keeps_the_position() -> None:
    dropped = fill(turn(), 48 * 150)
    dropped.drop()
    assert (dropped.buffered_ms, dropped.received_ms) == (0, 150)


def test_100_ms_may_be_committed() -> None:
    fill(turn(), 48 * 100).check_commit()


def test_less_may_not() -> None:
    with pytest.raises(InvalidRequest) as caught:
        fill(turn(), 48 * 100 - 2).check_commit()
    assert caught.value.reason == "input_audio_buffer_commit_empty"
    assert caught.value.message.endswith("Expected at least 100ms of audio, but buffer only has 99.96ms of audio.")


def test_a_bounded_buffer_may_be_filled_to_the_brim() -> None:
    assert fill(turn(), 48 * 400, 48 * 600, bounded=True).buffered_ms == 1000


def test_a_bounded_buffer_takes_nothing_beyond_and_stays_as_it_is() -> None:
    full = fill(turn(), 48 * 999 + 1, bounded=True)
    with pytest.raises(InvalidRequest, match=r"at most 1000 ms") as caught:
        fill(full, 49, bounded=True)
    assert (caught.value.reason, caught.value.param) == ("input_audio_buffer_full", "audio")
    assert fill(full, 47, bounded=True).buffered_ms == 1000


def test_a_bounded_buffer_has_room_again_after_a_commit() -> None:
    full = fill(turn(), 48 * 1000, bounded=True)
    full.commit()
    assert fill(full, 48 * 1000, bounded=True).received_ms == 2000


def test_an_unbounded_buffer_takes_everything() -> None:
    assert fill(turn(), 48 * 5000).received_ms == 5000


# --- ids ---------------------------------------------------------------------------------------------------------


def test_a_turn_becomes_the_item_it_was_announced_as() -> None:
    announced = turn()
    assert announced.begin(0) == announced.commit()


def test_the_next_turn_becomes_another_item() -> None:
    twice = turn()
    twice.begin(0)
    first = twice.commit()
    assert twice.begin(0) != first


def test_a_turn_that_was_dropped_gives_its_id_to_no_other() -> None:
    dropped = turn()
    announced = dropped.begin(0)
    dropped.drop()
    assert dropped.commit() != announced


# --- through the session -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["audio/pcm", "audio/pcmu", "audio/pcma"])
def test_a_turn_ended_by_hand_ends_where_the_audio_ends(name: str, client: Client) -> None:
    client.tune(format={"type": name})
    client.append_ms(700)
    client.begin_speech()
    client.append_ms(53)
    told = client.send("input_audio_buffer.commit")
    assert told.event("input_audio_buffer.speech_stopped")["audio_end_ms"] == 753


def test_positions_go_on_when_the_format_changes_in_the_middle(client: Client) -> None:
    client.append(bytes(48 * 200))
    client.tune(format={"type": "audio/pcmu"})
    client.append(bytes(8 * 200))
    client.begin_speech()
    told = client.send("input_audio_buffer.commit")
    assert told.event("input_audio_buffer.speech_stopped")["audio_end_ms"] == 400


def test_half_a_sample_of_one_format_is_no_sample_of_the_next(client: Client) -> None:
    client.append(bytes(48 * 200 + 1))
    client.tune(format={"type": "audio/pcmu"})
    client.append(bytes(8 * 200 - 1))
    client.begin_speech()
    told = client.send("input_audio_buffer.commit")
    assert told.event("input_audio_buffer.speech_stopped")["audio_end_ms"] == 399


def test_a_sample_cut_in_two_is_whole_again_whatever_else_of_the_input_changes_between(push_to_talk: Client) -> None:
    push_to_talk.append(bytes(48 * 100 - 1))
    push_to_talk.tune(transcription={})
    push_to_talk.append(bytes(1))
    assert push_to_talk.send("input_audio_buffer.commit").names == COMMITTING


def test_a_commit_of_next_to_nothing_is_refused(push_to_talk: Client) -> None:
    push_to_talk.append_ms(99)
    assert push_to_talk.send("input_audio_buffer.commit").fault == ("input_audio_buffer_commit_empty", None)


def test_the_audio_of_a_refused_commit_is_still_there(push_to_talk: Client) -> None:
    push_to_talk.append_ms(99)
    push_to_talk.send("input_audio_buffer.commit")
    push_to_talk.append_ms(1)
    assert push_to_talk.send("input_audio_buffer.commit").names == COMMITTING


def test_audio_that_was_cleared_cannot_be_committed(push_to_talk: Client) -> None:
    push_to_talk.append_ms(500)
    push_to_talk.send("input_audio_buffer.clear")
    assert push_to_talk.send("input_audio_buffer.commit").error["code"] == "input_audio_buffer_commit_empty"


def test_a_full_buffer_is_refused_by_name(push_to_talk: Client) -> None:
    push_to_talk.append_ms(2000)
    assert push_to_talk.append_ms(1).fault == ("input_audio_buffer_full", "audio")


def test_a_refused_piece_of_audio_is_not_listened_to_and_the_rest_can_be_committed(push_to_talk: Client) -> None:
    push_to_talk.append_ms(2000)
    push_to_talk.append_ms(1)
    assert push_to_talk.send("input_audio_buffer.commit").names == COMMITTING


def test_with_turn_detection_nobody_has_to_empty_the_buffer(client: Client) -> None:
    assert client.append_ms(5000).names == ["Listen"]


def test_silence_from_before_push_to_talk_does_not_fill_the_buffer(client: Client) -> None:
    client.append_ms(5000)
    client.tune(turn_detection=None)
    assert client.append_ms(2000).names == ["Listen"]


def test_a_turn_under_way_when_turn_detection_ends_counts_from_where_it_began(client: Client) -> None:
    client.append_ms(5000)
    client.begin_speech(at_ms=4500)
    client.tune(turn_detection=None)
    assert client.append_ms(1500).names == ["Listen"]
    assert client.append_ms(1).error["code"] == "input_audio_buffer_full"
