"""Who means to interrupt: how often the pipeline is right about a sound that is made over an answer, and how soon.

    python bench/interruptions.py

plays words that mean to interrupt, words of somebody who listens, noises and the answer's own echo to the voice
detector, the transcriber and `pipeline/barge_in.py`, as a conversation with `barge_in: "confirmed"` does, in the time
of the sound: words are found 96 ms after they were asked for. There is no server and no clock, so that every figure
comes out the same again; `realtime bench interruptions` measures a whole server.

Prints the table of docs/benchmarks.md in two to three minutes on two cores. It needs the packages of the `local` extra
and the models of `make models`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, ms_to_samples
from realtime.bench.interjections import load_interjections
from realtime.bench.noises import cough, music, typing
from realtime.bench.questions import load_questions
from realtime.codecs.resample import resample
from realtime.engines.base import Detector, Listening, Speaking
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.hibari import Hibari, open_hibari
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import open_silero
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.backchannels import HINTS, is_backchannel, plain
from realtime.pipeline.barge_in import Look, Meaning, Suspicion
from realtime.pipeline.endpoint import BEGIN_MS, Began, Hushed, Knobs, Resumed
from realtime.pipeline.listen import Listener
from realtime.pipeline.own_words import OwnWords
from realtime.settings import load_settings

WORDS_MS = 96
"""From a look to its words: three windows, on one of two cores."""
STEP_MS = 32
ROOM_DB = -60
LEVELS_DB = (-10, -30)
"""Of the loudest sample of a sound."""
ECHOES = tuple((delay_ms, level_db) for delay_ms in (60, 200) for level_db in (-12, -24))
NOISE_RATE_HZ = 24_000

INTERRUPTIONS = (
    "Stop.|Stop it, please.|Wait.|No.|Hold on.|No, that's wrong.|Wait a second.|Actually, what about tomorrow?|"
    "Excuse me.|Can I ask something?|What is that?|Why?|That's not what I asked.|Be quiet.|Enough.|"
    "I have another question.|How much does it cost?|Okay, stop.|Yeah, but what about the price?|"
    "Thank you, that's enough.|Never mind.|Hey!|Go back.|Tell me more about Paris.|One moment.|What did you say?"
)
BACKCHANNELS = (
    "Mm-hmm.|Uh-huh.|Mhm.|Yeah.|Yeah, yeah.|Okay.|Right.|I see.|Sure.|Hmm.|Wow.|Really?|Oh, okay.|Got it.|Cool.|Ah.|"
    "Yes.|Yep.|Great.|Exactly.|Of course.|All right."
)
ANSWER = "The Seine rises in Burgundy. It flows through Paris, and after seven hundred kilometres it reaches the sea."


@dataclass(frozen=True)
class Trial:
    """One sound over an answer."""

    kind: str
    name: str
    sound: Pcm
    """At 16 kHz, with silence around it."""
    words: OwnWords
    """The answer's."""


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    ducked_ms: float | None
    """After the first voiced sample; None when the sound was not even noticed."""
    stopped_ms: float | None
    """Likewise; None when it was dismissed."""
    why: str


@dataclass(frozen=True)
class Ears:
    """The real models."""

    detector: Detector
    whisper: FasterWhisper

    def hear(self, trial: Trial) -> Outcome:
        """Play a sound; the last suspicion of it counts, for one that stops is the last."""
        listener = Listener(self.detector, 60_000)
        listener.tune(Knobs())
        begins, ducked_ms, why = first_voiced(trial.sound), None, "unheard"
        suspicion: Suspicion | None = None
        heard, words = 0, list[tuple[int, Suspicion, int, str]]()
        step = ms_to_samples(STEP_MS, SPEECH_RATE_HZ)
        for start in range(0, len(trial.sound), step):
            end = start + step
            for boundary in listener.push(trial.sound[start:end]):
                length = len(listener.so_far())
                match boundary:
                    case Began():
                        ducked_ms = ducked_ms if ducked_ms is not None else ms(end - begins)
                        began = max(0, length - ms_to_samples(BEGIN_MS, SPEECH_RATE_HZ))
                        suspicion, heard = Suspicion(SPEECH_RATE_HZ, listener.so_far(), began), length
                    case Hushed() if suspicion:
                        suspicion.hush(length - (boundary.at_sample - boundary.since_sample))
                    case Resumed() if suspicion:
                        suspicion.resume()
            if suspicion is None:
                continue
            turn = listener.so_far()
            found, heard = suspicion.hear(turn[heard:]), len(turn)
            if isinstance(found, Look):
                words.append(
                    (end + ms_to_samples(WORDS_MS, SPEECH_RATE_HZ), suspicion, found.samples, self._words(found))
                )
            while not suspicion.decision and words and words[0][0] <= end:
                _, of, samples, text = words.pop(0)
                of.learn(samples, meaning(text, trial.words, end / SPEECH_RATE_HZ))
            if decision := suspicion.decision:
                why = decision.why
                if decision.interrupts:
                    return Outcome(ducked_ms, ms(end - begins), why)
                suspicion = None
                words.clear()
                listener.take(lambda: np.zeros(0, np.float32))
        return Outcome(ducked_ms, None, why)

    def _words(self, look: Look) -> str:
        return "".join(segment.text for segment in self.whisper.hear_turn(look.sound, Listening(prompt=HINTS["en"])))


def meaning(text: str, own: OwnWords, now_s: float) -> Meaning:
    """As the conductor has it."""
    if not plain(text):
        return "nothing"
    if own.are(text, now_s):
        return "own"
    return "backchannel" if is_backchannel(text) else "words"


def ms(samples: int) -> float:
    """Samples at the speech rate."""
    return samples * 1000 / SPEECH_RATE_HZ


def first_voiced(sound: Pcm) -> int:
    """The beginning of the first 10 ms within 35 dB of the loudest."""
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    return int(np.flatnonzero(power > max(power.max() * 10**-3.5, 10 ** (ROOM_DB / 10) * 4))[0]) * 160


def in_room(sound: Pcm, level_db: float) -> Pcm:
    """As loud as that, after half a second of the room and before a second and a half of it."""
    loud = sound * np.float32(10 ** (level_db / 20) / np.abs(sound).max())
    before, after = ms_to_samples(500, SPEECH_RATE_HZ), ms_to_samples(1500, SPEECH_RATE_HZ)
    room = np.random.default_rng(0).normal(size=before + len(loud) + after) * 10 ** (ROOM_DB / 20)
    room[before : before + len(loud)] += loud
    return room.astype(np.float32)


async def say(voice: Hibari, text: str) -> Pcm:
    """Spoken, at the speech rate."""
    parts = [part.pcm async for part in voice.speak(text, Speaking(voice=None, speed=1.1))]
    return resample(Audio(np.concatenate(parts), voice.rate_hz), SPEECH_RATE_HZ).pcm


async def sounds(voice: Hibari) -> list[tuple[str, str, Pcm]]:
    """Kind, name and sound of everything but the echo."""
    made = [("interruption", text, await say(voice, text)) for text in INTERRUPTIONS.split("|")]
    made += [("backchannel", text, await say(voice, text)) for text in BACKCHANNELS.split("|")]
    spoken = [(each.kind, each.name, each.audio) for each in load_interjections()]
    asked = [("interruption", each.name, each.audio) for each in load_questions()]
    noises = [
        (name, f"{name} {seed}", Audio(make(seed), NOISE_RATE_HZ))
        for name, make in (("cough", cough), ("typing", typing), ("music", music))
        for seed in range(1, 9)
    ]
    return made + [(kind, name, resample(audio, SPEECH_RATE_HZ).pcm) for kind, name, audio in spoken + asked + noises]


async def trials(voice: Hibari) -> list[Trial]:
    """Every sound at every level, and the echoes."""
    found = [
        Trial(kind, name, in_room(sound, level_db), OwnWords())
        for kind, name, sound in await sounds(voice)
        for level_db in LEVELS_DB
    ]
    answer = await say(voice, ANSWER)
    for delay_ms, level_db in ECHOES:
        own, length_s = OwnWords(), len(answer) / SPEECH_RATE_HZ
        for index, word in enumerate(ANSWER.split(), start=1):
            own.add(f" {word}", 0.5 - delay_ms / 1000 + length_s * index / len(ANSWER.split()))
        found.append(Trial("own echo", f"{delay_ms} ms, {level_db} dB", in_room(answer, level_db), own))
    return found


def main() -> None:
    """Print the table."""
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1)
    ears = Ears(open_silero(workshop), open_faster_whisper(workshop))
    outcomes: dict[str, list[tuple[Trial, Outcome]]] = {}
    for trial in asyncio.run(trials(open_hibari(workshop))):
        outcomes.setdefault(trial.kind, []).append((trial, ears.hear(trial)))
    print("| sound | trials | noticed | stopped | ms until ducked: p50 | worst | until stopped: p50 | p95 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind, rows in outcomes.items():
        ducked = [each.ducked_ms for _, each in rows if each.ducked_ms is not None]
        stopped = [each.stopped_ms for _, each in rows if each.stopped_ms is not None]
        figures = [*percentiles(ducked, 50, 100), *percentiles(stopped, 50, 95)]
        share = f"{100 * len(stopped) / len(rows):.0f} %"
        print(f"| {kind} | {len(rows)} | {len(ducked)} | {share} | {' | '.join(figures)} |")
    print()
    for kind, rows in outcomes.items():
        wrong = [(trial, each) for trial, each in rows if (each.stopped_ms is None) == (kind == "interruption")]
        for trial, each in wrong:
            print(f"- {kind}, {trial.name}: {each.why}")


def percentiles(values: list[float], *shares: float) -> Iterator[str]:
    """In whole ms; a dash for none."""
    return (f"{np.percentile(values, share):.0f}" if values else "–" for share in shares)


if __name__ == "__main__":
    main()
