"""`AudioTransformStream`: frames, formats, configs, and all that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.sound.transform import Transforms
from realtime.engines.base import Urgency
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames
from realtime.engines.webrtc_transform import WebrtcTransform
from realtime.errors import InvalidRequest, UnknownEngine
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import all_sent, everything, premises_of, said
from tests.backend.sound.transforms import Config, Marking, Request, config, frame, premises_marking, values
from tests.engines.sounds import spoken
from tests.server.house import until


async def answers(*requests: Request, marking: Marking | None = None) -> list[pb.AudioTransformFrameResponse]:
    return await all_sent(Transforms(premises_marking(marking)).audio_transform_stream, *requests)


async def refused(*requests: Request) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as problem:
        await answers(*requests)
    return problem.value


# --- frames ------------------------------------------------------------------------------------------------------


async def test_a_frame_for_each_frame() -> None:
    """With the reference of its moment, or silence, numbered from 0."""
    made = await answers(config(), frame(0.5), frame(0.25, reference=0.5), frame(-1))
    assert values(made) == [0.25, 0.625, -0.5]
    assert [each.frame_index for each in made] == [0, 1, 2]


async def test_each_comes_before_the_next_is_sent() -> None:
    """Same cadence: nothing waits for company."""
    made: list[int] = []

    async def client() -> AsyncIterator[Request]:
        yield config()
        for index in range(3):
            assert made == list(range(index))
            yield frame(0.5)

    async def send(response: pb.AudioTransformFrameResponse) -> None:
        made.append(response.frame_index)

    await Transforms(premises_marking()).audio_transform_stream(client(), send)
    assert made == [0, 1, 2]


async def test_floats_are_taken_whatever_they_are() -> None:
    wild = np.array([0.5, np.nan, np.inf, -np.inf], "<f4").tobytes()
    request = Request(frame=pb.AudioTransformFrame(audio_pcm=wild, reference_pcm=wild))
    floats = config(sample_format=Config.F32_LE, frame_samples=4, params={"gain": "0.25"})
    (made,) = await answers(floats, request)
    assert np.frombuffer(made.pcm, "<f4").tolist() == [0.625, 0, 1, -1]


async def test_what_is_not_said_is_chosen() -> None:
    """The transform's own rate, 10 ms, floats; and it is asked for with all haste."""
    marking = Marking()
    await answers(Request(config=Config()), Request(config=Config(sample_rate=44_100)), marking=marking)
    assert marking.asked == [Frames(rate_hz=16_000, samples=160), Frames(rate_hz=44_100, samples=441)]
    assert marking.asked[0].urgency is Urgency.FINAL


@pytest.mark.parametrize("reset", [False, True])
async def test_another_config_begins_anew(reset: bool) -> None:
    """State, numbers, rate, length and parameters: each config is whole, and whether it asks for a reset or not."""
    marking = Marking()
    late = config(params={"delay": "160", "gain": "1"})
    other = config(sample_rate=48_000, frame_samples=512, params={"gain": "1"}, reset=reset)
    requests = [late, frame(0.5), frame(0.25), late, frame(0.125), frame(0), other, frame(0.5, 512)]
    made = await answers(*requests, marking=marking)
    assert values(made) == [0, 0.5, 0, 0.125, 0.5]
    assert [each.frame_index for each in made] == [0, 1, 0, 1, 0]
    assert marking.asked[-1] == Frames(rate_hz=48_000, samples=512)


async def test_who_says_nothing_is_told_nothing() -> None:
    assert await answers() == []
    assert await answers(config()) == []


# --- what is refused ---------------------------------------------------------------------------------------------


async def test_the_first_message_is_a_config() -> None:
    assert "first message must have a 'config'" in str(await refused(frame()))
    assert "neither 'config' nor 'frame'" in str(await refused(Request()))
    assert "neither 'config' nor 'frame'" in str(await refused(config(), Request()))


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"sample_rate": 7999}, "config.sample_rate", "has 7999 Hz; transforms take 8000 to 192000 Hz"),
        ({"sample_rate": 192_001}, "config.sample_rate", "has 192001 Hz"),
        ({"sample_rate": -1}, "config.sample_rate", "has -1 Hz"),
        ({"frame_samples": -1}, "config.frame_samples", "-1 must be between 1 and 16000"),
        ({"frame_samples": 8001, "sample_rate": 8000}, "config.frame_samples", "8001 must be between 1 and 8000"),
        ({"sample_format": 2}, "config.sample_format", "2 is unknown; there are: F32_LE"),
        ({"params": {"transform": "autotune"}}, "params.transform", "there are: deepfilter, resample, webrtc"),
        ({"params": {"transform": "grpc://10.0.0.1:50051"}}, "params.transform", "is unknown"),
        ({"params": {"volume": "1"}}, "params.volume", "'params.volume' is unknown; there are: gain, delay"),
        ({"params": {"gain": "loud"}}, "params.gain", "Expected `float`"),
    ],
)
async def test_a_config_that_cannot_be_is_refused(fields: dict[str, object], param: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as problem:
        await answers(config(**fields))
    assert problem.value.param == param


async def test_a_frame_of_another_length_is_refused() -> None:
    """And a reference, each by its own name."""
    problem = await refused(config(), frame(), frame(samples=159))
    assert problem.param == "frame.audio_pcm"
    assert "has 318 bytes; a frame of 160 samples in S16_LE has 320" in str(problem)
    odd = pb.AudioTransformFrame(audio_pcm=bytes(320), reference_pcm=bytes(640))
    problem = await refused(config(), Request(frame=odd))
    assert problem.param == "frame.reference_pcm"
    assert "has 640 bytes" in str(problem)
    assert (await refused(config(frame_samples=256), frame())).param == "frame.audio_pcm"


async def test_a_transform_whose_package_is_missing_says_so() -> None:
    """It is known, and cannot be had: that is not the client's fault."""
    with pytest.raises(UnknownEngine):
        await answers(config(params={"transform": "deepfilter"}))


# --- over a real channel -----------------------------------------------------------------------------------------


async def test_frames_and_answers_alternate_over_a_channel() -> None:
    """And after half-close the stream is over, with all that was owed."""
    async with Doorway(premises_marking()) as door:
        call = door.stub.AudioTransformStream()
        await call.write(config())
        for index in range(5):
            await call.write(frame(index / 8))
            answer = await call.read()
            assert (values([answer]), answer.frame_index) == ([index / 16], index)
        for _ in range(3):
            await call.write(frame(0.5))
        await call.done_writing()
        assert values([await call.read() for _ in range(3)]) == [0.25] * 3
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([frame()], "must have a 'config'"),
        ([config(), frame(), frame(samples=80)], "has 160 bytes; a frame of 160 samples in S16_LE has 320"),
        ([config(params={"transform": "autotune"})], "there are: deepfilter, resample, webrtc"),
        ([config(), frame(), config(sample_rate=1)], "has 1 Hz"),
    ],
)
async def test_what_is_refused_is_refused_at_once(requests: list[Request], message: str) -> None:
    """The client has not said that it is done, and what it was owed before has come."""
    owed = sum(request.HasField("frame") for request in requests[:-1])
    async with Doorway(premises_marking()) as door:
        call = door.stub.AudioTransformStream()
        for request in requests:
            await call.write(request)
        async with asyncio.timeout(5):
            assert len([await call.read() for _ in range(owed)]) == owed
            code, details = await refusal(call.read())
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert message in details


async def test_who_hangs_up_is_forgotten() -> None:
    """Also while a frame is being made, and the next caller is answered."""
    marking = Marking()
    async with Doorway(premises_marking(marking)) as door:
        marking.open.clear()
        call = door.stub.AudioTransformStream()
        await call.write(config())
        await call.write(frame())
        await until(lambda: marking.pushed > 0)
        call.cancel()
        await until(lambda: not door.going_on)
        marking.open.set()
        assert values(await everything(door.stub.AudioTransformStream(said(config(), frame(0.5))))) == [0.25]


async def test_a_slow_reader_slows_itself_down() -> None:
    """Of 200 big frames, few are made while nobody reads; then all come, in order."""
    marking = Marking()
    second, frames = 48_000, 200
    async with Doorway(premises_marking(marking)) as door:
        call = door.stub.AudioTransformStream()

        async def send() -> None:
            await call.write(config(sample_rate=second, frame_samples=second))
            for index in range(frames):
                await call.write(frame(index / 512, second))
            await call.done_writing()

        sending = asyncio.create_task(send())
        await until(lambda: marking.pushed > 0)
        before = 0
        while before != marking.pushed:  # until nothing moves any more
            before = marking.pushed
            await asyncio.sleep(0.3)
        assert marking.pushed < frames / 2
        assert not sending.done()
        made = await everything(call)
        await sending
        assert [each.frame_index for each in made] == list(range(frames))
        assert values(made) == [index / 1024 for index in range(frames)]


async def test_twenty_streams_at_once(scheduler: Scheduler) -> None:
    """Each with its own state, and one that fails harms none."""
    sound = (spoken("time")[: 160 * 60] * 32_768).astype("<i2")
    pieces = [Request(frame=pb.AudioTransformFrame(audio_pcm=piece.tobytes())) for piece in sound.reshape(-1, 160)]
    async with Doorway(premises_of(on_demand={"webrtc": lambda: WebrtcTransform(scheduler)})) as door:

        async def talk(gain_control: bool) -> Pcm:
            begin = config(params={"agc": str(gain_control).lower()})
            made = await everything(door.stub.AudioTransformStream(said(begin, *pieces)))
            assert [each.frame_index for each in made] == list(range(len(pieces)))
            return np.frombuffer(b"".join(each.pcm for each in made), "<i2")

        async def fail() -> None:
            broken = said(config(), *pieces[:20], frame(samples=1))
            code, _ = await refusal(everything(door.stub.AudioTransformStream(broken)))
            assert code is grpc.StatusCode.INVALID_ARGUMENT

        alone = {gain_control: await talk(gain_control) for gain_control in (False, True)}
        assert not np.array_equal(alone[False], alone[True])
        async with asyncio.TaskGroup() as tasks:
            talking = [(index % 2 == 0, tasks.create_task(talk(index % 2 == 0))) for index in range(20)]
            tasks.create_task(fail())
        assert all(np.array_equal(task.result(), alone[gain_control]) for gain_control, task in talking)
