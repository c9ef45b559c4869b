"""Where the time of an answer goes, from the user's last voiced sample to the answer's first sound on its way to them.

The silence that ended the turn is counted in samples, everything after it in seconds of the conversation's clock, so
the stages add up. A moment that came before the turn was decided, in an answer got ready unheard, counts as if it had
come then: its stage has cost the user nothing. Waiting for engines that are busy with others is queueing, wherever it
happens, and no part of the stage that has to wait.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog

from realtime.conductor.meter import Meter
from realtime.engines.queueing import Queueing
from realtime.pipeline.clock import Clock
from realtime.pipeline.moments import Moments
from realtime.protocol.server_events import ResponseObject
from realtime.protocol.timing import Waterfall

log = structlog.get_logger(__name__)

_OF_ENGINES = ("transcription", "first_token", "first_sound")
"""Stages in which an engine may be busy with others."""


@dataclass(slots=True)
class _Answer:
    """One that has not been heard yet."""

    decided_s: float
    """The turn was over, or the client asked."""
    endpoint_ms: float | None
    known_s: float
    """There was everything to answer to."""
    moments: Moments | None = None


class Stopwatch:
    """Times the answers of one conversation, each until its first sound or text is on its way.

    An answer that never comes so far, because it was stopped, failed or only calls tools, has no waterfall.
    """

    def __init__(self, clock: Clock, meter: Meter, queueing: Queueing) -> None:
        self.meter = meter
        self._clock = clock
        self._queueing = queueing
        self._answers: dict[str, _Answer] = {}

    def created(self, response_id: str, silence_ms: float | None = None) -> None:
        """There will be an answer: to a turn that was over after so much silence, or because the client asks."""
        now_s = self._clock.now_s()
        self._answers.setdefault(response_id, _Answer(now_s, silence_ms, known_s=now_s))

    def known(self, response_id: str) -> None:
        """There is everything that it answers to."""
        self._answers[response_id].known_s = self._clock.now_s()

    def made(self, response_id: str, moments: Moments) -> None:
        """It comes of a reply with these moments, of which some may have been before it was known to be wanted."""
        self._answers[response_id].moments = moments

    def sent(self, response_id: str) -> Waterfall | None:
        """Some of it was handed to the network; its waterfall, the first time."""
        answer = self._answers.pop(response_id, None)
        if answer is None or answer.moments is None:
            return None
        waterfall = self._waterfall(answer, answer.moments)
        log.info("turn answered", response=response_id, **msgspec.structs.asdict(waterfall))
        self.meter.turn_answered(waterfall)
        return waterfall

    def over(self, response: ResponseObject) -> None:
        """Nothing more will come of it."""
        self._answers.pop(response.id, None)
        self.meter.response_ended(response)

    def _waterfall(self, answer: _Answer, moments: Moments) -> Waterfall:
        ends_s = {
            "transcription": answer.known_s,
            "queueing": moments.at_s("asked"),
            "first_token": moments.at_s("token"),
            "first_sentence": moments.at_s("sentence"),
            "first_sound": moments.at_s("sound"),
            "send": self._clock.now_s(),
        }
        stages_ms: dict[str, float] = {}
        queued_ms, at_s = 0.0, answer.decided_s
        for stage, end_s in ends_s.items():
            if end_s is not None:
                end_s = max(at_s, end_s)
                waited_ms = self._queueing.within_s(at_s, end_s) * 1000 if stage in _OF_ENGINES else 0.0
                stages_ms[stage] = (end_s - at_s) * 1000 - waited_ms
                queued_ms += waited_ms
                at_s = end_s
        stages_ms["queueing"] += queued_ms
        rounded_ms = {stage: round(took_ms, 3) for stage, took_ms in stages_ms.items()}
        asked_s = moments.at_s("asked")
        return Waterfall(
            endpoint_ms=answer.endpoint_ms,
            transcription_ms=rounded_ms["transcription"],
            queueing_ms=rounded_ms["queueing"],
            first_token_ms=rounded_ms["first_token"],
            first_sentence_ms=rounded_ms.get("first_sentence"),
            first_sound_ms=rounded_ms.get("first_sound"),
            send_ms=rounded_ms["send"],
            total_ms=round((answer.endpoint_ms or 0.0) + sum(rounded_ms.values()), 3),
            speculated=asked_s is not None and asked_s < answer.decided_s,
        )
