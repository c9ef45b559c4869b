"""Until when the client has something to hear, and what, if it plays what it is sent as it comes."""

from __future__ import annotations

from realtime.audio import Audio
from realtime.conductor.reference import Reference
from realtime.pipeline.clock import Clock
from realtime.pipeline.own_words import OwnWords
from realtime.pipeline.pace import Gate


class Playback:
    """Adds up the sound that was sent."""

    def __init__(self, clock: Clock) -> None:
        self.reference = Reference(clock)
        """The same sound, for whoever cancels its echo."""
        self.gate = Gate()
        """Closed while nothing may be sent."""
        self.words = OwnWords()
        """What is being said."""
        self._clock = clock
        self._until_s = 0.0

    def add(self, sound: Audio, text: str = "") -> None:
        """This is sent now, and `text` begins in it: it is heard after what was sent before."""
        begins_s = max(self._until_s, self._clock.now_s())
        self.reference.play(sound, begins_s)
        self._until_s = begins_s + len(sound.pcm) / sound.rate_hz
        self.words.add(text, self._until_s)

    def stop(self) -> None:
        """The client plays no more of it."""
        self.reference.stop()
        self._until_s = 0.0

    @property
    def left_s(self) -> float:
        """Sound that has been sent and not been heard yet."""
        return max(0.0, self._until_s - self._clock.now_s())
