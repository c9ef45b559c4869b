"""Smart Turn on questions spoken aloud: whole, and broken off in the middle of a word or sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from realtime.audio import Pcm, ms_to_samples, silence
from realtime.codecs.resample import resample
from realtime.engines.onnx import open_session
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.smart_turn import WINDOW_SAMPLES, SmartTurn, open_smart_turn
from realtime.errors import EngineFailed, ModelUnavailable
from realtime.models.store import ModelStore
from tests.engines.conftest import MakeWorkshop
from tests.live import question

PAUSE = silence(200, 16_000)


@pytest.fixture(scope="module")
def smart_turn(workshop: MakeWorkshop) -> SmartTurn:
    return open_smart_turn(workshop())


def spoken(name: str, until_ms: float | None = None) -> Pcm:
    """A question at 16 kHz, up to there, and a fifth of a second of silence; a whole one ends with its last sound."""
    pcm = resample(question(name), 16_000).pcm
    end = np.flatnonzero(np.abs(pcm) > 0.01)[-1] if until_ms is None else ms_to_samples(until_ms, 16_000)
    return np.concatenate((pcm[:end], PAUSE))


@pytest.mark.model
@pytest.mark.parametrize("name", ["time", "france", "week", "egg", "sky", "ocean", "dinner", "train"])
async def test_a_whole_question_sounds_complete(smart_turn: SmartTurn, name: str) -> None:
    assert await smart_turn.completeness(spoken(name)) > 0.8


@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "until_ms"), [("ocean", 1400), ("ocean", 2000), ("train", 2400), ("train", 3000), ("dinner", 2600)]
)
async def test_a_question_broken_off_does_not(smart_turn: SmartTurn, name: str, until_ms: float) -> None:
    """Once it has heard a second or two; of shorter turns it knows too little (docs/benchmarks.md)."""
    assert await smart_turn.completeness(spoken(name, until_ms)) < 0.2


@pytest.mark.model
async def test_it_hears_what_the_reference_hears(smart_turn: SmartTurn, model_store: ModelStore) -> None:
    """The preparation step by step, with Whisper's own spectrum."""
    session = onnxruntime.InferenceSession(str(model_store.path("smart-turn-v3.2")), providers=["CPUExecutionProvider"])
    for turn in (spoken("france"), spoken("train", 2200), np.tile(spoken("dinner"), 3)):
        heard = np.pad(turn, (max(0, WINDOW_SAMPLES - len(turn)), 0))[-WINDOW_SAMPLES:]
        heard = (heard - heard.mean()) / np.sqrt(heard.var() + 1e-7)
        spectrum = FeatureExtractor()(heard, padding=0)[:, :800]
        [[[expected]]] = session.run(None, {"input_features": spectrum[None].astype(np.float32)})
        assert await smart_turn.completeness(turn) == pytest.approx(expected, abs=0.02)


@pytest.mark.model
async def test_only_the_last_eight_seconds_count(smart_turn: SmartTurn) -> None:
    end = np.tile(spoken("train"), 3)[-WINDOW_SAMPLES:]
    before = np.random.default_rng(0).normal(0, 0.1, 50_000).astype(np.float32)
    assert await smart_turn.completeness(np.concatenate((before, end))) == await smart_turn.completeness(end)


@pytest.mark.model
@pytest.mark.parametrize(
    "make", [lambda: silence(0, 16_000), lambda: silence(9000, 16_000), lambda: spoken("time")[:1]]
)
async def test_next_to_nothing_is_still_a_probability(smart_turn: SmartTurn, make: Callable[[], Pcm]) -> None:
    assert 0 <= await smart_turn.completeness(make()) <= 1


@pytest.mark.model
async def test_sound_that_is_not_a_number_fails_and_harms_nobody(smart_turn: SmartTurn) -> None:
    before = await smart_turn.completeness(spoken("time"))
    for worst in (np.nan, np.inf):
        with pytest.raises(EngineFailed, match="not a number"):
            await smart_turn.completeness(np.array([0.5, worst, 0.5], np.float32))
    assert await smart_turn.completeness(spoken("time")) == before


@pytest.mark.model
async def test_questions_at_once_are_answered_each(smart_turn: SmartTurn) -> None:
    """Off the event loop, by threads that share the weights."""
    turns = [spoken("time"), spoken("train", 2200), spoken("egg")]
    alone = [await smart_turn.completeness(turn) for turn in turns]
    assert list(await asyncio.gather(*map(smart_turn.completeness, turns * 3))) == alone * 3


@pytest.mark.model
async def test_a_closed_scheduler_is_a_failed_engine(model_store: ModelStore) -> None:
    scheduler = Scheduler(1)
    smart_turn = open_smart_turn(Workshop(model_path=model_store.path, scheduler=scheduler, threads=1))
    scheduler.close()
    with pytest.raises(EngineFailed):
        await smart_turn.completeness(spoken("time"))


@pytest.mark.model
async def test_a_model_that_fails_is_a_failed_engine(model_store: ModelStore) -> None:
    """Its own error does not come out."""
    scheduler = Scheduler(1)
    another = SmartTurn(open_session(Path(model_store.path("silero-vad"))), scheduler)
    with pytest.raises(EngineFailed, match="the turn detector failed"):
        await another.completeness(spoken("time"))
    scheduler.close()


@pytest.mark.model
def test_another_model_is_not_taken_for_smart_turn(workshop: MakeWorkshop, model_store: ModelStore) -> None:
    with pytest.raises(ModelUnavailable, match="is not Smart Turn"):
        open_smart_turn(workshop(model=str(model_store.path("silero-vad"))))
