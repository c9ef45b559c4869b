"""DeepFilterNet3 as a transform: what it takes out, what it leaves, and how late the sound comes."""

from __future__ import annotations

import asyncio
import gc
import weakref

import numpy as np
import pytest

from realtime.bench.echo_path import level_db
from realtime.engines.base import Urgency
from realtime.engines.deepfilter import Deepfilter, DeepfilterMaker, open_deepfilter
from realtime.engines.registry import Workshop
from realtime.engines.transform import Frames
from realtime.errors import BadConfiguration, InvalidRequest
from realtime.models.store import ModelStore
from tests.engines.conftest import MakeWorkshop
from tests.engines.sounds import hiss, moved_by, pushed, si_sdr_db, spoken
from tests.engines.watched import WatchedScheduler
from tests.server.house import until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def deepfilter(workshop: MakeWorkshop) -> Deepfilter:
    return open_deepfilter(workshop())


def frames(rate_hz: int = 48_000, samples: int | None = None) -> Frames:
    return Frames(rate_hz=rate_hz, samples=samples or rate_hz // 100)


@pytest.mark.parametrize(("rate_hz", "inside_ms"), [(48_000, 0), (16_000, 12), (44_100, 14)])
async def test_the_delay_is_what_it_is_told_to_be(deepfilter: Deepfilter, rate_hz: int, inside_ms: int) -> None:
    """30 ms, and what another rate costs."""
    sound = spoken("ocean", rate_hz=rate_hz)
    stream = await deepfilter.stream(frames(rate_hz), {})
    moved = moved_by(sound, await pushed(stream, rate_hz // 100, sound))
    assert abs(moved - stream.delay_samples) * 1000 / rate_hz <= 0.1
    assert stream.delay_samples * 1000 / rate_hz == pytest.approx(30 + inside_ms, abs=0.7)


async def test_noise_goes_and_the_voice_stays(deepfilter: Deepfilter) -> None:
    """At 10 dB below the voice: 5 dB more of the voice in it, and 20 dB less between the words."""
    voice = np.concatenate((np.zeros(48_000, np.float32), spoken("ocean", rate_hz=48_000)))
    noise = hiss(len(voice), float(np.std(voice)) * 10 ** (-10 / 20))
    stream = await deepfilter.stream(frames(), {})
    clean = (await pushed(stream, 480, voice + noise))[stream.delay_samples :]
    assert si_sdr_db(voice[: len(clean)], clean) > si_sdr_db(voice, voice + noise) + 5
    assert level_db(clean[24_000:48_000]) < level_db(noise) - 20


async def test_the_limit_leaves_noise_in(deepfilter: Deepfilter) -> None:
    """As much softer as is said."""
    noise = hiss(2 * 48_000, 0.02)
    stream = await deepfilter.stream(frames(), {"attenuation_limit_db": "12"})
    clean = (await pushed(stream, 480, noise))[stream.delay_samples :]
    assert level_db(clean[48_000:]) - level_db(noise) == pytest.approx(-12, abs=0.5)


async def test_the_post_filter_takes_more_out(deepfilter: Deepfilter) -> None:
    sound = spoken("ocean", rate_hz=48_000)[:48_000]
    sound = sound + hiss(len(sound), 0.01)
    plain, more = [
        await pushed(await deepfilter.stream(frames(samples=4800), params), 4800, sound)
        for params in ({}, {"post_filter": "0.05"})
    ]
    assert not np.array_equal(plain, more)
    assert level_db(more) < level_db(plain)


async def test_streams_do_not_disturb_each_other(deepfilter: Deepfilter) -> None:
    """Several at once, in several threads: each as if it were alone."""
    sound = spoken("egg", rate_hz=48_000)[:24_000]
    sounds = [sound + hiss(len(sound), level) for level in (0.001, 0.01, 0.05)]
    alone = [await pushed(await deepfilter.stream(frames(), {}), 480, each) for each in sounds]
    streams = [await deepfilter.stream(frames(), {}) for _ in sounds]
    together = await asyncio.gather(*(pushed(stream, 480, each) for stream, each in zip(streams, sounds, strict=True)))
    assert all(np.array_equal(first, second) for first, second in zip(alone, together, strict=True))


async def test_whoever_hangs_up_in_the_middle_harms_nobody(deepfilter: Deepfilter) -> None:
    """The piece that a thread has begun keeps its network until it is made."""
    stream = await deepfilter.stream(frames(samples=48_000), {})
    pushing = asyncio.create_task(stream.push(hiss(48_000)))
    await asyncio.sleep(0)  # the thread has begun
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    del stream, pushing
    other = await deepfilter.stream(frames(), {})
    assert len(await other.push(hiss(480))) == 480


async def test_a_network_is_made_when_no_conversation_needs_the_thread(model_store: ModelStore) -> None:
    """For a live stream too, whose sound then has the haste it asked for."""
    scheduler = WatchedScheduler()
    deepfilter = open_deepfilter(Workshop(model_path=model_store.path, scheduler=scheduler, threads=1))
    for _ in range(2):  # the first has the spare one
        await (await deepfilter.stream(frames(), {})).push(hiss(480))
    assert scheduler.turns == [Urgency.FINAL, Urgency.UNATTENDED, Urgency.FINAL]
    scheduler.close()


async def test_networks_go_with_their_streams(deepfilter: Deepfilter) -> None:
    """None is kept for later; the thread that worked it may hold it a moment longer."""

    def networks() -> dict[int, DeepfilterMaker]:
        return {id(each): each for each in gc.get_objects() if type(each) is DeepfilterMaker}

    await deepfilter.close()  # the spare one goes as well
    before = set(networks())
    stream = await deepfilter.stream(frames(), {})
    await stream.push(hiss(480))
    (network,) = [weakref.ref(each) for place, each in networks().items() if place not in before]
    assert network()
    del stream
    await until(lambda: network() is None)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"attenuation_limit_db": "0"}, "'params.attenuation_limit_db': .*>= 1.0"),
        ({"attenuation_limit_db": "nan"}, "'params.attenuation_limit_db'"),
        ({"post_filter": "1"}, "'params.post_filter': .*<= 0.05"),
        ({"aec": "1"}, "'params.aec' is unknown; there are: attenuation_limit_db, post_filter"),
    ],
)
async def test_parameters_that_cannot_be_are_refused(
    deepfilter: Deepfilter, params: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await deepfilter.stream(frames(), params)


async def test_a_rate_that_no_filter_joins_is_refused(deepfilter: Deepfilter) -> None:
    with pytest.raises(InvalidRequest, match="Cannot stream from 44056 Hz"):
        await deepfilter.stream(frames(44_056), {})


def test_it_refuses_options(workshop: MakeWorkshop) -> None:
    with pytest.raises(BadConfiguration, match="model"):
        open_deepfilter(workshop(model="other"))
