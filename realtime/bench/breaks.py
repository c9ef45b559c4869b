"""Where a speaker may be made to pause: between two words, and how such a break sounds.

Nobody tells where the words of a recording are, so for a folder of them the breaks are guessed: where the voice is much
softer than shortly before and after. Some of those places lie inside a word (before a p or a t), which is no easier to
mistake for an end. The questions of the benchmark bring theirs along, found once by their words
(`bench/break_questions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from realtime.audio import Audio, Pcm, ms_to_samples
from realtime.bench.errors import BenchFailed
from realtime.bench.questions import Question
from realtime.caller.clip import RATE_HZ, make_clip, read_clip

LEAST_SAID_MS = 600
"""Voice before a break: who has said less has hardly begun. As much lies between two breaks."""
LEAST_LEFT_MS = 300
"""Voice after one: the clip without its last syllable is as good as whole."""
BELOW_VOICE_DB = 12.0
NEARBY_MS = 250
"""How far around a break the voice is looked for that is louder by `BELOW_VOICE_DB`."""

DRAWN_MS, DRAWN = 250, 1.8
"""The end of a drawn-out break, and by how much longer it becomes."""
FADE_MS = 10
_FRAME_MS = 10


def load_clips(folder: Path | None) -> list[Question]:
    """The WAV files of `folder` with breaks that are guessed. Raises `NotSound` or `BenchFailed`.

    Reads and converts, so not for an event loop.
    """
    paths = sorted(folder.glob("*.wav")) if folder else []
    if folder and not paths:
        raise BenchFailed(f"there are no .wav files in {folder}")
    clips = [(path.stem, read_clip(path).pcm) for path in paths]
    return [Question(name, "", Audio(pcm, RATE_HZ), tuple(guess_breaks(pcm))) for name, pcm in clips]


def guess_breaks(pcm: Pcm) -> list[int]:
    """Places in `pcm`, at `RATE_HZ`, in ms, ascending. Raises `NotSound` when nobody speaks in it."""
    voiced = make_clip(Audio(pcm, RATE_HZ)).voiced
    begin, end = (int(sample * 1000 // RATE_HZ // _FRAME_MS) for sample in (voiced[0], voiced[-1]))
    level_db = _levels_db(pcm)
    near, apart = NEARBY_MS // _FRAME_MS, LEAST_SAID_MS // _FRAME_MS
    found: list[int] = []
    for place in range(begin + apart, end - LEAST_LEFT_MS // _FRAME_MS):
        around = level_db[max(place - near, 0) : place + near + 1]
        softest = level_db[place] == around.min()
        before, after = level_db[place - near : place].max(), level_db[place + 1 : place + near + 1].max()
        far = not found or place - found[-1] >= apart
        if softest and far and min(before, after) > level_db[place] + BELOW_VOICE_DB:
            found.append(place)
    return [place * _FRAME_MS + _FRAME_MS // 2 for place in found]


def softest_place(pcm: Pcm, at_ms: float, within_ms: float) -> int:
    """Where around `at_ms` the sound, at `RATE_HZ`, is softest; in ms."""
    level_db = _levels_db(pcm)
    first = max(round((at_ms - within_ms) / _FRAME_MS), 0)
    last = round((at_ms + within_ms) / _FRAME_MS) + 1
    return (first + int(level_db[first:last].argmin())) * _FRAME_MS + _FRAME_MS // 2


def broken_off(pcm: Pcm, at_ms: float, *, drawn_out: bool, rate_hz: int = RATE_HZ) -> Pcm:
    """`pcm`, at `rate_hz`, up to `at_ms`, without a click at the end; the last of it longer if it is `drawn_out`."""
    said = pcm[: ms_to_samples(at_ms, rate_hz)]
    said = _drawn_out(said, rate_hz) if drawn_out else said.copy()
    fade = min(ms_to_samples(FADE_MS, rate_hz), len(said))
    said[len(said) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return said


def own_pauses(voiced: Sequence[int], least_ms: int) -> list[int]:
    """Where the clip itself is quiet for `least_ms` and more between voices: the sample after the last voiced one.

    `voiced` is that of `caller.clip.Clip`.
    """
    least = ms_to_samples(least_ms + _FRAME_MS, RATE_HZ)
    return [int(before) for before, after in pairwise(voiced) if after - before >= least]


def _levels_db(pcm: Pcm) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    frame = ms_to_samples(_FRAME_MS, RATE_HZ)
    power = np.square(pcm[: len(pcm) // frame * frame].reshape(-1, frame)).mean(axis=1)
    smooth = np.convolve(power, np.ones(3) / 3, mode="same")
    return 10 * np.log10(smooth + 1e-12)


def _drawn_out(said: Pcm, rate_hz: int) -> Pcm:
    """Frames of 30 ms of its end, laid over one another where they fit best, more of them than there were."""
    frame, hop, reach, step = (ms_to_samples(ms, rate_hz) for ms in (30, 15, 10, 1))
    end = min(ms_to_samples(DRAWN_MS, rate_hz), len(said))
    if end < 2 * frame:
        return said.copy()
    voice, window = said[len(said) - end :], np.hanning(frame).astype(np.float32)
    window[:hop] = 1 - window[hop : 2 * hop]
    count = round(end * DRAWN) // hop
    longer, place = np.zeros((count + 1) * hop, np.float32), 0
    for turn in range(count):
        wanted = voice[place + hop : place + hop + frame] if turn else voice[:0]
        middle = min(round(turn * hop / DRAWN), end - frame)
        place = middle
        if turn and len(wanted) == frame:
            near = range(max(0, middle - reach), min(end - frame, middle + reach) + 1, step)
            place = max(near, key=lambda start: float(voice[start : start + frame] @ wanted))
        longer[turn * hop : turn * hop + frame] += voice[place : place + frame] * window
    longer[:hop] = voice[:hop]  # the first frame has nothing to be laid over
    return np.concatenate((said[: len(said) - end], longer))
