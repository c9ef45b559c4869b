"""Who means to interrupt, as the real voice detector and transcriber hear it; whole conversations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest

from realtime.audio import Pcm, ms_to_samples
from realtime.bench.interjections import Interjection, load_interjections
from realtime.bench.noises import cough, music, typing
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Segment, Transcriber
from realtime.engines.ensemble import Engines
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.silero import open_silero
from tests.dialogue import Dialogue
from tests.engines.conftest import MakeWorkshop
from tests.fakes import fake_engines, quiet
from tests.test_conductor_barge_in import DUCKED, PIECE_MS, RATE_HZ, RESUMED, STARTED, engines, is_answered

pytestmark = pytest.mark.model

SPOKEN = [each for each in load_interjections() if each.name in ("stop", "hold", "yeah", "uh-huh", "okay")]


@pytest.fixture(scope="module")
def ears(workshop: MakeWorkshop) -> Engines:
    """Real ears; who answers is scripted."""
    return replace(fake_engines(), detector=open_silero(workshop()), transcriber=open_faster_whisper(workshop()))


class Awaited:
    """A transcriber one can wait for: it takes real time, and the conversation's is moved by hand."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self.rate_hz, self.model, self.languages = transcriber.rate_hz, transcriber.model, transcriber.languages
        self.looks = 0
        """Sounds that were put into words."""
        self.idle = asyncio.Event()
        self.idle.set()

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        self.looks += 1
        self.idle.clear()
        try:
            async with aclosing(self._transcriber.transcribe(speech, listening)) as segments:
                async for segment in segments:
                    yield segment
        finally:
            self.idle.set()

    async def close(self) -> None:
        return


def answering(ears: Engines) -> tuple[Engines, Awaited]:
    """With something long to be interrupted, and who puts the interruption into words."""
    awaited = Awaited(ears.transcriber)
    return replace(ears, chat=engines().chat, transcriber=awaited), awaited


async def passes(dialogue: Dialogue, awaited: Awaited, *sounds: Pcm) -> None:
    """What the microphone hears. The words of each piece are found before the next one comes."""
    sound = np.concatenate(sounds)
    step = ms_to_samples(PIECE_MS, RATE_HZ)
    for start in range(0, len(sound), step):
        await dialogue.says(sound[start : start + step])
        async with asyncio.timeout(10):
            await awaited.idle.wait()
        await dialogue.goes_on(len(sound[start : start + step]) / RATE_HZ)


@pytest.mark.parametrize("said", SPOKEN, ids=lambda each: each.name)
async def test_who_means_it_interrupts_and_who_listens_does_not(ears: Engines, said: Interjection) -> None:
    mine, awaited = answering(ears)
    async with Dialogue(mine) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, awaited, resample(said.audio, RATE_HZ).pcm, quiet(400))
        told = [name for name in dialogue.names if name in (DUCKED, RESUMED, STARTED)]
        assert told == [DUCKED, STARTED if said.kind == "interruption" else RESUMED]
        assert len(dialogue.all(DUCKED)) == 1


async def test_a_cough_that_is_taken_for_a_voice_does_not_interrupt(ears: Engines) -> None:
    """Most are not; this one is, from afar. Nobody finds words in it."""
    mine, awaited = answering(ears)
    async with Dialogue(mine) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, awaited, quiet(10), cough(29) * np.float32(0.1), quiet(500))
        assert [name for name in dialogue.names if name in (DUCKED, RESUMED, STARTED)] == [DUCKED, RESUMED]
        assert len(dialogue.all(DUCKED)) == len(dialogue.all(RESUMED)) == 1
        assert awaited.looks > 0


@pytest.mark.parametrize("noise", [typing(), music()], ids=["typing", "music"])
async def test_typing_and_music_are_not_even_taken_for_a_voice(ears: Engines, noise: Pcm) -> None:
    mine, awaited = answering(ears)
    async with Dialogue(mine) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, awaited, noise, quiet(500))
        assert not {DUCKED, STARTED} & set(dialogue.names)
        assert awaited.looks == 0
