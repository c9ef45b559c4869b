"""Whether the user has been silent for too long: armed when an answer is over, until somebody speaks."""

from __future__ import annotations

from realtime.protocol.config import ServerVad, TurnDetection
from realtime.protocol.effects import AwaitSpeech, StopAwaitingSpeech


class Idle:
    """Watches one session. The waiting itself is done elsewhere: here it is begun and ended."""

    def __init__(self) -> None:
        self._was_answering = False
        self._timeout_ms = 0
        self._armed_at_ms: int | None = None

    @property
    def armed(self) -> bool:
        """Whether silence will be reported."""
        return self._armed_at_ms is not None

    def disarm(self, received_ms: int) -> int:
        """The silence is over; where it began, in ms of the session's audio."""
        assert self._armed_at_ms is not None
        start_ms = max(self._armed_at_ms, received_ms - self._timeout_ms)
        self._armed_at_ms = None
        return start_ms

    def watch(
        self, detection: TurnDetection | None, answering: bool, silent: bool, received_ms: int
    ) -> list[AwaitSpeech | StopAwaitingSpeech]:
        """Look again after anything has happened: begin to wait after an answer, stop when it is not silent."""
        timeout_ms = (detection.idle_timeout_ms if isinstance(detection, ServerVad) else None) or 0
        answered, self._was_answering = self._was_answering and not answering, answering
        if self._armed_at_ms is not None and (not silent or timeout_ms != self._timeout_ms):
            self._armed_at_ms = None
            return [StopAwaitingSpeech()]
        if answered and silent and timeout_ms:
            self._armed_at_ms, self._timeout_ms = received_ms, timeout_ms
            return [AwaitSpeech(timeout_ms)]
        return []
