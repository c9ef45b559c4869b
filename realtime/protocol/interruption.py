"""Whether the user means to interrupt: speech over an answer that is suspected, until it is known what it was.

    nobody ──suspect──▶ suspected ──began────▶ nobody      it was: the answer is stopped as by any speech
                            ├───────dismiss──▶ nobody      it was not: the answer goes on from the same word
                            └───────end──────▶ nobody      the client has decided otherwise

Only sessions whose turn detection says `barge_in: "confirmed"` come here; in all others speech interrupts at once, as
OpenAI has it. While somebody is suspected the voice is held and the client has been told `ducked`; `resumed`, or else
`speech_started`, tells it that this is over. Two events of our own: OpenAI's API has none for it.
"""

from __future__ import annotations

from collections.abc import Iterable

from realtime.protocol import server_events as said
from realtime.protocol.config import TurnDetection, confirms_barge_in
from realtime.protocol.effects import HoldVoice, ReleaseVoice
from realtime.protocol.response import Output
from realtime.protocol.server_events import ServerEvent


class OutputDucked(ServerEvent, kw_only=True, tag="response.output_audio.ducked"):
    """Somebody may be interrupting: play more softly, or pause. No more is sent until it is known."""

    response_id: str
    """The response that was heard last; it may be over, but not cancelled."""
    item_id: str


class OutputResumed(ServerEvent, kw_only=True, tag="response.output_audio.resumed"):
    """Nobody was: play as before. What is sent next follows what was sent last."""

    response_id: str
    item_id: str


class Interruption:
    """One suspicion at a time."""

    def __init__(self) -> None:
        self._heard: said.AudioDelta | None = None
        """The last sound that was sent, while the client may be playing it."""
        self._ducked: said.AudioDelta | None = None
        """What is to be played more softly."""

    @property
    def suspected(self) -> bool:
        """Whether somebody is."""
        return self._ducked is not None

    def hear(self, told: Iterable[Output]) -> None:
        """Remember of which answer the client was sent sound last, unless that was cancelled since."""
        for output in told:
            match output:
                case said.AudioDelta():
                    self._heard = output
                case said.ResponseDone(response=over) if over.status == "cancelled" and self._names(over.id):
                    self._heard = None

    def suspect(self, detection: TurnDetection | None) -> list[Output]:
        """Somebody may be talking over an answer; nothing where that is not asked first, or there was no answer."""
        if self.suspected or self._heard is None or not confirms_barge_in(detection):
            return []
        self._ducked = ducked = self._heard
        return [OutputDucked(response_id=ducked.response_id, item_id=ducked.item_id), HoldVoice()]

    def began(self) -> list[Output]:
        """The user speaks, and nothing that was sent so far is played on."""
        was_suspected = self.suspected
        self._heard = self._ducked = None
        return [ReleaseVoice()] if was_suspected else []

    def end(self) -> list[Output]:
        """Nobody is suspected any more."""
        ducked, self._ducked = self._ducked, None
        if ducked is None:
            return []
        return [OutputResumed(response_id=ducked.response_id, item_id=ducked.item_id), ReleaseVoice()]

    def _names(self, response_id: str) -> bool:
        return self._heard is not None and self._heard.response_id == response_id
