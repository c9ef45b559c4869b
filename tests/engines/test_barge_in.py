"""Who means to interrupt, as the real voice detector and transcriber hear it; whole conversations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.audio import Pcm
from realtime.bench.interjections import Interjection, load_interjections
from realtime.bench.noises import cough, music, typing
from realtime.codecs.resample import resample
from realtime.engines.ensemble import Engines
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.silero import open_silero
from tests.dialogue import Dialogue
from tests.engines.conftest import MakeWorkshop
from tests.fakes import fake_engines, quiet
from tests.test_conductor_barge_in import DUCKED, RATE_HZ, RESUMED, STARTED, engines, is_answered, passes

pytestmark = pytest.mark.model

SPOKEN = [each for each in load_interjections() if each.name in ("stop", "hold", "yeah", "uh-huh", "okay")]


@pytest.fixture(scope="module")
def ears(workshop: MakeWorkshop) -> Engines:
    """Real ears; who answers is scripted."""
    return replace(fake_engines(), detector=open_silero(workshop()), transcriber=open_faster_whisper(workshop()))


def answering(ears: Engines) -> Engines:
    """With something long to be interrupted."""
    return replace(ears, chat=engines().chat)


@pytest.mark.parametrize("said", SPOKEN, ids=lambda each: each.name)
async def test_who_means_it_interrupts_and_who_listens_does_not(ears: Engines, said: Interjection) -> None:
    """Words need real time to be found, so the microphone waits for them once all was said."""
    async with Dialogue(answering(ears)) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, resample(said.audio, RATE_HZ).pcm, quiet(60))
        if said.kind == "interruption":
            await dialogue.until(STARTED)
            assert RESUMED not in dialogue.names
        else:
            await dialogue.until(RESUMED)
            assert STARTED not in dialogue.names
        assert len(dialogue.all(DUCKED)) == 1


@pytest.mark.parametrize("noise", [cough(), typing(), music()], ids=["cough", "typing", "music"])
async def test_noises_do_not_interrupt(ears: Engines, noise: Pcm) -> None:
    async with Dialogue(answering(ears)) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, noise, quiet(500))
        assert STARTED not in dialogue.names
        assert len(dialogue.all(DUCKED)) == len(dialogue.all(RESUMED))
