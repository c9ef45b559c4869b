"""VoiceFilter's voice encoder, on questions that one voice asks and on clips of others."""

from __future__ import annotations

import asyncio
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from realtime.audio import Pcm, ms_to_samples, silence
from realtime.engines.base import Urgency
from realtime.engines.onnx import open_session
from realtime.engines.scheduler import Scheduler
from realtime.engines.speaker import Points, Voiceprint, distance
from realtime.engines.voicefilter import (
    BANDS,
    BATCH,
    SHORTEST_MS,
    WINDOW_FRAMES,
    Voicefilter,
    VoicefilterOptions,
    cut,
    open_voicefilter,
    spectrum,
)
from realtime.errors import BadConfiguration, EngineFailed, InvalidRequest, ModelUnavailable
from realtime.models.store import ModelStore
from tests.engines.conftest import MakeWorkshop
from tests.engines.watched import WatchedScheduler
from tests.fakes import settle
from tests.voices import OTHERS, asked, other

REFERENCE = Path(__file__).parent / "data" / "voicefilter.npz"
"""Made by `tools.voicefilter_reference`."""

QUESTIONS = ("ocean", "train", "dinner", "egg", "week")


@pytest.fixture(scope="module")
def voicefilter(workshop: MakeWorkshop) -> Voicefilter:
    return open_voicefilter(workshop())


def reference(name: str) -> Points:
    with np.load(REFERENCE) as kept:
        found: Points = kept[name]
        return found


def test_the_spectrum_is_that_of_the_library_it_was_trained_with() -> None:
    np.testing.assert_allclose(spectrum(asked("ocean"))[::10], reference("spectrum"), atol=1e-3)


def test_how_loud_the_speech_is_makes_no_difference() -> None:
    sound = asked("train")
    np.testing.assert_allclose(spectrum(sound * np.float32(0.05)), spectrum(sound), atol=1e-3)


@pytest.mark.parametrize(("ms", "windows"), [(SHORTEST_MS, 1), (799, 1), (1189, 1), (1190, 2), (1590, 3), (8000, 19)])
def test_windows_overlap_by_half(ms: int, windows: int) -> None:
    """There is a frame every 10 ms, one at the very beginning included."""
    sound = np.random.default_rng(0).normal(0, 0.1, ms_to_samples(ms, 16_000)).astype(np.float32)
    assert cut(sound).shape == (windows, WINDOW_FRAMES, BANDS)


def test_what_is_shorter_than_a_window_is_heard_again() -> None:
    [window] = cut(asked("time")[4000:11_000])
    np.testing.assert_array_equal(window[:36], window[44:])


@pytest.mark.parametrize(
    ("sound", "why"),
    [
        (silence(0, 16_000), "less than 400 ms"),
        (silence(SHORTEST_MS - 1, 16_000), "less than 400 ms"),
        (silence(2000, 16_000), "silence"),
        (np.full(16_000, np.nan, np.float32), "silence"),
    ],
)
def test_a_voice_cannot_be_told_from_nothing(sound: Pcm, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        cut(sound)


@pytest.mark.model
async def test_the_voice_is_where_the_models_own_package_places_it(voicefilter: Voicefilter) -> None:
    """Which hears it at the loudness it has, with a lower floor, and so not at quite the same place."""
    assert distance(await voicefilter.encode(asked("ocean")), reference("voiceprint")) < 0.1


@pytest.mark.model
async def test_a_voiceprint_has_length_one(voicefilter: Voicefilter) -> None:
    voiceprint = await voicefilter.encode(asked("ocean"))
    assert voiceprint.shape == (256,)
    assert voiceprint.dtype == np.float32
    assert np.linalg.norm(voiceprint) == pytest.approx(1)


@pytest.mark.model
async def test_clips_of_one_voice_are_near_and_those_of_two_are_not(voicefilter: Voicefilter) -> None:
    """The threshold parts all of these; how often it fails is in docs/benchmarks.md."""
    voices: dict[str, list[Voiceprint]] = {"asker": await voicefilter.encode_each([asked(name) for name in QUESTIONS])}
    for language, names in OTHERS.items():
        voices[language] = await voicefilter.encode_each([other(language, name) for name in names])
    clips = [(whose, voiceprint) for whose, some in voices.items() for voiceprint in some]
    for (one, here), (another, there) in combinations(clips, 2):
        assert (distance(here, there) < voicefilter.same_below) == (one == another), (one, another)


@pytest.mark.model
async def test_many_clips_are_heard_as_each_alone(voicefilter: Voicefilter) -> None:
    """More windows than fit into a batch; weights in eight bits make them depend on their neighbours a little."""
    clips = [asked(name) for name in QUESTIONS] + [other("ja", name) for name in OTHERS["ja"]]
    assert sum(len(cut(clip)) for clip in clips) > 2 * BATCH
    together = await voicefilter.encode_each(clips)
    alone = [await voicefilter.encode(clip) for clip in clips]
    assert max(distance(*pair) for pair in zip(together, alone, strict=True)) < 0.02
    assert await voicefilter.encode_each([]) == []


@pytest.mark.model
async def test_one_clip_that_cannot_be_heard_spoils_them_all(voicefilter: Voicefilter) -> None:
    with pytest.raises(InvalidRequest, match="silence"):
        await voicefilter.encode_each([asked("egg"), silence(1000, 16_000)])


@pytest.mark.model
async def test_others_come_in_between_two_batches_of_a_recording(model_store: ModelStore) -> None:
    scheduler = WatchedScheduler()
    session = open_session(model_store.path("voicefilter-embedder"))
    voicefilter = Voicefilter(session, VoicefilterOptions(), scheduler)
    recording = asyncio.ensure_future(voicefilter.encode_each([asked("ocean")] * 20))
    await settle()
    assert scheduler.busy
    await voicefilter.encode(asked("egg"))
    assert set(scheduler.turns) == {Urgency.UNATTENDED}
    assert await scheduler.run(lambda: "said", Urgency.FINAL) == "said"
    assert not recording.done()
    recording.cancel()
    await asyncio.wait([recording])
    scheduler.close()
    assert recording.cancelled()


@pytest.mark.model
async def test_a_model_that_fails_is_an_engine_that_failed(model_store: ModelStore) -> None:
    """Here one that wants other input."""
    scheduler = Scheduler(1)
    voicefilter = Voicefilter(open_session(model_store.path("smart-turn-v3.2")), VoicefilterOptions(), scheduler)
    with pytest.raises(EngineFailed, match="the voice encoder failed"):
        await voicefilter.encode(asked("egg"))
    scheduler.close()


@pytest.mark.model
def test_another_model_is_refused(workshop: MakeWorkshop, model_store: ModelStore) -> None:
    with pytest.raises(ModelUnavailable, match="is not the voice encoder of VoiceFilter"):
        open_voicefilter(workshop(model=str(model_store.path("smart-turn-v3.2"))))


@pytest.mark.model
async def test_thresholds_can_be_configured(workshop: MakeWorkshop) -> None:
    voicefilter = open_voicefilter(workshop(same_below=0.2, same_group_below=0.7))
    assert (voicefilter.same_below, voicefilter.same_group_below) == (0.2, 0.7)
    assert voicefilter.model == "voicefilter-embedder"
    await voicefilter.close()
    with pytest.raises(BadConfiguration, match="voicefilter"):
        open_voicefilter(workshop(same_below=3))
