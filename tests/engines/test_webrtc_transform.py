"""WebRTC's audio processing as a transform: each of its parts by itself, and how late the sound comes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from realtime.audio import Pcm, silence
from realtime.bench.echo_path import EchoPath, level_db
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames
from realtime.engines.webrtc_transform import WebrtcTransform, open_webrtc_transform
from realtime.errors import BadConfiguration, InvalidRequest
from tests.engines.sounds import hiss, moved_by, pushed, spoken

OFF = {"aec": "false", "ns": "false", "hpf": "false", "agc": "false"}
RATES_HZ = (8000, 16_000, 24_000, 44_100, 48_000)


@pytest.fixture
async def webrtc() -> AsyncIterator[WebrtcTransform]:
    scheduler = Scheduler(1)
    yield WebrtcTransform(scheduler)
    scheduler.close()


async def made(
    webrtc: WebrtcTransform, sound: Pcm, params: dict[str, str], rate_hz: int = 16_000, reference: Pcm | None = None
) -> Pcm:
    """By frames of 10 ms, the stream's delay taken out."""
    samples = rate_hz // 100
    stream = await webrtc.stream(Frames(rate_hz=rate_hz, samples=samples), params)
    return (await pushed(stream, samples, sound, reference))[stream.delay_samples :]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("on", [(), ("aec",), ("ns",), ("hpf",), ("agc",), ("aec", "ns"), ("aec", "ns", "hpf", "agc")])
async def test_the_delay_is_what_it_is_told_to_be(webrtc: WebrtcTransform, rate_hz: int, on: tuple[str, ...]) -> None:
    """Whatever is on, at any rate: within a quarter of a millisecond, and never above 40 ms."""
    samples = rate_hz // 100
    params = OFF | dict.fromkeys(on, "true")
    stream = await webrtc.stream(Frames(rate_hz=rate_hz, samples=samples), params)
    sound = spoken("france", rate_hz=rate_hz)
    moved = moved_by(sound, await pushed(stream, samples, sound))
    assert abs(moved - stream.delay_samples) * 1000 / rate_hz <= 0.25
    assert stream.delay_samples * 1000 / rate_hz <= 40
    if not on and rate_hz in (16_000, 48_000):
        assert stream.delay_samples == 0


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
@pytest.mark.parametrize("delay_ms", [30, 200])
async def test_the_echo_of_the_reference_goes(webrtc: WebrtcTransform, rate_hz: int, delay_ms: int) -> None:
    """By 20 dB once it is settled, or down to the noise of the room."""
    played = spoken("sky", "ocean", rate_hz=rate_hz)
    heard = EchoPath(delay_ms=delay_ms, attenuation_db=10).carry(played, rate_hz) + hiss(len(played), 10 ** (-70 / 20))
    clean = await made(webrtc, heard, OFF | {"aec": "true"}, rate_hz, played)
    for start in range(rate_hz, len(clean) - rate_hz, rate_hz):
        second = slice(start, start + rate_hz)
        assert level_db(clean[second]) < max(level_db(heard[second]) - 20, -62)
    untold = await made(webrtc, heard, OFF | {"aec": "true"}, rate_hz)
    assert level_db(untold) > level_db(heard) - 3


async def test_a_late_echo_goes_when_its_delay_is_told(webrtc: WebrtcTransform) -> None:
    """One of a whole second is out of reach otherwise."""
    played = np.concatenate((spoken("sky", "ocean"), silence(1000, 16_000)))
    heard = EchoPath(delay_ms=1000, attenuation_db=6).carry(played, 16_000) + hiss(len(played), 10 ** (-70 / 20))
    told = await made(webrtc, heard, OFF | {"aec": "1", "echo_delay_ms": "900"}, reference=played)
    untold = await made(webrtc, heard, OFF | {"aec": "1"}, reference=played)
    assert level_db(told[32_000:]) < level_db(untold[32_000:]) - 15


async def test_who_speaks_over_the_echo_is_kept(webrtc: WebrtcTransform) -> None:
    """Both at once: their voice stays what it is without an echo, within 3 dB, and until then there is no echo."""
    played = spoken("sky", "ocean", "joke")
    echo = EchoPath(delay_ms=60, attenuation_db=15).carry(played, 16_000)
    voice = np.zeros_like(echo)
    at = 4 * 16_000
    said = spoken("week")[: len(voice) - at]
    voice[at : at + len(said)] = said
    alone = await made(webrtc, voice, OFF | {"aec": "true"}, reference=np.zeros_like(voice))
    clean = await made(webrtc, echo + voice, OFF | {"aec": "true"}, reference=played)
    during = slice(at, at + len(said))
    assert np.corrcoef(clean[during], alone[during])[0, 1] > 0.85
    assert abs(level_db(clean[during]) - level_db(alone[during])) < 3
    assert level_db(clean[2 * 16_000 : at]) < level_db(echo[2 * 16_000 : at]) - 15


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 48_000])
async def test_noise_goes_down(webrtc: WebrtcTransform, rate_hz: int) -> None:
    """By 10 dB, once it is known."""
    sound = hiss(4 * rate_hz, 0.02)
    clean = await made(webrtc, sound, OFF | {"ns": "true"}, rate_hz)
    assert level_db(clean[2 * rate_hz : 3 * rate_hz]) < level_db(sound) - 10


async def test_rumble_goes_and_speech_stays(webrtc: WebrtcTransform) -> None:
    """30 Hz by 15 dB and more, 1 kHz by nothing."""
    second = np.arange(2 * 16_000) / 16_000
    for pitch_hz, least_db, most_db in ((30, 15, 100), (1000, -0.5, 0.5)):
        tone = (0.3 * np.sin(2 * np.pi * pitch_hz * second)).astype(np.float32)
        clean = await made(webrtc, tone, OFF | {"hpf": "true"})
        assert least_db <= level_db(tone[16_000:]) - level_db(clean[16_000:]) <= most_db


async def test_a_soft_voice_is_made_louder(webrtc: WebrtcTransform) -> None:
    sound = spoken("sky", "ocean") * np.float32(0.05)
    clean = await made(webrtc, sound, OFF | {"agc": "true"})
    assert level_db(clean[48_000:]) > level_db(sound[48_000:]) + 6


async def test_with_everything_off_nothing_is_touched(webrtc: WebrtcTransform) -> None:
    """Samples of 16 bits, bit for bit."""
    sound = (np.round(spoken("sky") * 32_768) / 32_768).astype(np.float32)
    clean = await made(webrtc, sound, OFF)
    assert np.array_equal(clean, sound[: len(clean)])


async def test_streams_do_not_disturb_each_other(webrtc: WebrtcTransform) -> None:
    """What one has learnt is its own."""
    sound = spoken("egg") + hiss(len(spoken("egg")))
    alone = await made(webrtc, sound, {})
    mine = await webrtc.stream(Frames(rate_hz=16_000, samples=160), {})
    other = await webrtc.stream(Frames(rate_hz=16_000, samples=160), {})
    together = []
    for start in range(0, len(sound) - 159, 160):
        together.append(await mine.push(sound[start : start + 160]))
        await other.push(hiss(160, 0.3, seed=start))
    assert np.array_equal(np.concatenate(together)[mine.delay_samples :], alone)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ns": "a little"}, "'params.ns': Expected `bool`"),
        ({"echo_delay_ms": "nan"}, "'params.echo_delay_ms': Expected `float`"),
        ({"echo_delay_ms": "2001"}, "<= 2000"),
        ({"agressiveness": "3"}, "'params.agressiveness' is unknown; there are: aec, ns, hpf, agc, echo_delay_ms"),
    ],
)
async def test_parameters_that_cannot_be_are_refused(
    webrtc: WebrtcTransform, params: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await webrtc.stream(Frames(rate_hz=16_000, samples=160), params)


async def test_it_opens_without_options_and_refuses_others(webrtc: WebrtcTransform) -> None:
    def workshop(**options: int) -> Workshop:
        return Workshop(model_path=lambda name: pytest.fail(name), scheduler=Scheduler(1), threads=1, options=options)

    assert open_webrtc_transform(workshop()).name == "webrtc"
    with pytest.raises(BadConfiguration, match="aggressiveness"):
        open_webrtc_transform(workshop(aggressiveness=3))
    await webrtc.close()
