"""When a turn is taken for over: how long after a finished question, and how often in the middle of one.

    python bench/turns.py [FOLDER]

plays the questions of the benchmarks, and the recordings in FOLDER if one is given (WAV files of one sentence or two
each), to the voice detector and the turn detector as a conversation does, in the time of the sound: a look at a pause
is answered 64 ms after it. Then it plays them again, broken off between two words with a pause put in, and counts the
turns that are taken for over in the pause. A break is plain, or the last quarter of a second before it is drawn out,
as people do who search for a word; nobody says "um" in either.

Prints the table of docs/benchmarks.md in two to three minutes on two cores. It needs the packages of the `local` extra
and the models of `make models`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Pcm, ms_to_samples
from realtime.bench.questions import load_questions
from realtime.codecs.containers import read_audio
from realtime.codecs.resample import resample
from realtime.engines.base import Detector, Listening
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import open_silero
from realtime.engines.smart_turn import SmartTurn, open_smart_turn
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Ended, Knobs, Paused, Verdict
from realtime.pipeline.listen import Listener
from realtime.settings import load_settings

PAUSES_MS = (400, 700, 1000, 1500)
ANSWER_MS = 64
"""How long the turn detector takes, and a little more: two windows of the voice detector."""
STEP_MS = 32
LEAST_WORDS = 3
"""Before a break: who has said less has hardly begun."""
EVERY = 3
"""Of the gaps between words, one in so many is tried."""
DRAWN_MS, DRAWN = 250, 1.8
"""The end of a drawn-out break, and by how much longer it becomes."""
LOUDNESS_DB = 60
"""The room is softer than full scale by this much."""

POLICIES: Mapping[str, Knobs] = {
    **{f"semantic_vad, {name}": knobs for name, knobs in EAGERNESS.items()},
    **{f"server_vad, {ms} ms": Knobs(silence_ms=ms) for ms in (200, 500, 1000)},
}


def load_clips(folder: Path | None) -> dict[str, Pcm]:
    """The questions, and what lies in `folder`, at 16 kHz."""
    clips = {question.name: resample(question.audio, SPEECH_RATE_HZ).pcm for question in load_questions()}
    for path in sorted(folder.glob("*.wav")) if folder else ():
        clips[path.stem] = resample(read_audio(path.read_bytes()), SPEECH_RATE_HZ).pcm
    return clips


def room(ms: float, seed: int = 0) -> Pcm:
    """Nobody speaks."""
    noise = np.random.default_rng(seed).normal(size=ms_to_samples(ms, SPEECH_RATE_HZ))
    return (noise * 10 ** (-LOUDNESS_DB / 20)).astype(np.float32)


def last_voiced(clip: Pcm) -> int:
    """The end of the last 10 ms within 35 dB of the loudest, by which the latency benchmark counts as well."""
    frames = clip[: len(clip) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(axis=1)
    return int(np.flatnonzero(power > power.max() * 10**-3.5)[-1] + 1) * 160


def drawn_out(said: Pcm) -> Pcm:
    """The end is longer: short frames of it, laid over one another where they fit best."""
    frame, hop, end = 480, 240, ms_to_samples(DRAWN_MS, SPEECH_RATE_HZ)
    voice, window = said[-end:], np.hanning(480).astype(np.float32)
    longer, at, before = np.zeros(round(end * DRAWN) + frame, np.float32), 0, 0
    while at < end * DRAWN - frame:
        place = round(at / DRAWN)
        if at:
            wanted = voice[before + hop : before + hop + frame]
            near = range(max(0, place - 160), min(end - frame, place + 160) + 1, 16)
            place = max(near, key=lambda start: float(voice[start : start + len(wanted)] @ wanted), default=end - frame)
        place = min(place, end - frame)
        longer[at : at + frame] += voice[place : place + frame] * window
        at, before = at + hop, place
    return np.concatenate((said[:-end], longer[: at + hop]))


def broken_off(clips: Mapping[str, Pcm], whisper: FasterWhisper) -> Iterator[tuple[Pcm, Pcm]]:
    """Each clip in two, between two of its words."""
    for clip in clips.values():
        words = [word for segment in whisper.hear_turn(clip, Listening(words=True)) for word in segment.words]
        for index in range(LEAST_WORDS, len(words), EVERY):
            middle_s = (words[index - 1].end_s + words[index].start_s) / 2
            place = round(middle_s * SPEECH_RATE_HZ)
            yield clip[:place], clip[place:]


def faded(said: Pcm) -> Pcm:
    """Without a click at its end."""
    end = said.copy()
    end[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
    return end


@dataclass
class Ears:
    """The real models; what the turn detector has heard once, it need not hear again."""

    detector: Detector
    smart_turn: SmartTurn

    def __post_init__(self) -> None:
        self._known: dict[bytes, float] = {}

    def judge(self, turn: Pcm) -> float:
        """How complete it sounds."""
        key = turn.tobytes()
        if key not in self._known:
            self._known[key] = self.smart_turn.listen(turn)
        return self._known[key]

    def first_end_ms(self, sound: Pcm, knobs: Knobs) -> float:
        """Where in `sound` the first turn is taken for over; infinite if it is not."""
        listener = Listener(self.detector, 60_000)
        listener.tune(knobs)
        step, waiting = ms_to_samples(STEP_MS, SPEECH_RATE_HZ), list[tuple[int, Verdict]]()
        for start in range(0, len(sound), step):
            for boundary in listener.push(sound[start : start + step]):
                if isinstance(boundary, Paused):
                    due = boundary.at_sample + ms_to_samples(ANSWER_MS, SPEECH_RATE_HZ)
                    waiting.append((due, Verdict(boundary, self.judge(listener.newest(8000)))))
                elif isinstance(boundary, Ended):
                    return boundary.at_sample * 1000 / SPEECH_RATE_HZ
            while waiting and waiting[0][0] <= start + step:
                if ended := listener.decide(waiting.pop(0)[1]):
                    return ended.at_sample * 1000 / SPEECH_RATE_HZ
        return float("inf")


def delays_ms(ears: Ears, clips: Mapping[str, Pcm], knobs: Knobs) -> list[float]:
    """From the last voiced sample of each clip to the end of its turn; but for turns that ended in a pause of it."""
    lead, delays = room(300), list[float]()
    for clip in clips.values():
        said = np.concatenate((lead, clip[: last_voiced(clip)]))
        end_ms = ears.first_end_ms(np.concatenate((said, room(9000))), knobs)
        delays.append(end_ms - len(said) * 1000 / SPEECH_RATE_HZ)
    return [delay for delay in delays if delay > 0]


def cut_in(ears: Ears, breaks: list[tuple[Pcm, Pcm]], knobs: Knobs, broken: Callable[[Pcm], Pcm]) -> float:
    """Of all breaks and all pauses, the share in which the turn was over before the speaker went on."""
    lead, cuts = room(300), 0
    for before, _ in breaks:
        said = broken(before)
        end_ms = ears.first_end_ms(np.concatenate((lead, said, room(max(PAUSES_MS)))), knobs)
        paused_ms = end_ms - (len(lead) + len(said)) * 1000 / SPEECH_RATE_HZ
        cuts += sum(0 < paused_ms <= pause_ms for pause_ms in PAUSES_MS)
    return cuts / len(breaks) / len(PAUSES_MS)


def main() -> None:
    """Print the table."""
    clips = load_clips(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1)
    breaks = list(broken_off(clips, open_faster_whisper(workshop)))
    ears = Ears(open_silero(workshop), open_smart_turn(workshop))
    print(f"{len(clips)} clips, {len(breaks)} breaks, pauses of {', '.join(map(str, PAUSES_MS))} ms\n")
    print("| turns end by | delay, ms: p50 | p75 | worst | cut in, %: drawn out | plain |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, knobs in POLICIES.items():
        delays = delays_ms(ears, clips, knobs)
        shares = [cut_in(ears, breaks, knobs, broken) for broken in (lambda said: faded(drawn_out(said)), faded)]
        figures = [*np.percentile(delays, (50, 75, 100)), *(100 * share for share in shares)]
        print(f"| {name} | {' | '.join(f'{figure:.0f}' for figure in figures)} |", flush=True)


if __name__ == "__main__":
    main()
