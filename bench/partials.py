"""How soon words are on the screen while somebody still speaks, and what that costs.

    python bench/partials.py FOLDER [DELAY ...]

plays the recordings in FOLDER (WAV files, and a `transcripts.json` that lists `{"file", "text"}`), 20 ms at once, with
half a second of silence after each, into a `Draft` on Whisper, once for each delay (all five, if none is named), and
once without drafts. Time is that of the sound, in which a hearing takes as long as it kept the processor busy: other
work on the machine disturbs it little. When a word was spoken is what Whisper says of the whole recording. Prints the
table of docs/benchmarks.md. It needs the packages of the `local` extra, the models of `make models`, and jiwer.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from time import process_time

import jiwer
import numpy as np
from transcription import Clip, load_clips, plain

from realtime.audio import SPEECH_RATE_HZ, Pcm, silence
from realtime.engines.base import Listening, Segment, Word
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.draft import DELAYS, Delay, Draft
from realtime.settings import load_settings

FRAME = SPEECH_RATE_HZ // 50
SILENCE_MS = 500
"""By which a turn is known to be over."""
NEVER = Delay(10**6, 2)


@dataclass
class Seen:
    """What somebody saw who watched the words come."""

    late_ms: list[float] = field(default_factory=list)
    """How long after it was spoken each word came."""
    early: int = 0
    """Words that came before the turn was over."""
    words: int = 0
    wrong: int = 0
    end_ms: list[float] = field(default_factory=list)
    """From the end of each turn to its last word."""
    busy_s: float = 0.0
    sound_s: float = 0.0

    def row(self) -> str:
        """The columns of the table."""
        late, end = (np.percentile(values, (50, 90)) for values in (self.late_ms, self.end_ms))
        shares = f"{100 * self.early / self.words:.0f} | {100 * self.wrong / self.words:.1f}"
        return (
            f"{late[0]:.0f} | {late[1]:.0f} | {shares} | {end[0]:.0f} | {end[1]:.0f} | {self.busy_s / self.sound_s:.2f}"
        )


@dataclass
class Paced:
    """Whisper, in a time of its own."""

    whisper: FasterWhisper
    now_s: float = 0.0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nothing is heard."""
    tick: asyncio.Event = field(default_factory=asyncio.Event)
    rate_hz: int = SPEECH_RATE_HZ

    @property
    def model(self) -> str:
        return self.whisper.model

    @property
    def languages(self) -> frozenset[str]:
        return self.whisper.languages

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        began_s, busy_s = self.now_s, process_time()
        self.idle.clear()
        try:
            segments = [segment async for segment in self.whisper.transcribe(speech, listening)]
        finally:
            self.idle.set()
        over_s = began_s + process_time() - busy_s
        while self.now_s < over_s:
            await self.tick.wait()
        for segment in segments:
            yield segment

    async def close(self) -> None:
        return

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everybody do what is due."""
        for _ in range(10):
            await asyncio.sleep(0)
        await self.idle.wait()
        self.now_s += seconds
        before, self.tick = self.tick, asyncio.Event()
        before.set()


async def watch(whisper: FasterWhisper, clip: Clip, spoken: list[Word], delay: Delay, seen: Seen) -> None:
    """Play one clip."""
    sound = np.concatenate((clip.pcm, silence(SILENCE_MS, SPEECH_RATE_HZ)))
    ears = Paced(whisper)
    ears.idle.set()
    draft = Draft(ears, Listening(words=True), delay)
    told: list[tuple[Word, float]] = []
    busy_s = process_time()

    async def listen() -> None:
        async with aclosing(draft.segments()) as segments:
            async for segment in segments:
                told.extend((word, ears.now_s) for word in segment.words)

    listening = asyncio.create_task(listen())
    for start in range(0, len(sound), FRAME):
        await ears.advance(FRAME / SPEECH_RATE_HZ)
        draft.hear(sound[start : start + FRAME])
    over_s = ears.now_s
    draft.end(sound)
    while not listening.done():
        await ears.advance(0.005)
    await listening
    seen.end_ms.append(1000 * (ears.now_s - over_s))
    seen.busy_s += process_time() - busy_s
    seen.sound_s += len(sound) / SPEECH_RATE_HZ
    seen.early += sum(at_s < over_s for _, at_s in told)
    _compare(clip, spoken, told, seen)


def _compare(clip: Clip, spoken: list[Word], told: list[tuple[Word, float]], seen: Seen) -> None:
    matcher = SequenceMatcher(None, [plain(w.text) for w, _ in told], [plain(w.text) for w in spoken], autojunk=False)
    for ours, theirs, length in matcher.get_matching_blocks():
        pairs = zip(told[ours : ours + length], spoken[theirs : theirs + length], strict=True)
        seen.late_ms.extend(1000 * (at_s - word.end_s) for (_, at_s), word in pairs)
    words = jiwer.process_words(plain(clip.text), plain("".join(word.text for word, _ in told)) or "-")
    seen.words += len(plain(clip.text).split())
    seen.wrong += words.substitutions + words.deletions + words.insertions


async def main() -> None:
    """Print the table."""
    folder, *names = sys.argv[1:]
    clips = load_clips(Path(folder), questions=False)
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    whisper = open_faster_whisper(Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1, options={}))
    words = [
        [word for part in whisper.hear_turn(clip.pcm, Listening(words=True)) for word in part.words] for clip in clips
    ]
    print("| delay | late, ms: p50 | p90 | before the end, % | wrong, % | end, ms: p50 | p90 | of a processor |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, delay in [*((name, DELAYS[name]) for name in DELAYS if not names or name in names), ("none", NEVER)]:
        seen = Seen()
        for clip, spoken in zip(clips, words, strict=True):
            await watch(whisper, clip, spoken, delay, seen)
        print(f"| {name} | {seen.row()} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
