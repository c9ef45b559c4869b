"""Somebody who watches one session from outside and objects to the first thing that must not be.

The witness knows what went in and what came out, nothing else, and keeps its own picture of the conversation from
that. Every client of these tests has one, so each of them checks every rule below after each step, besides what it is
about:

1. at most one response writes the conversation, and none in a transcription session;
2. each `response.created` has exactly one `response.done`, and nothing about a response comes after it, save the end
   of the MCP tools that it called;
3. the events about an item come in OpenAI's order, and every `…added` has its one `…done` (`life`);
4. what the deltas said, the `…done` events, the item and `response.done` say too, and the usage of what was read;
5. somebody is speaking between `speech_started` and `speech_stopped` (or `cleared`, or the end of turn detection), the
   item that is committed has the id that was announced, and words come early only of that item;
6. a barge-in leaves no response that writes the conversation, and begins none;
7. `previous_item_id` always describes the order of one and the same list;
8. a reply is started once, for a response that lives, with all words of its context; only a started one is stopped,
   before its events end; a response that has not started waits for words or for tools;
9. the settings shown to the client are those the microphone was tuned to, and a turn that the client ends itself ends
   where all audio passed on to the microphone ends;
10. an `error` is the only answer to the event it is about, carries that event's id, and answers no report but the one
    that the session has expired;
11. after a drain begins no response is created; after a hang-up or the end of the session's time nothing comes at all;
12. an MCP server is asked once the item is there, and what it reports later counts once; a call that needs approval is
    made when the client has approved, as it was shown (`servers`);
13. silence is awaited after an answer, by turns with not awaiting it, and `timeout_triggered` comes of nothing else;
14. where the time went is told as it was reported, of a message of a response in progress, if the session includes it;
15. where interruptions are confirmed, the voice is held from `ducked` to `resumed` or `speech_started`, and then only.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UNSET

from realtime.protocol import client_events as asked
from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.config import LOGPROBS, RESPONSE_TIMING, AudioInput
from realtime.protocol.hearing import MAX_UNHEARD_ITEMS
from realtime.protocol.interruption import OutputDucked, OutputResumed
from realtime.protocol.items import (
    InputAudio,
    Item,
    Message,
)
from realtime.protocol.response import Output
from realtime.protocol.session_object import AnySessionObject, SessionObject
from realtime.protocol.timing import ResponseTiming
from realtime.protocol.tools import ChosenMcp, FunctionTool
from realtime.protocol.wire import UnreadableEvent
from realtime.protocol.wishes import Wish
from tests.protocol.ears import Ears, Received
from tests.protocol.life import Life
from tests.protocol.made import Made
from tests.protocol.servers import Servers

Given: TypeAlias = asked.ClientEvent | Wish | reports.Report | UnreadableEvent | None
"""What went in; None for the opening of the session."""

HEARING = reports.Heard | reports.HeardAll | reports.NotHeard
TOOLS = reports.ToolsListed | reports.ToolsNotListed | reports.ToolAnswered | reports.ToolFailed
TURN = said.SpeechStarted | said.SpeechStopped | said.AudioCommitted | said.AudioCleared | said.TimeoutTriggered
ITEM = said.ItemAdded | said.ItemDone | said.ItemDeleted | said.ItemRetrieved | said.ItemTruncated
WORDS = said.TranscriptionDelta | said.TranscriptionCompleted | said.TranscriptionFailed


class Witness:
    """Watches one session."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.items: dict[str, Item] = {}
        self.unheard: set[str] = set()
        self.made = Made()
        self.ears = Ears()
        self.settings: AnySessionObject | None = None
        self.draining = False
        self.over = False
        self._tuned: AudioInput | None = None
        self._received = Received()
        self._given: Given = None

    @property
    def detecting(self) -> bool:
        """Whether the server looks for turns."""
        return self.settings is not None and self.settings.audio.input.turn_detection is not None

    @property
    def live(self) -> dict[str, Life]:
        """The responses in progress."""
        return self.made.live

    @property
    def servers(self) -> Servers:
        """The MCP servers."""
        return self.made.servers

    def is_stale(self, report: reports.Report) -> bool:
        """Whether a report is about something that is over, or has never been."""
        match report:
            case reports.Heard():
                return report.item_id not in self.unheard | {self.ears.following}
            case reports.HeardAll() | reports.NotHeard():
                return report.item_id not in self.unheard
            case reports.SpeechBegan():
                return not self.detecting or self.ears.speaking
            case reports.SpeechSuspected():
                ears = self.ears
                return not ears.confirms or ears.speaking or bool(ears.ducked) or ears.heard is None
            case reports.SpeechDismissed():
                return not self.ears.ducked
            case reports.SpeechEnded():
                return not self.ears.speaking
            case reports.NobodySpoke():
                return not self.ears.awaiting
            case reports.Draining() | reports.HungUp() | reports.Expired():
                return False
            case reports.ToolsListed() | reports.ToolsNotListed() | reports.ToolAnswered() | reports.ToolFailed():
                return self.servers.is_stale(report)
        return report.response_id not in self.live or not self.live[report.response_id].started

    def saw(self, given: Given, outputs: list[Output]) -> None:
        """One step of the session."""
        if self.over:
            assert not outputs, "something came after the end"
            return
        self._given = given
        if isinstance(given, reports.Report):
            stale = self.is_stale(given)
            assert not (stale and outputs), f"{given} is stale, yet was answered"
            if isinstance(given, reports.ReplyReport) and not stale:
                self.live[given.response_id].reads(given)
        if isinstance(given, reports.HeardAll | reports.NotHeard):
            self.unheard.discard(given.item_id)
        answered = self.made.writing is not None
        for output in outputs:
            self._sees(output)
        self._judges(given, outputs)
        self._judges_rest(answered and self.made.writing is None)

    # --- what is true of each output -----------------------------------------------------------------------------

    def _sees(self, output: Output) -> None:
        match output:
            case said.SessionCreated() | said.SessionUpdated():
                self._sees_settings(output)
            case (
                said.SpeechStarted()
                | said.SpeechStopped()
                | said.AudioCommitted()
                | said.AudioCleared()
                | said.TimeoutTriggered()
            ):
                self._sees_turn(output)
            case said.ItemAdded() | said.ItemDone() | said.ItemDeleted() | said.ItemRetrieved() | said.ItemTruncated():
                self._sees_item(output)
            case said.TranscriptionDelta() | said.TranscriptionCompleted() | said.TranscriptionFailed():
                self._sees_words(output)
            case OutputDucked() | OutputResumed():
                self.ears.hear_voice(output)
            case said.ConversationCreated() | said.Error():
                pass
            case said.RateLimitsUpdated():
                assert isinstance(self._given, reports.Allowance)
                assert output.rate_limits == self._given.limits
            case said.ResponseCreated():
                assert self.settings is not None
                assert self.settings.type == "realtime", "a transcription session answered"
                assert not self.draining, "a response began while the server was draining"
                self.made.sees_created(output.response)
            case ResponseTiming():
                assert self.settings is not None
                assert RESPONSE_TIMING in (self.settings.include or ()), "nobody had asked where the time went"
                assert isinstance(self._given, reports.Timed)
                assert (output.response_id, output.timing) == (self._given.response_id, self._given.waterfall)
                self.made.sees_timing(output)
            case said.ServerEvent():
                self.made.sees(output)
                if isinstance(output, said.AudioDelta):
                    self.ears.hear_voice(output)
                if isinstance(output, said.ResponseDone):
                    self.ears.hear_end_of(output.response)
            case _:
                self._sees_effect(output)

    def _sees_settings(self, event: said.SessionCreated | said.SessionUpdated) -> None:
        assert isinstance(event, said.SessionUpdated) == (self.settings is not None)
        before, self.settings = self.settings, event.session
        if isinstance(before, SessionObject) and before.tracing is not None:
            assert isinstance(event.session, SessionObject)
            assert event.session.tracing == before.tracing, "tracing was changed"
        if before is not None and before.type != event.session.type:
            assert not [*self.order, *self.live], "the type of a session that had begun was changed"
        self.ears.tuned(event.session)

    def _sees_turn(self, event: TURN) -> None:
        assert self.settings is not None
        match event:
            case said.SpeechStarted():
                assert event.item_id not in self.order
                self.ears.hear_speech(event.item_id)
            case said.SpeechStopped():
                self.ears.hear_end(event.item_id)
            case said.AudioCommitted():
                assert event.previous_item_id == (self.order[-1] if self.order else None)
                self.ears.commit(event.item_id)
            case said.AudioCleared():
                self.ears.clear()
            case said.TimeoutTriggered():
                assert isinstance(self._given, reports.NobodySpoke), "nobody had said that nobody spoke"
                assert 0 <= event.audio_start_ms <= event.audio_end_ms == self._received.whole_ms
                self.ears.time_out(event.item_id)

    def _sees_item(self, event: ITEM) -> None:
        match event:
            case said.ItemAdded():
                self._sees_added(event)
            case said.ItemDone():
                place = self.order.index(event.item.id)
                assert event.previous_item_id == (self.order[place - 1] if place else None)
                self.items[event.item.id] = event.item
                self.made.sees_done(event)
            case said.ItemDeleted():
                assert event.item_id not in self.made.lives
                self.order.remove(event.item_id)
                self.unheard.discard(event.item_id)
                del self.items[event.item_id]
            case said.ItemRetrieved():
                assert event.item.id in self.order
            case said.ItemTruncated():
                assert event.item_id in self.order

    def _sees_added(self, event: said.ItemAdded) -> None:
        item = event.item
        assert item.id not in self.order, "an item was added twice"
        assert item.id != self.ears.announced, "an announced id was given away"
        place = 0 if event.previous_item_id is None else self.order.index(event.previous_item_id) + 1
        self.order.insert(place, item.id)
        self.items[item.id] = item
        self.made.sees_added(event)

    def _sees_words(self, event: WORDS) -> None:
        assert self.settings is not None
        assert self.settings.audio.input.transcription is not None, "nobody had asked for words"
        if not isinstance(event, said.TranscriptionFailed):
            wanted = LOGPROBS in (self.settings.include or ())
            assert (event.logprobs is not UNSET) == wanted, "probabilities that nobody asked for, or none"
        elif event.error.code == "rate_limit_exceeded":
            assert event.item_id == self.order[-1], "only the newest turn is given up"
            assert len(self.unheard) == MAX_UNHEARD_ITEMS, "there was room to transcribe it"
            return
        assert isinstance(self._given, HEARING)
        assert event.item_id == self._given.item_id
        if event.item_id == self.ears.following:
            assert isinstance(event, said.TranscriptionDelta), "words that may still go on were told as all"
            return
        item = self.items[event.item_id]
        assert isinstance(item, Message)
        assert item.content[event.content_index] == InputAudio()

    def _sees_effect(self, effect: effects.Effect) -> None:
        match effect:
            case effects.StartReply():
                self.made.sees_start(effect, self.unheard)
            case effects.ReadAhead():
                assert isinstance(self.settings, SessionObject), "nobody answers here"
                assert effect.reply.instructions == self.settings.instructions
                offered = {tool.name for tool in effect.reply.tools}
                functions = {tool.name for tool in self.settings.tools if isinstance(tool, FunctionTool)}
                assert offered >= functions or isinstance(self.settings.tool_choice, ChosenMcp)
            case effects.StopReply():
                self.made.sees_stop(effect)
            case effects.HoldVoice() | effects.ReleaseVoice():
                self.ears.hold(isinstance(effect, effects.HoldVoice))
            case effects.TranscribeInput() | effects.TranscribeItem():
                assert effect.item_id == self.order[-1] or isinstance(effect, effects.TranscribeItem)
                assert effect.item_id not in self.made.lives
                self.unheard.add(effect.item_id)
            case effects.TuneInput():
                self._tuned = effect.settings
                self._received.tune(effect.settings.format)
            case effects.Listen():
                self._received.add(effect.audio)
            case effects.FollowInput():
                assert effect.item_id not in self.order
                self.ears.follow(effect.item_id)
            case effects.AwaitSpeech():
                assert self.made.writing is None, "silence is awaited while there is an answer"
                assert not self.draining
                self.ears.await_speech(effect.within_ms)
            case effects.StopAwaitingSpeech():
                self.ears.stop_awaiting()
            case effects.ListTools() | effects.CallTool():
                self.servers.works(effect, self.made.lives[effect.item_id])
            case effects.StopTranscription():
                assert effect.item_id in self.unheard, "nobody transcribes it"
            case effects.ForgetItem() | effects.ShowItem():
                item = self.items[effect.item_id if isinstance(effect, effects.ForgetItem) else effect.item.id]
                assert isinstance(item, Message)
                assert any(isinstance(part, InputAudio) for part in item.content)
            case effects.Trace():
                assert isinstance(self.settings, SessionObject)
                assert self.settings.tracing is not None
            case effects.DropInput():
                pass

    # --- what is true of each step -------------------------------------------------------------------------------

    def _judges(self, given: Given, outputs: list[Output]) -> None:
        errors = [output for output in outputs if isinstance(output, said.Error)]
        if isinstance(given, reports.Expired):
            assert outputs[-1:] == errors, "the session's end is told last"
            assert [error.error.code for error in errors] == ["session_expired"]
        elif errors:
            assert not isinstance(given, reports.Report), f"{given} was answered with {errors}"
            assert outputs == errors[:1], "an error is the only answer"
            assert errors[0].error.event_id == getattr(given, "event_id", None)
            assert errors[0].error.message
        self._judges_turns(given, outputs)
        self._judges_doubt(given, outputs)
        match given:
            case asked.AudioCommit():
                ends = [output.audio_end_ms for output in outputs if isinstance(output, said.SpeechStopped)]
                assert ends in ([], [self._received.whole_ms]), "the turn does not end where the audio ends"
            case reports.Draining():
                self.draining = True
                assert outputs in ([], [effects.StopAwaitingSpeech()])
            case reports.HungUp() | reports.Expired():
                self.over = True
                assert not self.live, "a response outlived the session"
                assert not _begins(outputs)

    def _judges_turns(self, given: Given, outputs: list[Output]) -> None:
        if self.settings is None or self.over:
            return
        heard = self.settings.audio.input
        assert self._tuned == heard, "the microphone has other settings than the client"
        detection, answers = heard.turn_detection, self.settings.type == "realtime"
        if detection and isinstance(given, reports.SpeechBegan) and outputs:
            assert isinstance(outputs[0], said.SpeechStarted)
            if detection.interrupt_response:
                assert self.made.writing is None, "the user was talked over"
                assert not _begins(outputs), "a reply began over the user's voice"
        if detection and detection.create_response and isinstance(given, reports.SpeechEnded) and outputs:
            assert self.draining or self.made.writing is not None or not answers, "the user was not answered"
        begins = isinstance(given, reports.SpeechBegan) or (isinstance(given, asked.AudioAppend) and not detection)
        if begins and outputs and not any(isinstance(output, said.Error) for output in outputs):
            assert self.ears.following or not self.ears.wants_words_early, "nobody listens for the words"

    def _judges_doubt(self, given: Given, outputs: list[Output]) -> None:
        if isinstance(given, reports.SpeechSuspected) and outputs:
            assert [type(output) for output in outputs] == [OutputDucked, effects.HoldVoice]
        if isinstance(given, reports.SpeechDismissed) and outputs:
            assert [type(output) for output in outputs] == [OutputResumed, effects.ReleaseVoice]

    def _judges_rest(self, answered: bool) -> None:
        waiting = [id_ for id_, life in self.live.items() if not life.started]
        assert not waiting or self.unheard or self.servers.listing, f"{waiting} wait for nothing"
        if not self.over:
            self.made.judge_rest()
            self.ears.judge_doubt()
            self.ears.judge_silence(answered, may_wait=not (self.draining or self.made.writing))


def _begins(outputs: list[Output]) -> bool:
    return any(isinstance(output, said.ResponseCreated) for output in outputs)
