"""How well voices are told apart: `VoiceVerify`'s errors, and who speaks when in conversations made of known voices.

    apt-get download asterisk-core-sounds-{en,es,fr,it,ru}-g722 asterisk-prompt-{es-co,fr-armelle,it-menardi-wav}
    for package in *.deb; do dpkg -x $package voices; done
    python bench/speakers.py --each 40 voices/usr/share/asterisk/sounds/{en_US_f_Allison,fr_CA_f_June,…}

Each folder holds one speaker's clips, in any format that PyAV reads. Conversations are clips joined: of 2, 3 and 4
speakers taking 12 turns, and of one alone; nine of ten turns begin 0.2 to 1 s after the last, the tenth 0.1 to 0.5 s
before its end. Noise 66 dB below full scale lies under all of it, and all voices are equally loud.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import av
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.backend.speakers.voices import listen_to
from realtime.codecs.resample import resample
from realtime.engines.clustering import Grouping, group
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import Silero, open_silero
from realtime.engines.voicefilter import LOUDNESS, Voicefilter, open_voicefilter
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.diarize import Tidiness, turns, windows
from realtime.settings import load_settings

R = SPEECH_RATE_HZ
LENGTHS_S = (0.8, 1.5, 3.0, 6.0)
THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5)
SHORTEST_S, LONGEST_S = 0.8, 12.0
SPEAKERS = (1, 2, 2, 2, 2, 3, 3, 3, 4, 4)
"""Of each conversation of a round."""
TURNS = 12
GRID = R // 100
NOISE = 0.0005


@dataclass(frozen=True)
class Spoken:
    """Who really speaks, in samples."""

    start: int
    end: int
    speaker: str


@dataclass
class Errors:
    """Hundredths of a second of speech: what was missed, made up, and given to somebody else; and all there was."""

    missed: int = 0
    made_up: int = 0
    confused: int = 0
    all: int = 0

    def add(self, more: Errors) -> None:
        self.missed += more.missed
        self.made_up += more.made_up
        self.confused += more.confused
        self.all += more.all

    def __str__(self) -> str:
        parts = [100 * part / self.all for part in (self.missed, self.made_up, self.confused)]
        return f"{sum(parts):5.1f} %  (missed {parts[0]:.1f}, made up {parts[1]:.1f}, confused {parts[2]:.1f})"


class Bench:
    """The models, and the clips of each speaker: speech only, and equally loud."""

    def __init__(self, silero: Silero, voicefilter: Voicefilter, scheduler: Scheduler) -> None:
        self._silero = silero
        self._voicefilter = voicefilter
        self._scheduler = scheduler
        self._clips: dict[str, list[Pcm]] = {}

    async def take(self, speaker: str, paths: Sequence[Path], each: int) -> None:
        """Read so many clips of a speaker's."""
        clips = self._clips.setdefault(speaker, [])
        for path in random.Random(0).sample(paths, len(paths)):
            audio = read(path)
            if audio is not None and len(clips) < each and SHORTEST_S <= audio.duration_ms / 1000 <= LONGEST_S:
                heard = await listen_to(audio, R, self._silero, self._scheduler)
                speech = heard.speech(LONGEST_S)
                if len(speech) >= SHORTEST_S * R:
                    first, last = heard.spoken[0].start, heard.spoken[-1].end
                    clips.append(heard.sound[first:last] * np.float32(LOUDNESS / np.sqrt(np.mean(speech**2))))
        print(f"{speaker}: {len(clips)} clips, {sum(map(len, clips)) / R:.0f} s")

    async def verify(self) -> None:
        """Distances of all pairs of clips, of one speaker and of two."""
        print("\nspeech    pairs same / other   equal error at  ", *(f"same > {at} <= other " for at in THRESHOLDS))
        for length_s in LENGTHS_S:
            whose = [(name, clip) for name, clips in self._clips.items() for clip in clips]
            if length_s != LENGTHS_S[-1]:
                whose = [(name, clip[: round(length_s * R)]) for name, clip in whose if len(clip) >= length_s * R]
            points = np.stack(await self._voicefilter.encode_each([clip for _, clip in whose]))
            one, other = np.triu_indices(len(points), 1)
            apart = 1 - np.einsum("ij,ij->i", points[one], points[other])
            names = np.array([name for name, _ in whose])
            same = names[one] == names[other]
            steps = np.linspace(0, 1, 1001)
            refused = np.array([(apart[same] >= step).mean() for step in steps])
            accepted = np.array([(apart[~same] < step).mean() for step in steps])
            best = int(np.argmin(np.abs(refused - accepted)))
            label = f"{length_s:.1f} s" if length_s != LENGTHS_S[-1] else "all"
            fields = [f"{same.sum():8} / {(~same).sum():6}"]
            fields.append(f"{50 * (refused[best] + accepted[best]):4.1f} % at {steps[best]:.2f}")
            places = [round(1000 * at) for at in THRESHOLDS]
            fields += [f"{100 * refused[at]:4.1f} % / {100 * accepted[at]:4.1f} %" for at in places]
            print(f"{label:6}", "   ".join(fields))

    async def diarize(self, rounds: int) -> None:
        """Errors over conversations, with the number of speakers told and not told."""
        free, known, right, cost_s, sound_s = Errors(), Errors(), 0, 0.0, 0.0
        for seed in range(rounds):
            draw = random.Random(seed)
            for count in SPEAKERS:
                sound, truth = self._conversation(draw, count)
                began = perf_counter()
                heard = await listen_to(Audio(sound, R), R, self._silero, self._scheduler)
                listened = windows(heard.spoken, R)
                voices = await self._voicefilter.encode_each([sound[one.start : one.end] for one in listened])
                for told in (None, count):
                    grouping = Grouping(same_below=self._voicefilter.same_group_below, least=told or 1, most=told)
                    found = turns(heard.spoken, listened, group(voices, grouping), R, Tidiness())
                    guess = [Spoken(turn.start, turn.end, str(turn.speaker)) for turn in found]
                    (known if told else free).add(errors(truth, guess, len(sound)))
                    right += not told and len({turn.speaker for turn in found}) == count
                cost_s, sound_s = cost_s + perf_counter() - began, sound_s + len(sound) / R
        print(f"\n{rounds * len(SPEAKERS)} conversations, {sound_s / 60:.0f} min; {sound_s / cost_s:.0f} x real time")
        print(f"the number of speakers unknown  {free}; found in {right}")
        print(f"the number of speakers told     {known}")

    def _conversation(self, draw: random.Random, count: int) -> tuple[Pcm, list[Spoken]]:
        who = draw.sample(sorted(self._clips), count)
        left = {name: draw.sample(self._clips[name], len(self._clips[name])) for name in who}
        truth: list[Spoken] = []
        sound, last = np.zeros(0, np.float32), ""
        for turn in range(TURNS):
            name = who[turn] if turn < count else draw.choice([name for name in who if name != last] or who)
            said = np.concatenate(
                [left[name][(turn + part) % len(left[name])] for part in range(draw.choice((1, 1, 2)))]
            )
            pause_s = draw.uniform(0.2, 1.0) if turn == 0 or draw.random() < 0.9 else -draw.uniform(0.1, 0.5)
            start = max(0, (truth[-1].end if truth else 0) + round(pause_s * R))
            sound = np.pad(sound, (0, max(0, start + len(said) - len(sound))))
            sound[start : start + len(said)] += said
            truth.append(Spoken(start, start + len(said), name))
            last = name
        return sound + np.random.default_rng(0).normal(0, NOISE, len(sound)).astype(np.float32), truth


def files(folder: Path) -> list[Path]:
    """All that lie in it, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def read(path: Path) -> Audio | None:
    """The sound of a file, or None for what is no sound."""
    name = path.suffix[1:]
    try:
        with av.open(path, format=name if name in ("g722", "gsm") else None) as file:
            blocks = [block.to_ndarray().mean(axis=0) for block in file.decode(audio=0)]
            rate_hz = file.streams.audio[0].rate
    except (av.FFmpegError, IndexError, ValueError):
        return None
    if not blocks:
        return None
    pcm = np.concatenate(blocks).astype(np.float32)
    return resample(Audio(pcm / max(1e-9, float(np.abs(pcm).max())), rate_hz), R)


def errors(truth: Sequence[Spoken], guess: Sequence[Spoken], samples: int) -> Errors:
    """Counted every 10 ms, with no forgiveness around boundaries, when guessed speakers are given the best names."""
    real, found = grid(truth, samples), grid(guess, samples)
    common = real.astype(int) @ found.astype(int).T
    same = common[linear_sum_assignment(-common)].sum()
    speaking, heard = real.sum(axis=0), found.sum(axis=0)
    return Errors(
        missed=int(np.maximum(speaking - heard, 0).sum()),
        made_up=int(np.maximum(heard - speaking, 0).sum()),
        confused=int(np.minimum(speaking, heard).sum() - same),
        all=int(speaking.sum()),
    )


def grid(spoken: Sequence[Spoken], samples: int) -> NDArray[np.bool_]:
    """Who speaks when: shape (speakers, hundredths of a second)."""
    names = sorted({one.speaker for one in spoken})
    there = np.zeros((len(names), samples // GRID), bool)
    for one in spoken:
        there[names.index(one.speaker), one.start // GRID : one.end // GRID] = True
    return there


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="one for each speaker")
    parser.add_argument("--each", type=int, default=40, help="clips to take of each speaker")
    parser.add_argument("--only", choices=("verify", "diarize"), help="half of it")
    parser.add_argument("--rounds", type=int, default=4, help="of ten conversations")
    asked = parser.parse_args()
    scheduler = Scheduler(1)
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=scheduler, threads=1)
    bench = Bench(open_silero(workshop), open_voicefilter(workshop), scheduler)
    for folder in asked.folders:
        await bench.take(folder.name, files(folder), asked.each)
    if asked.only != "diarize":
        await bench.verify()
    if asked.only != "verify":
        await bench.diarize(asked.rounds)
    scheduler.close()


if __name__ == "__main__":
    asyncio.run(main())
