"""The server's own voice, come back from a loudspeaker: how much of it is taken out, how fast, and at whose expense.

    python bench/echo.py

plays spoken questions as if they were answers, lets them come back late, softer and off the walls of a made-up room
(`realtime/bench/echo_path.py`), and takes them out again with the canceller that conversations have. Nothing runs in
real time. Prints the tables of docs/benchmarks.md in about three minutes on two cores. It needs the packages of the
`local` extra and the models of `make models`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import jiwer
import numpy as np
from livekit.rtc import AudioFrame
from livekit.rtc.apm import AudioProcessingModule

from realtime.audio import SPEECH_RATE_HZ, Pcm, silence
from realtime.bench.echo_path import EchoPath, level_db
from realtime.bench.questions import load_questions
from realtime.codecs.resample import resample
from realtime.engines.base import Detector, Listening
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import open_silero
from realtime.engines.webrtc import WebrtcStream
from realtime.engines.webrtc_echo import EchoCanceller
from realtime.engines.webrtc_module import FRAME_SAMPLES, WebrtcModule
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.pipeline.endpoint import Began, Ended, Knobs
from realtime.pipeline.listen import Listener
from realtime.settings import load_settings

R = SPEECH_RATE_HZ
ROOM_DB = 65.0
"""The room is softer than full scale by so much."""
CALLS = 12
ANSWERS = 4
"""In a call; each lasts 3 s at most, with 2.5 s of silence around it."""
JITTERS_MS = (0, 30, 80)


class OneForTheCall(EchoCanceller):
    """As it is mostly done: one canceller, which goes on."""

    def _heed(self, before: Pcm, far: Pcm) -> None:
        self._module = self._module or WebrtcModule(echo_cancellation=True)


class Heard:
    """The questions as sound, and the models that listen."""

    def __init__(self, detector: Detector, whisper: FasterWhisper) -> None:
        self.detector = detector
        self.whisper = whisper
        self.questions = load_questions()
        self.clips = [resample(question.audio, R).pcm for question in self.questions]

    def begins(self, sound: Pcm) -> list[int]:
        """The samples at which turns begin, padding included."""
        listener, begins = Listener(self.detector, 60_000), list[int]()
        listener.tune(Knobs())
        for boundary in listener.push(sound):
            match boundary:
                case Began():
                    begins.append(boundary.at_sample)
                case Ended():
                    listener.take(lambda: np.zeros(0, np.float32))
        return begins

    def words_wrong(self, sound: Pcm, text: str) -> float:
        """The share of the words of `text` that is not heard as it was said; 1 at most."""
        heard = "".join(segment.text for segment in self.whisper.hear_turn(sound, Listening()))
        return min(1.0, jiwer.wer(plain(text), plain(heard)))


def plain(text: str) -> str:
    """Words, without what nobody hears."""
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ")


def room(samples: int, rng: np.random.Generator) -> Pcm:
    """Nobody speaks."""
    return rng.normal(0, 10 ** (-ROOM_DB / 20), samples).astype(np.float32)


def loud(sound: Pcm, peak: float = 0.5) -> Pcm:
    """`sound` with this peak."""
    return sound * np.float32(peak / np.abs(sound).max())


def cancelled(canceller: EchoCanceller, heard: Pcm, played: Pcm) -> Pcm:
    """What is left."""
    stream = WebrtcStream(canceller, None)
    return np.concatenate((stream.push(heard, played), stream.flush()))


def taken_out_db(heard: Pcm, clean: Pcm, begins: int) -> list[float]:
    """In the first second from `begins`, the second, the third, and all that follow."""
    parts = [slice(begins + second * R, begins + (second + 1) * R) for second in range(3)]
    return [level_db(heard[part]) - level_db(clean[part]) for part in (*parts, slice(begins + 3 * R, None))]


# --- how much, and how fast --------------------------------------------------------------------------------------


def bare(heard: Pcm, played: Pcm, delay_ms: int | None) -> Pcm:
    """Through one module of the library's, which is told a delay in each frame or never; its own delay left out."""
    module = AudioProcessingModule(echo_cancellation=True)
    frame = AudioFrame.create(R, 1, FRAME_SAMPLES)
    samples, clean = np.frombuffer(frame.data, np.int16), np.empty_like(heard)
    for start in range(0, len(heard) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        here = slice(start, start + FRAME_SAMPLES)
        samples[:] = played[here] * 32767
        module.process_reverse_stream(frame)
        if delay_ms is not None:
            module.set_stream_delay_ms(delay_ms)
        samples[:] = heard[here] * 32767
        module.process_stream(frame)
        clean[here] = samples / 32767
    return np.concatenate((clean[128:], np.zeros(128, np.float32)))


def by_delay(heard: Heard) -> Iterator[tuple[str, list[float]]]:
    """The library's canceller, by how late the echo is."""
    played = loud(np.concatenate(heard.clips[-3:]))
    played = played[: len(played) // FRAME_SAMPLES * FRAME_SAMPLES]
    for delay_ms in (0, 20, 100, 200, 300, 400, 500):
        echo = EchoPath(delay_ms=delay_ms, attenuation_db=10).carry(played, R)
        sound = echo + room(len(echo), np.random.default_rng(1))
        begins = int(np.argmax(np.abs(echo) > 0.01))
        told = {"never": None, "0": 0, "the truth": delay_ms}
        figures = [taken_out_db(sound, bare(sound, played, tells), begins) for tells in told.values()]
        yield f"{delay_ms} ms", [value for figure in figures for value in (figure[0], figure[1], figure[3])]


def by_room(heard: Heard) -> Iterator[tuple[str, list[float]]]:
    """The canceller of a conversation, by what the room does."""
    played = np.concatenate((silence(500, R), loud(np.concatenate(heard.clips[-3:]))))
    for attenuation_db in (6, 10, 20):
        for reverberation_ms in (200, 400):
            path = EchoPath(delay_ms=100, attenuation_db=attenuation_db, reverberation_ms=reverberation_ms)
            echo = path.carry(played, R)
            sound = echo + room(len(echo), np.random.default_rng(1))
            begins = int(np.argmax(np.abs(echo) > 0.001))
            clean = cancelled(EchoCanceller(), sound, played)
            yield f"{attenuation_db} dB softer, {reverberation_ms} ms", taken_out_db(sound, clean, begins)


# --- what the voice detector makes of it -------------------------------------------------------------------------


def by_jitter(heard: Heard) -> Iterator[tuple[str, list[float]]]:
    """Answers, of 100, that begin a turn: not cancelled, one canceller for the call, one for each answer."""
    for jitter_ms in JITTERS_MS:
        rng, begun = np.random.default_rng(3), np.zeros(3)
        for _ in range(CALLS):
            played, sound = _call(heard, rng, jitter_ms)
            made = (sound, cancelled(OneForTheCall(), sound, played), cancelled(EchoCanceller(), sound, played))
            for index, clean in enumerate(made):
                length = len(sound) // ANSWERS
                begun[index] += len({(begin + 300 * R // 1000) // length for begin in heard.begins(clean)})
        yield f"up to {jitter_ms} ms", list(begun * 100 / CALLS / ANSWERS)


def _call(heard: Heard, rng: np.random.Generator, jitter_ms: int) -> tuple[Pcm, Pcm]:
    """What is played, and what the microphone hears: in one room, each answer a little later or earlier."""
    usual_ms, attenuation_db = rng.uniform(20, 250), rng.uniform(6, 20)
    reverberation_ms, place = rng.uniform(200, 400), int(rng.integers(1_000_000))
    parts, echoes = list[Pcm](), list[Pcm]()
    for _ in range(ANSWERS):
        clip = loud(heard.clips[rng.integers(len(heard.clips))][: 3 * R], 0.4)
        parts.append(np.concatenate((silence(500, R), clip, np.zeros(5 * R - len(clip), np.float32))))
        path = EchoPath(
            delay_ms=usual_ms + rng.uniform(0, jitter_ms),
            attenuation_db=attenuation_db,
            reverberation_ms=reverberation_ms,
            room=place,
        )
        echoes.append(path.carry(parts[-1], R))
    played, echo = np.concatenate(parts), np.concatenate(echoes)
    return played, echo + room(len(echo), rng)


# --- who speaks over it ------------------------------------------------------------------------------------------


def by_moment(heard: Heard) -> Iterator[tuple[str, list[float]]]:
    """Every question asked over an answer: words wrong and turns begun within half a second, in percent."""
    for name, after_s in (("0.5 s after its first echo", 0.5), ("2 s after", 2.0)):
        for attenuation_db in (6, 10, 15, 20):
            rng, wrong, begun = np.random.default_rng(4), np.zeros(2), 0
            for index, question in enumerate(heard.questions):
                delay_ms = (20, 100, 200, 300)[index % 4]
                clip = loud(heard.clips[index])
                at = round((0.5 + delay_ms / 1000 + after_s) * R)
                others = [heard.clips[(index + shift) % len(heard.clips)] for shift in (2, 4, 6)]
                played = np.concatenate((silence(500, R), loud(np.concatenate(others)[R // 5 :]), silence(3000, R)))
                sound = EchoPath(delay_ms=delay_ms, attenuation_db=attenuation_db).carry(played, R)
                sound += room(len(sound), rng)
                here = slice(at, at + len(clip))
                sound[here] += clip[: len(sound) - at]
                clean = cancelled(EchoCanceller(), sound, played)
                wrong += [heard.words_wrong(each[here], question.text) for each in (sound, clean)]
                voiced = at + 200 * R // 1000  # after the silence at the clip's beginning
                begun += any(abs(begin + 300 * R // 1000 - voiced) < R // 2 for begin in heard.begins(clean))
            share = 100 / len(heard.questions)
            yield f"{attenuation_db} dB softer, {name}", [*(wrong * share), begun * share]


def table(head: str, rows: Iterator[tuple[str, list[float]]]) -> None:
    """Print one."""
    print(f"\n| {head} |\n| --- |{' ---: |' * head.count('|')}", flush=True)
    for name, figures in rows:
        print(f"| {name} | {' | '.join(f'{figure:.0f}' for figure in figures)} |", flush=True)


def main() -> None:
    """Print the tables."""
    store = ModelStore(load_settings(None, os.environ, {}).models.directory, load_catalogue())
    workshop = Workshop(model_path=store.path, scheduler=Scheduler(1), threads=1)
    heard = Heard(open_silero(workshop), open_faster_whisper(workshop))
    seconds = "1st s | 2nd s | from the 4th on"
    table(f"echo after | told nothing: {seconds} | told 0: {seconds} | told the delay: {seconds}", by_delay(heard))
    table("echo | 1st s | 2nd s | 3rd s | from the 4th on", by_room(heard))
    table("answers differ in delay by | not cancelled | one for the call | one for each answer", by_jitter(heard))
    table("echo | words wrong, %: with the echo | without | turn begun, %", by_moment(heard))


if __name__ == "__main__":
    main()
