"""What a witness knows of the user's side: who speaks, which item was announced, and whether silence counts."""

from __future__ import annotations

from realtime.protocol import server_events as said
from realtime.protocol.config import AudioFormat, PcmFormat, ServerVad, confirms_barge_in
from realtime.protocol.interruption import OutputDucked, OutputResumed
from realtime.protocol.session_object import AnySessionObject


class Ears:
    """The turn that is going on, and the silence after an answer."""

    def __init__(self) -> None:
        self.speaking = False
        self.announced: str | None = None
        """The id that was given to the item that is still to come."""
        self.following: str | None = None
        """The item whose words are told while its audio comes."""
        self.awaiting = False
        """Whether silence will be reported."""
        self.wants_words_early = False
        self.confirms = False
        """Whether speech over an answer is doubted first."""
        self.ducked: OutputDucked | None = None
        self.held = False
        self.heard: said.AudioDelta | None = None
        """The last sound that the client was sent and has no reason to stop playing."""
        self._interrupts = False
        self._detecting = False
        self._timeout_ms: int | None = None
        self._awaited_ms: int | None = None

    def tuned(self, session: AnySessionObject) -> None:
        """The client has been shown how it is listened to."""
        heard, transcribes = session.audio.input, session.type == "transcription"
        wanted = heard.transcription
        self.wants_words_early = wanted is not None and (transcribes or wanted.delay is not None)
        self._detecting = heard.turn_detection is not None
        self._interrupts = heard.turn_detection is not None and heard.turn_detection.interrupt_response
        self.confirms = confirms_barge_in(heard.turn_detection)
        self.speaking = self.speaking and self._detecting
        detection = heard.turn_detection
        idle_ms = detection.idle_timeout_ms if isinstance(detection, ServerVad) else None
        self._timeout_ms = None if transcribes else idle_ms

    def hear_speech(self, item_id: str) -> None:
        assert self._detecting
        assert not self.speaking, "speech started twice"
        assert self.announced in (None, item_id)
        self.speaking, self.announced, self.ducked = True, item_id, None
        if self._interrupts:
            self.heard = None

    def hear_end(self, item_id: str) -> None:
        assert self.speaking, "speech stopped that had not started"
        assert item_id == self.announced
        self.speaking = False

    def commit(self, item_id: str) -> None:
        assert not self.speaking, "committed before speech stopped"
        assert self.announced in (None, item_id), "not the item that was announced"
        self.announced = self.following = None

    def clear(self) -> None:
        self.speaking, self.announced, self.following = False, None, None

    def follow(self, item_id: str) -> None:
        assert self.wants_words_early, "nobody wants words while they are spoken"
        assert self.following is None, "two items are followed"
        assert self.announced in (None, item_id)
        self.announced = self.following = item_id

    def time_out(self, item_id: str) -> None:
        assert self.awaiting, "nobody had waited"
        assert not self.speaking
        assert self.announced in (None, item_id)
        self.awaiting, self.announced = False, item_id

    def await_speech(self, within_ms: int) -> None:
        assert not self.awaiting, "silence is awaited twice"
        assert not self.speaking
        assert within_ms == self._timeout_ms
        self.awaiting, self._awaited_ms = True, within_ms

    def stop_awaiting(self) -> None:
        assert self.awaiting, "nobody waits"
        self.awaiting = False

    def hear_voice(self, event: said.AudioDelta | OutputDucked | OutputResumed) -> None:
        if isinstance(event, said.AudioDelta):
            self.heard = event
            return
        assert (self.ducked is not None) == isinstance(event, OutputResumed), "ducked twice, or resumed without"
        named = self.ducked or self.heard
        assert named, "nothing was to be heard that could be ducked"
        assert (event.response_id, event.item_id) == (named.response_id, named.item_id)
        self.ducked = event if isinstance(event, OutputDucked) else None

    def hear_end_of(self, response: said.ResponseObject) -> None:
        if response.status == "cancelled" and self.heard and self.heard.response_id == response.id:
            self.heard = None

    def hold(self, held: bool) -> None:
        assert self.held != held, "held twice, or released without"
        self.held = held

    def judge_doubt(self) -> None:
        """After a step."""
        assert (self.ducked is not None) == self.held, "the voice is not held as the client was told"
        assert self.confirms or not self.ducked, "speech is doubted that stops an answer at once"
        assert not (self.ducked and self.speaking), "somebody who speaks is doubted"

    def judge_silence(self, answered: bool, may_wait: bool) -> None:
        """After a step, in which an answer has ended if `answered`."""
        may_wait = may_wait and not self.speaking
        assert may_wait or not self.awaiting, "silence is awaited while there is none"
        assert not self.awaiting or self._awaited_ms == self._timeout_ms
        if answered and may_wait and self._timeout_ms:
            assert self.awaiting, "nobody waits after an answer"


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
