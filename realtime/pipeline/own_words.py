"""The words that are being said aloud: whoever hears them in a microphone hears the answer, not the user."""

from __future__ import annotations

from collections import deque
from difflib import SequenceMatcher
from typing import NamedTuple

from realtime.pipeline.backchannels import plain

HEARD_AFTER_S = 2.0
"""Of words that were played so long ago the echo may still be in what is heard: the sound that is put into words is a
second long, and on its way through a loudspeaker, a room and two networks for up to another."""
KEPT_S = 60.0
"""Before the end of the newest words, others are kept for this long though nobody asks. No sound is sent so far ahead
of its playing, so they were heard long ago."""
ALIKE = 0.7
"""Of the letters of what was heard. Of an echo, half of which is noise, every third word is misheard."""
SHORTEST = 4
"""Letters. Shorter words, "no", are in every answer."""
LONG = 10
"""Letters. Of fewer, more than half must stand together: "stop" is in "its tower" too, one letter here, one there."""


class _Said(NamedTuple):
    text: str
    over_at_s: float


class OwnWords:
    """Remembers what was said in the last seconds, and what will be said as soon as it is played."""

    def __init__(self) -> None:
        self._said: deque[_Said] = deque()

    def add(self, text: str, over_at_s: float) -> None:
        """These words are said next, and will have been said at that time of the clock."""
        self._forget_before(over_at_s - KEPT_S)
        if text:
            self._said.append(_Said(text, over_at_s))

    def are(self, heard: str, now_s: float) -> bool:
        """Whether what was heard up to now is what was being said."""
        self._forget_before(now_s - HEARD_AFTER_S)
        words, said = plain(heard), plain("".join(piece.text for piece in self._said))
        letters = words.replace(" ", "")
        if len(letters) < SHORTEST or not said:
            return False
        return _likeness(letters, said.replace(" ", "")) >= ALIKE

    def _forget_before(self, at_s: float) -> None:
        while self._said and self._said[0].over_at_s < at_s:
            self._said.popleft()


def _likeness(part: str, whole: str) -> float:
    """The share of the letters of `part` that stand in `whole` in one place, in their order."""
    longest = SequenceMatcher(None, whole, part, autojunk=False).find_longest_match()
    if len(part) < LONG and longest.size * 2 <= len(part):
        return 0.0
    start = max(0, longest.a - longest.b - len(part) // 4)
    place = whole[start : start + len(part) + len(part) // 2]
    return sum(block.size for block in SequenceMatcher(None, place, part, autojunk=False).get_matching_blocks()) / len(
        part
    )
