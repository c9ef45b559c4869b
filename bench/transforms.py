"""What the transforms do to sound: echo taken out, who speaks over it, and noise, by ear, by measure and by Whisper.

    python bench/transforms.py [FOLDER]

takes the questions of the benchmarks, and the recordings in FOLDER if one is given (WAV files, and a `transcripts.json`
that lists `{"file", "text"}`). Echoes are those of a made-up room (`realtime/bench/echo_path.py`), noise is pink, and
nothing runs in real time. Prints the tables of docs/benchmarks.md in about four minutes on two cores. It needs the
packages of the `local` extra, the models of `make models`, and jiwer, which comes with the packages for development.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from time import process_time

import jiwer
import numpy as np
from transcription import Clip, in_noise, load_clips, plain

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm, silence
from realtime.bench.echo_path import EchoPath, level_db
from realtime.codecs.resample import resample
from realtime.engines.base import Listening
from realtime.engines.deepfilter import open_deepfilter
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames, Transform
from realtime.engines.webrtc_transform import open_webrtc_transform
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import load_settings

R = SPEECH_RATE_HZ
ROOM_DB = -70.0
"""Nobody speaks."""
AEC = {"ns": "false"}
HIGH_PASS = {"aec": "false", "ns": "false"}
SUPPRESSORS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "webrtc": ("webrtc", {"aec": "false"}),
    "deepfilter": ("deepfilter", {}),
    "deepfilter, at most 12 dB": ("deepfilter", {"attenuation_limit_db": "12"}),
}


async def made(
    transform: Transform, params: Mapping[str, str], sound: Pcm, rate_hz: int = R, reference: Pcm | None = None
) -> Pcm:
    """All of `sound`, by frames of 10 ms, where it was."""
    samples = rate_hz // 100
    stream = await transform.stream(Frames(rate_hz=rate_hz, samples=samples), params)
    padding = np.zeros(stream.delay_samples + samples, np.float32)
    near = np.concatenate((sound, padding))
    far = np.concatenate((np.zeros_like(sound) if reference is None else reference, padding))
    frames = [
        await stream.push(near[at : at + samples], far[at : at + samples])
        for at in range(0, len(near) - samples + 1, samples)
    ]
    return np.concatenate(frames)[stream.delay_samples :][: len(sound)]


def si_sdr_db(clean: Pcm, sound: Pcm) -> float:
    """How much more of `sound` is `clean`, however loud, than is not (Le Roux and others, 2019)."""
    target = clean * (np.dot(sound, clean) / np.dot(clean, clean))
    return float(10 * np.log10(np.sum(target**2) / np.sum((sound - target) ** 2)))


def loud(sound: Pcm, peak: float = 0.5) -> Pcm:
    """`sound` with this peak."""
    return sound * np.float32(peak / np.abs(sound).max())


def room(samples: int) -> Pcm:
    """What is heard when nothing is."""
    return np.random.default_rng(1).normal(0, 10 ** (ROOM_DB / 20), samples).astype(np.float32)


def wrong(whisper: FasterWhisper, sound: Pcm, text: str) -> tuple[int, int]:
    """Words misheard, and words said."""
    heard = "".join(segment.text for segment in whisper.hear_turn(sound, Listening()))
    words = jiwer.process_words(plain(text), plain(heard) or "-")
    return words.substitutions + words.deletions + words.insertions, len(plain(text).split())


# --- echo ------------------------------------------------------------------------------------------------------------


async def echoes(webrtc: Transform, clips: Sequence[Clip]) -> AsyncIterator[list[str]]:
    """Echo return loss enhancement: by how many dB less comes out than goes in while only the echo is heard."""
    said = loud(np.concatenate([clip.pcm for clip in clips[:4]]))
    for rate_hz in (8000, R, 48_000):
        played = resample(Audio(said, R), rate_hz).pcm
        row = [f"{rate_hz // 1000} kHz"]
        for delay_ms in (20, 100, 300):
            echo = EchoPath(delay_ms=delay_ms, attenuation_db=10).carry(played, rate_hz)
            heard = echo + room(len(echo))
            clean = await made(webrtc, AEC, heard, rate_hz, played)
            begins = int(np.argmax(np.abs(echo) > 0.01))
            for first, last in ((0, 1), (1, 2), (3, None)):
                part = slice(begins + first * rate_hz, None if last is None else begins + last * rate_hz)
                row.append(f"{level_db(heard[part]) - level_db(clean[part]):.0f}")
        yield row


async def double_talk(webrtc: Transform, whisper: FasterWhisper, clips: Sequence[Clip]) -> AsyncIterator[list[str]]:
    """Each clip said over an echo of others, from its fourth second on."""
    for attenuation_db in (6, 10, 15, 20):
        misheard = np.zeros((2, 2))
        kept: list[list[float]] = []
        for index, clip in enumerate(clips):
            voice = loud(clip.pcm)
            others = [clips[(index + step) % len(clips)].pcm for step in range(1, 6)]
            played = loud(np.concatenate(others))[: 4 * R + len(voice)]
            at = len(played) - len(voice)
            echo = EchoPath(delay_ms=80, attenuation_db=attenuation_db).carry(played, R)
            near = np.concatenate((np.zeros(at, np.float32), voice))
            heard = near + echo + room(len(near))
            clean = await made(webrtc, AEC, heard, reference=played)
            alone = await made(webrtc, AEC, near, reference=np.zeros_like(near))
            here = slice(at, None)
            kept.append(
                [
                    si_sdr_db(near[here], heard[here]),
                    si_sdr_db(alone[here], clean[here]),
                    level_db(clean[here]) - level_db(alone[here]),
                ]
            )
            for row, sound in enumerate((heard, clean)):
                misheard[row] += wrong(whisper, sound[here], clip.text)
        before, after = 100 * misheard[:, 0] / misheard[:, 1]
        first, second, level = np.mean(kept, axis=0)
        yield [
            f"{attenuation_db} dB softer",
            f"{first:.1f}",
            f"{second:.1f}",
            f"{level:+.1f}",
            f"{before:.1f}",
            f"{after:.1f}",
        ]


# --- noise -----------------------------------------------------------------------------------------------------------


async def noises(
    transforms: Mapping[str, Transform], whisper: FasterWhisper, clips: Sequence[Clip]
) -> AsyncIterator[list[str]]:
    """Clips in pink noise, a second of it before: as they are, and by each suppressor."""
    for voice_db in (15, 10, 5, 0):
        for name in ("as it is", *SUPPRESSORS):
            misheard, ratios, spent_s, seconds = np.zeros(2), list[float](), 0.0, 0.0
            filtered = name == "webrtc"  # what its high-pass filter takes out or turns round is not held against it
            for clip in clips:
                voice = np.concatenate((silence(1000, R), clip.pcm, silence(300, R)))
                sound = in_noise(voice_db)(Clip(voice, clip.text)).pcm
                if name != "as it is":
                    transform, params = SUPPRESSORS[name]
                    began_s = process_time()
                    sound = await made(transforms[transform], params, sound)
                    spent_s += process_time() - began_s
                    seconds += len(sound) / R
                clean = await made(transforms["webrtc"], HIGH_PASS, voice) if filtered else voice
                ratios.append(si_sdr_db(clean[R:], sound[R:]))
                misheard += wrong(whisper, sound[R:], clip.text)
            cost = f"{1000 * spent_s / seconds:.0f}" if seconds else "–"
            yield [f"{voice_db} dB", name, f"{np.mean(ratios):.1f}", f"{100 * misheard[0] / misheard[1]:.1f}", cost]


async def table(head: str, rows: AsyncIterator[list[str]]) -> None:
    """Print one."""
    print(f"\n| {head} |\n| --- |{' ---: |' * head.count('|')}", flush=True)
    async for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


async def main() -> None:
    """Print the tables."""
    clips = load_clips(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1)
    whisper, webrtc = open_faster_whisper(workshop), open_webrtc_transform(workshop)
    transforms: dict[str, Transform] = {"webrtc": webrtc, "deepfilter": open_deepfilter(workshop)}
    three = "1st s | 2nd s | from the 4th on"
    await table(f"stream | 20 ms late: {three} | 100 ms: {three} | 300 ms: {three}", echoes(webrtc, clips))
    heads = "echo | SI-SDR, echo left in, dB | taken out | level, dB | words wrong, echo left in, % | taken out"
    await table(heads, double_talk(webrtc, whisper, clips))
    await table(
        "voice above noise | made by | SI-SDR, dB | words wrong, % | CPU-ms per s", noises(transforms, whisper, clips)
    )
    workshop.scheduler.close()


if __name__ == "__main__":
    asyncio.run(main())
