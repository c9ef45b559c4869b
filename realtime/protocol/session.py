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

from dataclasses import replace
from typing import Any, TypeAlias

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol import client_events as asked
from realtime.protocol import effects, reports, wishes
from realtime.protocol import server_events as said
from realtime.protocol.config import RESPONSE_TIMING, SemanticVad, SessionConfig, TracingLabels, confirms_barge_in
from realtime.protocol.conversation import Conversation
from realtime.protocol.editing import Editing, has_sound
from realtime.protocol.faults import shorten
from realtime.protocol.hearing import Hearing
from realtime.protocol.idle import Idle
from realtime.protocol.interruption import Interruption
from realtime.protocol.items import InputAudio, Message
from realtime.protocol.offer import Offer
from realtime.protocol.plan import plan_response, tools_of
from realtime.protocol.response import Output, Plan, start_reply
from realtime.protocol.responses import Responses
from realtime.protocol.session_object import AnySessionObject, describe_session
from realtime.protocol.tool_servers import ToolServers
from realtime.protocol.turn import Turn
from realtime.protocol.unanswered import Unanswered

Input: TypeAlias = asked.ClientEvent | wishes.Wish | reports.Report


class Session:
    """One client's conversation with the assistant."""

    def __init__(self, config: SessionConfig, offer: Offer, new_id: NewId) -> None:
        offer.check_session(config)
        self.id = new_id("sess")
        self.config = config
        self._offer = offer
        self._conversation = Conversation(new_id("conv"))
        self._turn = Turn(new_id, offer.max_buffer_ms)
        self._hearing = Hearing(self._conversation, self._turn, lambda: self.config)
        self._servers = ToolServers(self._conversation, new_id)
        self._responses = Responses(self._conversation, self._servers, new_id)
        self._editing = Editing(self._conversation, self._hearing, self._servers, offer, new_id)
        self._idle = Idle()
        self._interruption = Interruption()
        self._unanswered = Unanswered()
        self._turn_unanswered = False
        self._has_spoken = False
        self._draining = False
        self._over = False

    @property
    def busy(self) -> bool:
        """Whether a response is in progress."""
        return self._responses.busy

    @property
    def interrupts(self) -> bool:
        """Whether a client that is told of speech is to stop playing."""
        detection = self.config.audio.input.turn_detection
        return detection is not None and detection.interrupt_response

    @property
    def heeds_words(self) -> bool:
        """Whether what is said has a part in when a turn is over."""
        return isinstance(self.config.audio.input.turn_detection, SemanticVad)

    def open(self) -> list[Output]:
        """The first words of the server."""
        conversation = said.ConversationObject(id=self._conversation.id)
        return [
            said.SessionCreated(session=self._describe()),
            said.ConversationCreated(conversation=conversation),
            effects.TuneInput(self.config.audio.input),
            *self._trace(),
            *self._servers.settle(self.config.tools, "session.tools"),
            *self._read_ahead(),
        ]

    def receive(self, event: Input) -> list[Output]:
        """What follows from `event`, in order."""
        if self._over:
            return []
        try:
            outputs = [*self._handle(event), *self._answer_left_over(), *self._watch_silence()]
        except InvalidRequest as problem:
            return self.refuse(problem, getattr(event, "event_id", None))
        self._unanswered.note(event, outputs)
        self._interruption.hear(outputs)
        return outputs

    def foresee(self, words: str) -> effects.StartReply | None:
        """The reply that will be wanted if the user's turn ends now and has been these words; None if none will be.

        Nothing follows from asking. The reply belongs to no response yet.
        """
        waits = self._responses.in_conversation or self._hearing.unheard
        if self._over or not self._is_answered or waits or not words.strip():
            return None
        plan = self._plan_next()
        if plan is None or plan.unlisted:
            return None
        item = Message(id=self._turn.announced_id or "", role="user", content=(InputAudio(transcript=words),))
        return start_reply("", plan, (*self._conversation.resolve(plan.context), item))

    def refuse(self, problem: InvalidRequest, event_id: str | None) -> list[Output]:
        """Tell the client what was wrong with its event."""
        if self._over:
            return []
        detail = said.ErrorDetail(
            type="invalid_request_error",
            code=problem.reason,
            message=shorten(problem.message),
            param=problem.param and shorten(problem.param),
            event_id=event_id,
        )
        return [said.Error(error=detail)]

    def _handle(self, event: Input) -> list[Output]:
        match event:
            case asked.AudioAppend():
                return self._hearing.append(event.audio)
            case asked.AudioCommit():
                self._turn.check_commit()
                return self._commit()
            case asked.AudioClear():
                return [*self._interruption.end(), *self._hearing.drop(), said.AudioCleared()]
            case asked.SessionUpdate():
                return self._update(event.session)
            case asked.ItemCreate():
                return self._editing.create(event.item, event.previous_item_id)
            case asked.ItemRetrieve():
                item = self._conversation.get(event.item_id)
                return [effects.ShowItem(item) if has_sound(item) else said.ItemRetrieved(item=item)]
            case asked.ItemTruncate():
                end_ms = self._conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
                return [
                    said.ItemTruncated(item_id=event.item_id, content_index=event.content_index, audio_end_ms=end_ms)
                ]
            case asked.ItemDelete():
                return [*self._editing.delete(event.item_id), *self._responses.known(event.item_id)]
            case asked.ResponseCreate():
                return self._create_response(event.response or asked.ResponseParams())
            case asked.ResponseCancel():
                return self._responses.cancel(event.response_id)
            case asked.OutputAudioClear():
                raise InvalidRequest(
                    "'output_audio_buffer.clear' is for transports on which the server plays the audio; "
                    "on a WebSocket, cancel the response and stop playing.",
                    code="unsupported_event",
                    param="type",
                )
            case wishes.EndTurn():
                return self._end_turn()
            case wishes.AnswerRest():
                self._unanswered.want(event)
                return []
            case wishes.SaidAll():
                return self._end_turn() if self._hearing.turn_is_open else []
            case _:
                return self._take_report(event)

    def _take_report(self, report: reports.Report) -> list[Output]:
        match report:
            case reports.SpeechBegan():
                return self._speech_began(report)
            case reports.SpeechSuspected():
                detection = self.config.audio.input.turn_detection
                return [] if self._hearing.speaking else self._interruption.suspect(detection)
            case reports.SpeechDismissed():
                return self._interruption.end()
            case reports.SpeechEnded():
                return self._speech_ended(report)
            case reports.NobodySpoke():
                return self._nobody_spoke()
            case reports.Heard():
                return self._hearing.hear(report)
            case reports.HeardAll() | reports.NotHeard() if report.item_id not in self._hearing.unheard:
                return []
            case reports.HeardAll():
                return [*self._hearing.hear(report), *self._responses.known(report.item_id)]
            case reports.NotHeard():
                failed = self._responses.not_heard(report.item_id, report.code, report.message)
                return [*self._hearing.hear(report), *failed]
            case reports.Spoke():
                told = self._responses.report(report)
                self._has_spoken = self._has_spoken or bool(told and report.audio)
                return told
            case reports.Timed() if RESPONSE_TIMING not in (self.config.include or ()):
                return []
            case reports.ToolsListed() | reports.ToolsNotListed():
                return self._servers_told(report)
            case reports.ToolAnswered() | reports.ToolFailed():
                return self._servers.ended(report)
            case reports.Draining():
                self._draining = True
                return []
            case reports.Expired():
                return self._expire()
            case reports.HungUp():
                self._over = True
                return self._responses.stop_all()
            case _:
                return self._responses.report(report)

    def _servers_told(self, report: reports.ToolsListed | reports.ToolsNotListed) -> list[Output]:
        told = self._servers.told(report)
        if not told:
            return []
        waited = self._responses.known(report.item_id)
        changed = isinstance(report, reports.ToolsListed) and not waited  # a response reads it anyway
        return [*told, *waited, *(self._read_ahead() if changed else [])]

    def _expire(self) -> list[Output]:
        self._over = True
        detail = said.ErrorDetail(
            type="invalid_request_error",
            code="session_expired",
            message="Your session has lasted as long as sessions may on this server; connect again.",
        )
        return [*self._responses.stop_all(), said.Error(error=detail)]

    # --- configuration -------------------------------------------------------------------------------------------

    def _update(self, update: dict[str, Any]) -> list[Output]:
        before, after = self.config, self._offer.accept(self.config, update)
        self._check_change(before, after)
        listing = self._servers.settle(after.tools, "session.tools") if "tools" in update else []
        self.config = after
        told = said.SessionUpdated(session=self._describe())
        trace = self._trace() if after.tracing != before.tracing else []
        rest = [*trace, *listing, *(self._read_ahead() if _reads_differently(before, after) else [])]
        if after.audio.input == before.audio.input:
            return [told, *rest]
        if after.audio.input.format != before.audio.input.format:
            self._turn.change_format()
        if after.audio.input.turn_detection is None and before.audio.input.turn_detection is not None:
            self._turn.stop_detecting()
        doubted = [] if confirms_barge_in(after.audio.input.turn_detection) else self._interruption.end()
        return [effects.TuneInput(after.audio.input), told, *doubted, *rest]

    def _check_change(self, before: SessionConfig, after: SessionConfig) -> None:
        if after.model != before.model != self._offer.default_model:
            raise InvalidRequest("A session's model cannot be changed.", param="session.model")
        begun = self._conversation.items or self._turn.received_ms or self._responses.busy
        if after.type != before.type and begun:
            raise InvalidRequest("A session's type cannot be changed once it has begun.", param="session.type")
        if before.tracing is not None and after.tracing != before.tracing:
            raise InvalidRequest("Tracing cannot be changed once it is enabled.", param="session.tracing")
        if after.audio.output.voice != before.audio.output.voice:
            self._check_voice_can_change("session.audio.output.voice")

    def _check_voice_can_change(self, param: str) -> None:
        if self._has_spoken:
            raise InvalidRequest(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param=param,
            )

    def _describe(self) -> AnySessionObject:
        return describe_session(self.config, self.id, self._offer.expires_at)

    def _read_ahead(self) -> list[Output]:
        """What every response will begin with may be long: the model can read it before anybody has spoken."""
        if self.config.type != "realtime" or not (self.config.instructions or self.config.tools):
            return []
        plan = self._plan_next()
        return [effects.ReadAhead(start_reply("", plan, self._conversation.items))] if plan else []

    def _plan_next(self) -> Plan | None:
        """What the session makes of a response that is not asked for; None if it cannot be made."""
        try:
            return plan_response(self.config, asked.ResponseParams(), self._conversation, self._offer, self._servers)
        except InvalidRequest:
            return None  # whoever asks for a response is told

    def _trace(self) -> list[Output]:
        tracing = self.config.tracing
        if tracing is None:
            return []
        labels = tracing if isinstance(tracing, TracingLabels) else TracingLabels()
        return [effects.Trace(labels.workflow_name, labels.group_id)]

    # --- the user's audio ----------------------------------------------------------------------------------------

    def _speech_began(self, report: reports.SpeechBegan) -> list[Output]:
        detection = self.config.audio.input.turn_detection
        if detection is None or self._hearing.speaking:
            return []
        started = self._hearing.begin(report.audio_start_ms)
        if detection.interrupt_response:
            self._turn_unanswered = False  # its answer would talk over this one; they are answered together
            started += [*self._responses.interrupt(), *self._interruption.began()]
        return [*started, *(self._read_ahead() if self._is_answered else [])]

    def _speech_ended(self, report: reports.SpeechEnded) -> list[Output]:
        detection = self.config.audio.input.turn_detection
        if detection is None or not self._hearing.speaking:
            return []
        self._turn_unanswered = self._is_answered
        return self._hearing.commit(stopped_at_ms=report.audio_end_ms)

    @property
    def _is_answered(self) -> bool:
        """Whether the turn in progress will be answered unasked."""
        detection = self.config.audio.input.turn_detection
        wanted = detection is not None and detection.create_response and self.config.type == "realtime"
        return wanted and self._hearing.speaking and not self._draining

    def _commit(self) -> list[Output]:
        self._conversation.check_room()
        self._hearing.check_room()
        return [*self._interruption.end(), *self._hearing.commit()]

    def _end_turn(self) -> list[Output]:
        """The client says that it is over."""
        taken: list[Output] = []
        if self._hearing.turn_is_open:
            taken = self._commit()
        elif not (self._unanswered.anything or (self._unanswered.turn_taken and self._hearing.holds_silence)):
            self._turn.check_commit()  # turn detection has heard nobody, the client has
            taken = self._commit()
        self._turn_unanswered = self._turn_unanswered or self._unanswered.anything or bool(taken)
        return taken

    def _nobody_spoke(self) -> list[Output]:
        if not self._idle.armed:
            return []
        start_ms = self._idle.disarm(self._turn.received_ms)
        silence = [*self._interruption.end(), *self._hearing.commit_silence(start_ms)]
        return [*silence, *self._respond(asked.ResponseParams(), even_without_words=True)]

    def _watch_silence(self) -> list[Output]:
        """Have silence reported once an answer is over, for as long as nobody speaks and nothing is answered."""
        if self._over:
            return []
        answering = self._responses.in_conversation is not None
        silent = not (answering or self._hearing.speaking or self._draining)
        detection = self.config.audio.input.turn_detection if self.config.type == "realtime" else None
        return [*self._idle.watch(detection, answering, silent, self._turn.received_ms)]

    # --- responses -----------------------------------------------------------------------------------------------

    def _create_response(self, params: asked.ResponseParams) -> list[Output]:
        if self._draining:
            raise InvalidRequest("The server is shutting down; connect again.", code="server_shutting_down")
        if self.config.type == "transcription":
            raise InvalidRequest("A transcription session has no responses.", code="unsupported_event", param="type")
        voice = params.audio.output.voice
        if voice not in (None, self.config.audio.output.voice):
            self._offer.check_voice(voice, "response.audio.output.voice")
            self._check_voice_can_change("response.audio.output.voice")
        own = any(words is not None for words in (params.instructions, params.prompt, params.input))
        return self._respond(params, even_without_words=own)

    def _respond(self, params: asked.ResponseParams, even_without_words: bool = False) -> list[Output]:
        plan = plan_response(self.config, params, self._conversation, self._offer, self._servers)
        plan = replace(plan, even_without_words=even_without_words)
        self._responses.check_room(plan)
        own = () if params.tools is None else tools_of(self.config, params)
        listing = self._servers.use(own, "response.tools")
        return [*listing, *self._responses.create(plan, self._hearing.unheard)]

    def _answer_left_over(self) -> list[Output]:
        """Answer the user's turn, now or as soon as the response that is still speaking is over."""
        if self._over or self._draining or self.config.type != "realtime" or self._responses.in_conversation:
            return []
        rest = self._unanswered.is_wanted and not self._hearing.speaking  # nobody is talked over
        if not (self._turn_unanswered or rest):
            return []
        self._turn_unanswered = False
        return self._respond(asked.ResponseParams())


def _reads_differently(before: SessionConfig, after: SessionConfig) -> bool:
    """Whether what the model is given begins in another way."""
    return (before.instructions, before.tools, before.tool_choice) != (
        after.instructions,
        after.tools,
        after.tool_choice,
    )
