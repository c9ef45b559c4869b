"""On real models: the same sound gives the same events, whatever was begun in time and whatever was not.

Where silence ends the turns: `semantic_vad` ends them when its models have answered, which takes the time it takes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.bench.questions import load_questions
from realtime.caller.pulse import Pulse
from realtime.codecs.resample import resample
from realtime.engines.ensemble import Engines
from realtime.engines.opening import open_engines
from realtime.models.store import ModelStore
from realtime.pipeline.clock import LoopClock
from realtime.settings import load_settings
from tests.dialogue import Dialogue
from tests.fakes import quiet

pytestmark = pytest.mark.model

RATE_HZ = 24_000
PIECE_SAMPLES = RATE_HZ // 10


@pytest.fixture
async def engines(model_store: ModelStore) -> AsyncIterator[Engines]:
    opened = await asyncio.to_thread(open_engines, load_settings(None, os.environ, {}), model_store.path)
    yield opened
    await opened.close()


async def log_of(engines: Engines, question: Pcm, in_its_time: bool) -> list[dict[str, Any]]:
    """All that a client is told which asks `question` and hears the answer, but for what the model remembered and what
    counts down by the clock.
    """
    sound = np.concatenate((question, quiet(1200, RATE_HZ)))
    size = PIECE_SAMPLES if in_its_time else len(sound)
    async with Dialogue(engines, real_time=True) as client:
        await client.tunes(transcription={"model": "whisper-1"})
        pulse = Pulse(PIECE_SAMPLES / RATE_HZ, LoopClock())
        for start in range(0, len(sound), size):
            await pulse.beat()
            await client.says(sound[start : start + size])
        done = await client.until("response.done")
        assert done["response"]["status"] == "completed"
        tokens = done["response"]["usage"]["input_token_details"]
        del tokens["cached_tokens"], tokens["cached_tokens_details"]
        for told in client.all("rate_limits.updated"):
            for limit in told["rate_limits"]:
                del limit["reset_seconds"]
        return client.events


async def test_the_same_sound_gives_the_same_events(engines: Engines) -> None:
    """To the last sample of the answer: said at once, and in its own time, when the answer is begun in the silence."""
    question = resample(load_questions()[1].audio, RATE_HZ).pcm
    at_once = await log_of(engines, question, in_its_time=False)
    assert await log_of(engines, question, in_its_time=True) == at_once
