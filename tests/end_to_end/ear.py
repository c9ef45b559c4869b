"""An ear of our own, to check what the server says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from realtime.audio import Audio
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Transcriber
from realtime.engines.opening import open_engine
from realtime.engines.scheduler import Scheduler
from realtime.models.store import ModelStore
from realtime.settings import Settings


@pytest.fixture
async def transcriber(model_store: ModelStore) -> AsyncIterator[Transcriber]:
    """The default transcriber, apart from the server's."""
    scheduler = Scheduler(1)
    engine: Transcriber = open_engine("transcriber", Settings(), model_store.path, scheduler)
    yield engine
    await engine.close()
    scheduler.close()


async def transcript(transcriber: Transcriber, audio: Audio) -> str:
    """What is said in `audio`."""
    speech = resample(audio, transcriber.rate_hz).pcm
    return "".join([segment.text async for segment in transcriber.transcribe(speech, Listening())])
