"""A spoken question over `AudioToAudioStream`, on real engines: the answer's sound says the answer's words."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.codecs.resample import resample
from realtime.engines.base import Listening
from realtime.engines.opening import open_engines
from realtime.models.store import ModelStore
from realtime.settings import Settings
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import RATE_HZ, calling, place
from tests.end_to_end.wer import word_error_rate
from tests.fakes import quiet
from tests.live import question

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("server_logs")]


async def test_a_spoken_question_is_answered_aloud(model_store: ModelStore) -> None:
    """Found by turn detection, and again by the client itself; what is heard of it is what it says it says."""
    engines = await asyncio.to_thread(open_engines, Settings(), model_store.path)
    asked = resample(question("france"), RATE_HZ).pcm
    try:
        async with Doorway(place(engines)) as door, calling(door, params={"temperature": "0"}) as caller:
            for _ in range(2):
                for start in range(0, len(asked), 320):
                    await caller.says(asked[start : start + 320])
                await caller.says(quiet(800, RATE_HZ), end=True)
                done = await caller.until("response.done")
                assert done["status"] == "completed"
                assert done["usage"]["output_tokens"] > 0
                heard = caller.all("conversation.item.input_audio_transcription.completed")[-1]["transcript"]
                assert word_error_rate(heard, "What is the capital of France?") < 0.2
                await caller.config(params={"turn_detection": "none"})
            assert await caller.rest() == []
            words = "".join(caller.words(done["id"]) for done in caller.all("response.done"))
            sound = resample(Audio(np.concatenate((caller.sound, quiet(200))), 24_000), engines.transcriber.rate_hz)
        said = "".join([part.text async for part in engines.transcriber.transcribe(sound.pcm, Listening())])
        assert word_error_rate(said, words) < 0.35
    finally:
        await engines.close()
