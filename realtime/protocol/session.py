"""The Realtime session as a pure object: client events and reports in, server events and effects out.

One session has one writer: whoever holds it passes in everything that happens, one thing at a time, and performs what
comes out in the order it comes. So the races that trouble servers of this protocol (two responses at once, a barge-in
that overtakes its commit, content after the end) cannot be written. Invariants, tested after every step of random
walks: one response writes the conversation; each `response.created` has exactly one `response.done` and no content
after it; every `…added` has its `…done`; a turn is live exactly between `speech_started` and `speech_stopped` (or
`cleared`, or the end of turn detection); a barge-in stops the reply before its own turn is committed; nothing starts
after a hang-up, and hanging up twice is once.

A wrong event changes nothing and is answered with one `error` that carries the event's id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol import client_events as asked
from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.admission import admit_item, admit_voice
from realtime.protocol.config import SessionConfig, merge_update, refuse_unsupported
from realtime.protocol.conversation import Conversation, characters_of
from realtime.protocol.items import InputAudio, Item, Message
from realtime.protocol.plan import plan_response
from realtime.protocol.responses import Output, Responses
from realtime.protocol.turn import Turn

MAX_UNHEARD_ITEMS = 8
"""User items that may wait for their words at once; a client that commits faster than that is told to slow down."""

MAX_GIVEN_CHARACTERS = 2_000_000
"""Text a client may put into its conversation, a thousand times what the embedded model reads: a bound on memory."""

Input: TypeAlias = asked.ClientEvent | reports.Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What this server offers a session."""

    voices: frozenset[str]
    max_buffer_ms: int = 10 * 60 * 1000


class Session:
    """One client's conversation with the assistant."""

    def __init__(self, config: SessionConfig, limits: Limits, new_id: NewId) -> None:
        refuse_unsupported(config)
        self.id = new_id("sess")
        self.config = config
        self._limits = limits
        self._new_id = new_id
        self._conversation = Conversation(new_id("conv"))
        self._turn = Turn(new_id, limits.max_buffer_ms)
        self._responses = Responses(self._conversation, new_id)
        self._unheard: set[str] = set()
        self._given_characters = 0
        self._turn_unanswered = False
        self._has_spoken = False
        self._draining = False
        self._over = False

    @property
    def busy(self) -> bool:
        """Whether a response is in progress."""
        return self._responses.busy

    def open(self) -> list[Output]:
        """The first words of the server."""
        conversation = said.ConversationObject(id=self._conversation.id)
        return [
            said.SessionCreated(session=self._describe()),
            said.ConversationCreated(conversation=conversation),
            effects.TuneInput(self.config.audio.input),
        ]

    def receive(self, event: Input) -> list[Output]:
        """What follows from `event`, in order."""
        if self._over:
            return []
        try:
            return [*self._handle(event), *self._answer_left_over()]
        except InvalidRequest as problem:
            return self.refuse(problem, getattr(event, "event_id", None))

    def refuse(self, problem: InvalidRequest, event_id: str | None) -> list[Output]:
        """Tell the client what was wrong with its event."""
        if self._over:
            return []
        detail = said.ErrorDetail(
            type="invalid_request_error",
            code=problem.reason,
            message=problem.message,
            param=problem.param,
            event_id=event_id,
        )
        return [said.Error(error=detail)]

    def _handle(self, event: Input) -> list[Output]:
        match event:
            case asked.AudioAppend():
                return self._append(event)
            case asked.AudioCommit():
                return self._commit_by_hand()
            case asked.AudioClear():
                self._turn.drop()
                return [effects.DropInput(), said.AudioCleared()]
            case asked.SessionUpdate():
                return self._update(event)
            case asked.ItemCreate():
                return self._create_item(event)
            case asked.ItemRetrieve():
                return [said.ItemRetrieved(item=self._conversation.get(event.item_id))]
            case asked.ItemTruncate():
                end_ms = self._conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
                return [
                    said.ItemTruncated(item_id=event.item_id, content_index=event.content_index, audio_end_ms=end_ms)
                ]
            case asked.ItemDelete():
                return self._delete_item(event)
            case asked.ResponseCreate():
                return self._create_response(event)
            case asked.ResponseCancel():
                return self._responses.cancel(event.response_id)
            case asked.OutputAudioClear():
                raise InvalidRequest(
                    "'output_audio_buffer.clear' is for transports on which the server plays the audio; "
                    "on a WebSocket, cancel the response and stop playing.",
                    code="unsupported_event",
                    param="type",
                )
            case reports.SpeechBegan():
                return self._speech_began(event)
            case reports.SpeechEnded():
                return self._speech_ended(event)
            case reports.Heard() | reports.HeardAll() | reports.NotHeard():
                return self._heard(event)
            case reports.Spoke():
                told = self._responses.report(event)
                self._has_spoken = self._has_spoken or bool(told and event.audio)
                return told
            case reports.Began() | reports.Wrote() | reports.Answered() | reports.Failed():
                return self._responses.report(event)
            case reports.Draining():
                self._draining = True
                self._turn_unanswered = False
                return []
            case reports.HungUp():
                self._over = True
                return self._responses.stop_all()

    # --- configuration -------------------------------------------------------------------------------------------

    def _update(self, event: asked.SessionUpdate) -> list[Output]:
        before, after = self.config, merge_update(self.config, event.session)
        if after.model != before.model:
            raise InvalidRequest("A session's model cannot be changed.", code="invalid_value", param="session.model")
        if after.audio.output.voice != before.audio.output.voice:
            self._admit_voice(after.audio.output.voice, param="session.audio.output.voice")
        self.config = after
        told = said.SessionUpdated(session=self._describe())
        if after.audio.input == before.audio.input:
            return [told]
        if after.audio.input.format != before.audio.input.format:
            self._turn.change_format()
        if after.audio.input.turn_detection is None and before.audio.input.turn_detection is not None:
            self._turn.stop_detecting()
        return [effects.TuneInput(after.audio.input), told]

    def _admit_voice(self, voice: object, param: str) -> None:
        admit_voice(voice, self._limits.voices, param)
        if self._has_spoken:
            raise InvalidRequest(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param=param,
            )

    def _describe(self) -> said.SessionObject:
        chosen = {field: getattr(self.config, field) for field in SessionConfig.__struct_fields__}
        return said.SessionObject(id=self.id, **chosen)

    # --- the user's audio ----------------------------------------------------------------------------------------

    def _append(self, event: asked.AudioAppend) -> list[Output]:
        settings = self.config.audio.input
        self._turn.append(len(event.audio), settings.format, bounded=settings.turn_detection is None)
        return [effects.Listen(event.audio)]

    def _speech_began(self, report: reports.SpeechBegan) -> list[Output]:
        detection = self.config.audio.input.turn_detection
        if detection is None or self._turn.speaking:
            return []
        item_id = self._turn.begin(report.audio_start_ms)
        started = said.SpeechStarted(audio_start_ms=report.audio_start_ms, item_id=item_id)
        if not detection.interrupt_response:
            return [started]
        self._turn_unanswered = False  # its answer would talk over this one; they are answered together
        return [started, *self._responses.interrupt()]

    def _speech_ended(self, report: reports.SpeechEnded) -> list[Output]:
        detection = self.config.audio.input.turn_detection
        if detection is None or not self._turn.speaking:
            return []
        self._turn_unanswered = detection.create_response and not self._draining
        return self._commit(stopped_at_ms=report.audio_end_ms)

    def _commit_by_hand(self) -> list[Output]:
        self._turn.check_commit()
        self._check_unheard()
        return self._commit(stopped_at_ms=self._turn.received_ms)

    def _check_unheard(self) -> None:
        if len(self._unheard) >= MAX_UNHEARD_ITEMS:
            raise InvalidRequest(
                f"{len(self._unheard)} items are still being transcribed; wait for some of them.",
                code="rate_limit_exceeded",
            )

    def _commit(self, stopped_at_ms: int) -> list[Output]:
        speaking = self._turn.speaking
        item = Message(id=self._turn.commit(), role="user", content=(InputAudio(),))
        previous = self._conversation.last_id
        self._conversation.add(item)
        self._unheard.add(item.id)
        stopped = [said.SpeechStopped(audio_end_ms=stopped_at_ms, item_id=item.id)] if speaking else []
        return [
            *stopped,
            said.AudioCommitted(previous_item_id=previous, item_id=item.id),
            *self._added(item),
            *self._transcribe(item.id),
        ]

    def _transcribe(self, item_id: str) -> list[Output]:
        """Put the turn into words, unless turns end faster than that can be done."""
        if len(self._unheard) <= MAX_UNHEARD_ITEMS:
            return [effects.TranscribeInput(item_id)]
        too_many = f"{MAX_UNHEARD_ITEMS} items are still being transcribed; this one is not."
        given_up = reports.NotHeard(item_id=item_id, code="rate_limit_exceeded", message=too_many)
        return [effects.DropInput(), *self._heard(given_up)]

    def _heard(self, report: reports.Heard | reports.HeardAll | reports.NotHeard) -> list[Output]:
        if report.item_id not in self._unheard:
            return []
        wanted = self.config.audio.input.transcription is not None
        item_id, index = report.item_id, self._conversation.unheard_part(report.item_id)
        match report:
            case reports.Heard():
                delta = said.TranscriptionDelta(item_id=item_id, content_index=index, delta=report.text)
                return [delta] if wanted else []
            case reports.HeardAll():
                self._unheard.remove(item_id)
                self._conversation.hear(item_id, report.text)
                usage = said.DurationUsage(seconds=report.speech_seconds)
                told = said.TranscriptionCompleted(
                    item_id=item_id, content_index=index, transcript=report.text, usage=usage
                )
                return [*([told] if wanted else []), *self._responses.heard(item_id)]
            case reports.NotHeard():
                self._unheard.remove(item_id)
                error = said.TranscriptionError(type="server_error", code=report.code, message=report.message)
                failed = said.TranscriptionFailed(item_id=item_id, content_index=index, error=error)
                return [
                    *([failed] if wanted else []),
                    *self._responses.not_heard(item_id, report.code, report.message),
                ]

    # --- items ---------------------------------------------------------------------------------------------------

    def _create_item(self, event: asked.ItemCreate) -> list[Output]:
        item, audio = admit_item(event.item, self._new_id, param="item")
        if item.id == self._turn.announced_id:
            raise InvalidRequest(
                f"The id '{item.id}' was announced for the user's turn.", code="item_id_in_use", param="item.id"
            )
        self._check_given(characters_of(item))
        if audio is not None:
            self._check_unheard()
        self._conversation.add(item, after=event.previous_item_id)
        self._given_characters += characters_of(item)
        if audio is None:
            return self._added(item)
        self._unheard.add(item.id)
        return [*self._added(item), effects.TranscribeItem(item.id, audio)]

    def _check_given(self, characters: int) -> None:
        if self._given_characters + characters > MAX_GIVEN_CHARACTERS:
            raise InvalidRequest(
                f"A conversation may be given at most {MAX_GIVEN_CHARACTERS} characters of text.",
                code="string_above_max_length",
                param="item",
            )

    def _delete_item(self, event: asked.ItemDelete) -> list[Output]:
        item = self._conversation.get(event.item_id)
        if item.status == "in_progress":
            raise InvalidRequest(
                "The item is still being made; cancel its response first.", code="item_in_progress", param="item_id"
            )
        self._conversation.delete(event.item_id)
        stop: list[Output] = []
        if event.item_id in self._unheard:
            self._unheard.remove(event.item_id)
            stop = [effects.StopTranscription(event.item_id)]
        return [*stop, said.ItemDeleted(item_id=event.item_id), *self._responses.heard(event.item_id)]

    def _added(self, item: Item) -> list[Output]:
        previous = self._conversation.previous_id(item.id)
        return [
            said.ItemAdded(previous_item_id=previous, item=item),
            said.ItemDone(previous_item_id=previous, item=item),
        ]

    # --- responses -----------------------------------------------------------------------------------------------

    def _create_response(self, event: asked.ResponseCreate) -> list[Output]:
        if self._draining:
            raise InvalidRequest("The server is shutting down; connect again.", code="server_shutting_down")
        params = event.response or asked.ResponseParams()
        if params.audio.output.voice not in (None, self.config.audio.output.voice):
            self._admit_voice(params.audio.output.voice, param="response.audio.output.voice")
        plan = plan_response(self.config, params, self._conversation)
        return self._responses.create(plan, frozenset(self._unheard))

    def _answer_left_over(self) -> list[Output]:
        """Answer the user's turn, now or as soon as the response that is still speaking is over."""
        if self._over or not self._turn_unanswered or self._responses.in_conversation:
            return []
        self._turn_unanswered = False
        plan = plan_response(self.config, asked.ResponseParams(), self._conversation)
        return self._responses.create(plan, frozenset(self._unheard))
