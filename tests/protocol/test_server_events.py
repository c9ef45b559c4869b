"""What the server says, held against what OpenAI's library knows to read."""

from __future__ import annotations

from realtime.protocol import server_events as said
from tests.protocol.client import Client
from tests.protocol.contract import EXTENSIONS, SERVER_EVENTS, events_said

NOT_SAID = {
    # For transports on which the server plays the audio, or that carry a keypad.
    *(f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared")),
    "input_audio_buffer.dtmf_event_received",
    # For old clients, under the name of their dialect.
    "conversation.item.created",
    # No engine tells speakers apart, and without them there are no segments.
    "conversation.item.input_audio_transcription.segment",
}


def test_every_event_of_openais_library_is_said_or_left_out_on_purpose() -> None:
    assert events_said().keys() | NOT_SAID == SERVER_EVENTS.keys() | EXTENSIONS.keys()
    assert not SERVER_EVENTS.keys() & EXTENSIONS.keys()
    assert not events_said().keys() & NOT_SAID


def test_an_event_described_is_what_is_written_to_the_wire() -> None:
    event = said.TranscriptionDelta(item_id="item_1", delta="Hel")
    assert said.describe(event) == {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": "item_1",
        "content_index": 0,
        "delta": "Hel",
    }


def test_a_custom_voice_is_shown_in_a_response_by_its_id() -> None:
    client = Client()
    client.open()
    client.update(audio={"output": {"voice": {"id": "anna"}}})
    told = client.send("response.create")
    assert told.event("response.created")["response"]["audio"]["output"]["voice"] == "anna"
