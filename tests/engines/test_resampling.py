"""Another rate: the same sound, evenly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from realtime.engines.registry import Workshop
from realtime.engines.resampling import Resampling, open_resampling
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames
from realtime.errors import BadConfiguration, InvalidRequest
from tests.engines.sounds import moved_by, pushed, spoken


@pytest.fixture
async def resampling() -> AsyncIterator[Resampling]:
    scheduler = Scheduler(1)
    yield Resampling(scheduler)
    scheduler.close()


@pytest.mark.parametrize(("from_hz", "to_hz"), [(16_000, 48_000), (44_100, 16_000), (48_000, 44_100), (192_000, 8000)])
@pytest.mark.parametrize("frame_ms", [10, 16])
async def test_a_tone_keeps_its_pitch_its_level_and_its_length(
    resampling: Resampling, from_hz: int, to_hz: int, frame_ms: int
) -> None:
    samples = from_hz * frame_ms // 1000
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * from_hz) / from_hz).astype(np.float32)
    stream = await resampling.stream(Frames(rate_hz=from_hz, samples=samples), {"to_rate": str(to_hz)})
    out = await pushed(stream, samples, tone)
    assert stream.rate_hz == to_hz
    assert len(out) == len(tone) // samples * samples * to_hz // from_hz
    second = out[to_hz // 2 : to_hz // 2 + to_hz]
    spectrum = np.abs(np.fft.rfft(second)) * 2 / to_hz
    assert np.argmax(spectrum) == 1000
    assert spectrum[1000] == pytest.approx(0.5, abs=0.001)
    assert np.delete(spectrum, 1000).max() < 0.0005


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "most_ms"), [(16_000, 48_000, 3), (48_000, 16_000, 3), (44_100, 16_000, 13)]
)
async def test_the_delay_is_what_it_is_told_to_be(
    resampling: Resampling, from_hz: int, to_hz: int, most_ms: float
) -> None:
    """In samples of what comes out."""
    samples = from_hz // 100
    stream = await resampling.stream(Frames(rate_hz=from_hz, samples=samples), {"to_rate": str(to_hz)})
    out = await pushed(stream, samples, spoken("sky", rate_hz=from_hz))
    expected = spoken("sky", rate_hz=to_hz)
    assert moved_by(expected, out) == stream.delay_samples
    assert stream.delay_samples * 1000 / to_hz <= most_ms


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "required field `to_rate`"),
        ({"to_rate": "7999"}, "'params.to_rate': .*>= 8000"),
        ({"to_rate": "192001"}, "<= 192000"),
        ({"to_rate": "fast"}, "Expected `int`"),
        ({"to_rate": "16000", "quality": "high"}, "'params.quality' is unknown; there are: to_rate"),
        ({"to_rate": "12345"}, "Cannot stream from 16000 Hz to 12345 Hz"),
    ],
)
async def test_parameters_that_cannot_be_are_refused(
    resampling: Resampling, params: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await resampling.stream(Frames(rate_hz=16_000, samples=160), params)


async def test_it_opens_without_options_and_refuses_others(resampling: Resampling) -> None:
    def workshop(**options: int) -> Workshop:
        return Workshop(model_path=lambda name: pytest.fail(name), scheduler=Scheduler(1), threads=1, options=options)

    assert open_resampling(workshop()).name == "resample"
    with pytest.raises(BadConfiguration, match="quality"):
        open_resampling(workshop(quality=3))
    await resampling.close()
