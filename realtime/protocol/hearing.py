"""What the client is told of its audio: which turns there are in it, and what was said in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import UNSET, UnsetType

from realtime.errors import InvalidRequest
from realtime.protocol import effects, reports
from realtime.protocol import server_events as said
from realtime.protocol.config import LOGPROBS, SessionConfig
from realtime.protocol.conversation import Conversation
from realtime.protocol.effects import Effect
from realtime.protocol.items import InputAudio, Message
from realtime.protocol.slot import add_item
from realtime.protocol.turn import MIN_COMMIT_MS, Turn

Output: TypeAlias = said.ServerEvent | Effect

MAX_UNHEARD_ITEMS = 8
"""User items that may wait for their words at once; a client that commits faster than that is told to slow down."""


class Hearing:
    """The input audio buffer, and the user items whose words are not known yet."""

    def __init__(self, conversation: Conversation, turn: Turn, config: Callable[[], SessionConfig]) -> None:
        self._conversation = conversation
        self._turn = turn
        self._config = config
        self._unheard: set[str] = set()
        self._followed: str | None = None
        """The item whose words are told while its audio still comes."""

    @property
    def unheard(self) -> frozenset[str]:
        """User items that have no words yet."""
        return frozenset(self._unheard)

    @property
    def speaking(self) -> bool:
        """Whether the user is."""
        return self._turn.speaking

    @property
    def turn_is_open(self) -> bool:
        """Whether the user has said something that is no item yet: where nobody detects turns, whatever there is."""
        return self.speaking or (not self._detects and self._turn.buffered_ms >= MIN_COMMIT_MS)

    @property
    def holds_silence(self) -> bool:
        """Whether there is nothing in the buffer that anybody could have meant."""
        return not self.turn_is_open and (self._detects or not self._turn.buffered_ms)

    @property
    def _detects(self) -> bool:
        return self._config().audio.input.turn_detection is not None

    @property
    def announced_id(self) -> str | None:
        """The item that the audio in the buffer will become, if the client has been told."""
        return self._turn.announced_id

    def append(self, audio: bytes) -> list[Output]:
        """The client's next piece of sound."""
        settings = self._config().audio.input
        self._turn.append(len(audio), settings.format, bounded=settings.turn_detection is None)
        follow = self._follow() if settings.turn_detection is None else []
        return [*follow, effects.Listen(audio)]

    def begin(self, start_ms: int) -> list[Output]:
        """The user speaks."""
        item_id = self._turn.begin(start_ms)
        return [said.SpeechStarted(audio_start_ms=start_ms, item_id=item_id), *self._follow()]

    def commit(self, stopped_at_ms: int | None = None) -> list[Output]:
        """The buffer is a user item. `stopped_at_ms`: where speech ended by itself; None when the client ended it."""
        end_ms = self._turn.received_ms if stopped_at_ms is None else stopped_at_ms
        speaking = self._turn.speaking
        item = Message(id=self._turn.commit(), role="user", content=(InputAudio(),))
        previous = self._conversation.last_id
        added = add_item(self._conversation, item)
        self._unheard.add(item.id)
        self._followed = None
        return [
            *([said.SpeechStopped(audio_end_ms=end_ms, item_id=item.id)] if speaking else []),
            said.AudioCommitted(previous_item_id=previous, item_id=item.id),
            *added,
            *self._transcribe(item.id),
        ]

    def commit_silence(self, start_ms: int) -> list[Output]:
        """Nobody has spoken for too long: the silence is a user item, without words."""
        item_id = self._turn.announce()
        triggered = said.TimeoutTriggered(audio_start_ms=start_ms, audio_end_ms=self._turn.received_ms, item_id=item_id)
        self._turn.drop()
        self._followed = None
        item = Message(id=item_id, role="user", content=(InputAudio(transcript=""),))
        previous = self._conversation.last_id
        committed = said.AudioCommitted(previous_item_id=previous, item_id=item_id)
        return [triggered, effects.DropInput(), committed, *add_item(self._conversation, item)]

    def drop(self) -> list[Output]:
        """Forget what is in the buffer."""
        self._turn.drop()
        self._followed = None
        return [effects.DropInput()]

    def expect(self, item_id: str) -> None:
        """A user item has come with audio, whose words will be known later."""
        self._unheard.add(item_id)

    def check_room(self) -> None:
        """Refuse one more item to be put into words when too many wait already."""
        if len(self._unheard) >= MAX_UNHEARD_ITEMS:
            raise InvalidRequest(
                f"{len(self._unheard)} items are still being transcribed; wait for some of them.",
                code="rate_limit_exceeded",
            )

    def check_recording(self, size_bytes: int, max_ms: int) -> None:
        """Refuse a recording that the client brings along when it is longer than the buffer may be, or has to wait."""
        form = self._config().audio.input.format
        if size_bytes * 1000 > max_ms * form.rate_hz * form.bytes_per_sample:
            raise InvalidRequest(
                f"An item may carry at most {max_ms} ms of audio.", code="string_above_max_length", param="item.content"
            )
        self.check_room()

    def forget(self, item_id: str) -> list[Output]:
        """The item is gone, and nobody wants its words."""
        if item_id not in self._unheard:
            return []
        self._unheard.remove(item_id)
        return [effects.StopTranscription(item_id)]

    def hear(self, report: reports.Heard | reports.HeardAll | reports.NotHeard) -> list[Output]:
        """Words of an item are known, or will never be."""
        item_id, wanted = report.item_id, self._config().transcribes
        if item_id not in self._unheard:
            early = item_id == self._followed and wanted
            return [self._delta(report, 0)] if early and isinstance(report, reports.Heard) else []
        index = self._conversation.unheard_part(item_id)
        match report:
            case reports.Heard():
                return [self._delta(report, index)] if wanted else []
            case reports.HeardAll():
                self._unheard.remove(item_id)
                self._conversation.hear(item_id, report.text)
                return [self._completed(report, index)] if wanted else []
            case reports.NotHeard():
                self._unheard.remove(item_id)
                error = said.TranscriptionError(type="server_error", code=report.code, message=report.message)
                return [said.TranscriptionFailed(item_id=item_id, content_index=index, error=error)] if wanted else []

    def _follow(self) -> list[Output]:
        """Have the words told while they are spoken, if the session wants that and it is not done already."""
        if self._followed or not self._config().streams_words:
            return []
        self._followed = self._turn.announce()
        return [effects.FollowInput(self._followed)]

    def _transcribe(self, item_id: str) -> list[Output]:
        """Put the turn into words, unless turns end faster than that can be done."""
        if len(self._unheard) <= MAX_UNHEARD_ITEMS:
            return [effects.TranscribeInput(item_id)]
        too_many = f"{MAX_UNHEARD_ITEMS} items are still being transcribed; this one is not."
        given_up = reports.NotHeard(item_id=item_id, code="rate_limit_exceeded", message=too_many)
        return [effects.DropInput(), *self.hear(given_up)]

    def _delta(self, report: reports.Heard, index: int) -> said.TranscriptionDelta:
        return said.TranscriptionDelta(
            item_id=report.item_id, content_index=index, delta=report.text, logprobs=self._logprobs(report.words)
        )

    def _completed(self, report: reports.HeardAll, index: int) -> said.TranscriptionCompleted:
        return said.TranscriptionCompleted(
            item_id=report.item_id,
            content_index=index,
            transcript=report.text,
            usage=said.DurationUsage(seconds=report.speech_seconds),
            logprobs=self._logprobs(report.words),
            languages=(said.Language(code=report.language),) if report.language else UNSET,
        )

    def _logprobs(self, words: tuple[reports.HeardWord, ...]) -> said.LogProbabilities | UnsetType:
        if LOGPROBS not in (self._config().include or ()):
            return UNSET
        return tuple(
            said.LogProbability(token=word.text, bytes=tuple(word.text.encode()), logprob=word.log_probability)
            for word in words
        )
