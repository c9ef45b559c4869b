"""Somebody who watches one session from outside and objects to the first thing that must not be.

The witness knows what went in and what came out, nothing else, and keeps its own picture of the conversation from
that. Every client of these tests has one, so each of them checks every rule below after each step, besides what it is
about:

1. at most one response writes the conversation;
2. each `response.created` has exactly one `response.done`, and nothing about a response comes after it;
3. the events of a response come in OpenAI's order, and every `…added` has its `…done`;
4. what the deltas said, the `…done` events, the item and `response.done` say too;
5. somebody is speaking between `speech_started` and `speech_stopped` (or `cleared`, or the end of turn detection), and
   the item that is committed has the id that was announced;
6. a barge-in leaves no response that writes the conversation, and begins none;
7. `previous_item_id` always describes the order of one and the same list;
8. a reply is started once, for a response that lives, with all words of its context; only a started one is stopped,
   before its events end; a response that has not started waits for words;
9. the settings shown to the client are those the microphone was tuned to, and a turn that the client ends itself ends
   where all audio passed on to the microphone ends;
10. an `error` is the only answer to the event it is about, carries that event's id, and answers no report;
11. after a drain begins no response is created; after a hang-up nothing comes at all.
"""

from __future__ import annotations

from typing import TypeAlias

from realtime.protocol import client_events as asked
from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.config import AudioFormat, AudioInput, PcmFormat
from realtime.protocol.items import InputAudio, Item, Message
from realtime.protocol.responses import Output
from realtime.protocol.session import MAX_UNHEARD_ITEMS
from realtime.protocol.wire import UnreadableEvent
from tests.protocol.life import Content, Life

Given: TypeAlias = asked.ClientEvent | reports.Report | UnreadableEvent | None
"""What went in; None for the opening of the session."""

HEARING = reports.Heard | reports.HeardAll | reports.NotHeard


class Witness:
    """Watches one session."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.items: dict[str, Item] = {}
        self.unheard: set[str] = set()
        self.live: dict[str, Life] = {}
        self.done: set[str] = set()
        self.speaking = False
        self.announced: str | None = None
        """The id `speech_started` gave to the item that is still to come."""
        self.settings: said.SessionObject | None = None
        self.draining = False
        self.over = False
        self._unfinished: set[str] = set()
        self._tuned: AudioInput | None = None
        self._received = Received()
        self._heard_about: str | None = None

    @property
    def detecting(self) -> bool:
        """Whether the server looks for turns."""
        return self.settings is not None and self.settings.audio.input.turn_detection is not None

    @property
    def writing(self) -> str | None:
        """The response that writes the conversation."""
        return next((id_ for id_, life in self.live.items() if life.in_conversation), None)

    def is_stale(self, report: reports.Report) -> bool:
        """Whether a report is about something that is over, or has never been."""
        match report:
            case reports.Heard() | reports.HeardAll() | reports.NotHeard():
                return report.item_id not in self.unheard
            case reports.SpeechBegan():
                return not self.detecting or self.speaking
            case reports.SpeechEnded():
                return not self.speaking
            case reports.Draining() | reports.HungUp():
                return False
        return report.response_id not in self.live or not self.live[report.response_id].started

    def saw(self, given: Given, outputs: list[Output]) -> None:
        """One step of the session."""
        if self.over:
            assert not outputs, "something came after the hang-up"
            return
        if isinstance(given, reports.Report):
            assert not (self.is_stale(given) and outputs), f"{given} is stale, yet was answered"
        self._heard_about = given.item_id if isinstance(given, HEARING) else None
        if isinstance(given, reports.HeardAll | reports.NotHeard):
            self.unheard.discard(given.item_id)
        for output in outputs:
            self._sees(output)
        self._judges(given, outputs)
        self._judges_waiting()

    # --- what is true of each output -----------------------------------------------------------------------------

    def _sees(self, output: Output) -> None:
        match output:
            case said.SessionCreated() | said.SessionUpdated():
                self._sees_settings(output)
            case said.SpeechStarted() | said.SpeechStopped() | said.AudioCommitted() | said.AudioCleared():
                self._sees_turn(output)
            case said.ItemAdded() | said.ItemDone() | said.ItemDeleted() | said.ItemRetrieved() | said.ItemTruncated():
                self._sees_item(output)
            case said.TranscriptionDelta() | said.TranscriptionCompleted() | said.TranscriptionFailed():
                self._sees_words(output)
            case said.ConversationCreated() | said.Error():
                pass
            case said.ServerEvent():
                self._sees_response(output)
            case _:
                self._sees_effect(output)

    def _sees_settings(self, event: said.SessionCreated | said.SessionUpdated) -> None:
        assert isinstance(event, said.SessionUpdated) == (self.settings is not None)
        self.settings = event.session
        if not self.detecting:
            self.speaking = False

    def _sees_turn(
        self, event: said.SpeechStarted | said.SpeechStopped | said.AudioCommitted | said.AudioCleared
    ) -> None:
        match event:
            case said.SpeechStarted():
                assert self.detecting
                assert not self.speaking, "speech started twice"
                assert self.announced in (None, event.item_id)
                assert event.item_id not in self.order
                self.speaking, self.announced = True, event.item_id
            case said.SpeechStopped():
                assert self.speaking, "speech stopped that had not started"
                assert event.item_id == self.announced
                self.speaking = False
            case said.AudioCommitted():
                assert not self.speaking, "committed before speech stopped"
                assert self.announced in (None, event.item_id), "not the item that was announced"
                assert event.previous_item_id == (self.order[-1] if self.order else None)
                self.announced = None
            case said.AudioCleared():
                self.speaking, self.announced = False, None

    def _sees_item(
        self, event: said.ItemAdded | said.ItemDone | said.ItemDeleted | said.ItemRetrieved | said.ItemTruncated
    ) -> None:
        match event:
            case said.ItemAdded():
                assert event.item.id not in self.order, "an item was added twice"
                assert event.item.id != self.announced, "an announced id was given away"
                place = 0 if event.previous_item_id is None else self.order.index(event.previous_item_id) + 1
                self.order.insert(place, event.item.id)
                self._unfinished.add(event.item.id)
                self.items[event.item.id] = event.item
            case said.ItemDone():
                self._unfinished.remove(event.item.id)
                place = self.order.index(event.item.id)
                assert event.previous_item_id == (self.order[place - 1] if place else None)
                self.items[event.item.id] = event.item
            case said.ItemDeleted():
                assert event.item_id not in self._unfinished
                self.order.remove(event.item_id)
                self.unheard.discard(event.item_id)
                del self.items[event.item_id]
            case said.ItemRetrieved():
                assert event.item.id in self.order
            case said.ItemTruncated():
                assert event.item_id in self.order
        if isinstance(event, said.ItemAdded | said.ItemDone):
            for life in self.live.values():
                if life.in_conversation and life.item is not None and life.item.id == event.item.id:
                    life.goes_on(event)
                    assert event.item == life.item

    def _sees_words(
        self, event: said.TranscriptionDelta | said.TranscriptionCompleted | said.TranscriptionFailed
    ) -> None:
        assert self.settings is not None
        assert self.settings.audio.input.transcription is not None, "nobody had asked for words"
        if isinstance(event, said.TranscriptionFailed) and event.error.code == "rate_limit_exceeded":
            assert event.item_id == self.order[-1], "only the newest turn is given up"
            assert len(self.unheard) == MAX_UNHEARD_ITEMS, "there was room to transcribe it"
            return
        assert event.item_id == self._heard_about
        item = self.items[event.item_id]
        assert isinstance(item, Message)
        assert item.content[event.content_index] == InputAudio()

    def _sees_response(self, event: said.ServerEvent) -> None:
        match event:
            case said.ResponseCreated():
                self._sees_created(event.response)
            case said.ResponseDone():
                self._sees_done(event)
            case said.OutputItemAdded():
                life = self._life(event.response_id)
                life.goes_on(event)
                assert life.started, "content of a response that was never started"
                assert event.output_index == 0
                assert event.item == Message(id=event.item.id, role="assistant", status="in_progress", content=())
                life.item = event.item
            case said.OutputItemDone():
                life = self._life(event.response_id)
                life.goes_on(event)
                assert life.item is not None
                assert (event.item.id, event.output_index) == (life.item.id, 0)
                life.finished_item(event.item)
            case _:
                assert isinstance(event, Content), f"nobody expects {event}"
                life = self._life(event.response_id)
                life.goes_on(event)
                life.content(event)

    def _sees_created(self, response: said.ResponseObject) -> None:
        assert response.id not in self.live.keys() | self.done
        assert not self.draining, "a response began while the server was draining"
        assert (response.status, response.output, response.usage) == ("in_progress", (), None)
        assert response.conversation_id is None or self.writing is None, "two responses write the conversation"
        self.live[response.id] = Life(response)

    def _sees_done(self, event: said.ResponseDone) -> None:
        response, life = event.response, self._life(event.response.id)
        life.goes_on(event)
        del self.live[response.id]
        self.done.add(response.id)
        assert response.status != "in_progress"
        assert response.output == (() if life.item is None else (life.item,))
        assert response.status_details is not None
        assert response.status_details.type == response.status
        if life.item is not None:
            assert life.item.status == ("completed" if response.status == "completed" else "incomplete")
        assert life.stopped == (life.started and response.status == "cancelled"), "StopReply does not match the ending"
        assert response.metadata == life.created.metadata

    def _life(self, response_id: str) -> Life:
        assert response_id not in self.done, "an event after response.done"
        return self.live[response_id]

    def _sees_effect(self, effect: effects.Effect) -> None:
        match effect:
            case effects.StartReply():
                life = self.live[effect.response_id]
                assert not life.started, "a reply was started twice"
                life.started = True
                shown = life.created
                assert (effect.modality,) == shown.output_modalities
                assert effect.max_output_tokens == shown.max_output_tokens
                assert effect.output_format == shown.audio.output.format
                missing = self.unheard & {item.id for item in effect.items if _lacks_words(item)}
                assert not missing, f"a reply was started without the words of {missing}"
            case effects.StopReply():
                life = self.live[effect.response_id]
                assert life.started, "a reply was stopped that had not been started"
                assert not life.stopped, "a reply was stopped twice"
                life.stopped = True
            case effects.TranscribeInput() | effects.TranscribeItem():
                assert effect.item_id == self.order[-1] or isinstance(effect, effects.TranscribeItem)
                assert effect.item_id not in self._unfinished
                self.unheard.add(effect.item_id)
            case effects.TuneInput():
                self._tuned = effect.settings
                self._received.tune(effect.settings.format)
            case effects.Listen():
                self._received.add(effect.audio)
            case effects.DropInput():
                pass

    # --- what is true of each step -------------------------------------------------------------------------------

    def _judges(self, given: Given, outputs: list[Output]) -> None:
        errors = [output for output in outputs if isinstance(output, said.Error)]
        if errors:
            assert not isinstance(given, reports.Report), f"{given} was answered with {errors}"
            assert outputs == errors[:1], "an error is the only answer"
            assert errors[0].error.event_id == getattr(given, "event_id", None)
            assert errors[0].error.message
        created = any(isinstance(output, said.ResponseCreated) for output in outputs)
        if self.settings is not None:
            assert self._tuned == self.settings.audio.input, "the microphone has other settings than the client"
            detection = self.settings.audio.input.turn_detection
            if detection and detection.interrupt_response and isinstance(given, reports.SpeechBegan) and outputs:
                assert isinstance(outputs[0], said.SpeechStarted)
                assert self.writing is None, "the user was talked over"
                assert not created, "a reply began over the user's voice"
            if detection and detection.create_response and isinstance(given, reports.SpeechEnded) and outputs:
                assert self.draining or self.writing is not None, "the user was not answered"
        match given:
            case asked.AudioCommit():
                ends = [output.audio_end_ms for output in outputs if isinstance(output, said.SpeechStopped)]
                assert ends in ([], [self._received.whole_ms]), "the turn does not end where the audio ends"
            case reports.Draining():
                self.draining = True
                assert not outputs
            case reports.HungUp():
                self.over = True
                assert not self.live, "a response outlived the hang-up"
                assert not created

    def _judges_waiting(self) -> None:
        waiting = [id_ for id_, life in self.live.items() if not life.started]
        assert not waiting or self.unheard, f"{waiting} wait for nothing"
        assert self._unfinished == {
            life.item.id for life in self.live.values() if life.in_conversation and life.item is not None
        }


class Received:
    """The audio of a session, counted anew: whole samples only, each format at its own rate."""

    def __init__(self) -> None:
        self._samples_24k = 0
        self._odd = 0
        self._format: AudioFormat | None = None

    @property
    def whole_ms(self) -> int:
        return self._samples_24k // 24

    def tune(self, audio_format: AudioFormat) -> None:
        if audio_format != self._format:
            self._format, self._odd = audio_format, 0

    def add(self, audio: bytes) -> None:
        assert self._format is not None
        size = self._odd + len(audio)
        if isinstance(self._format, PcmFormat):
            self._samples_24k, self._odd = self._samples_24k + size // 2, size % 2
        else:
            self._samples_24k += size * 3


def _lacks_words(item: Item) -> bool:
    return isinstance(item, Message) and InputAudio() in item.content
