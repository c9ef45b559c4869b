"""`AudioTransformStream` and `AudioTransform`: frames, formats, configs, files, and all that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.backend.files import Files
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.transform import Transforms
from realtime.codecs.containers import read_audio, write_wav
from realtime.codecs.resample import resample
from realtime.engines.base import Urgency
from realtime.engines.resampling import Resampling
from realtime.engines.scheduler import Scheduler
from realtime.engines.transform import Frames
from realtime.engines.webrtc_transform import WebrtcTransform
from realtime.errors import InvalidRequest, NotPermitted, UnknownEngine
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import all_sent, everything, premises_of, said
from tests.backend.transforms import Config, Marking, Request, config, frame, values
from tests.engines.sounds import moved_by, spoken
from tests.server.house import until


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(2)
    yield scheduler
    scheduler.close()


def premises(marking: Marking | None = None, *directories: Path) -> Premises:
    return premises_of(None, *directories, on_demand={"webrtc": lambda: marking or Marking()})


async def answers(*requests: Request, marking: Marking | None = None) -> list[pb.AudioTransformFrameResponse]:
    return await all_sent(Transforms(premises(marking)).audio_transform_stream, *requests)


async def refused(*requests: Request) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as problem:
        await answers(*requests)
    return problem.value


# --- frames ---------------------------------------------------------------------------------------------------------


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

    await Transforms(premises()).audio_transform_stream(client(), send)
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


# --- what is refused ------------------------------------------------------------------------------------------------


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


# --- files ----------------------------------------------------------------------------------------------------------


def file_request(folder: Path, reference: str = "", **params: str) -> pb.AudioTransformRequest:
    return pb.AudioTransformRequest(
        audio_path=str(folder / "in.wav"),
        reference_path=str(folder / reference) if reference else "",
        dst=str(folder / "out.wav"),
        params=params,
    )


async def test_a_file_is_made_anew_where_it_was(tmp_path: Path) -> None:
    """Sample for sample, though the stream is late; several pieces of it."""
    sound = np.linspace(-1, 1, 40_001, dtype=np.float32)
    write_wav(tmp_path / "in.wav", Audio(sound, 16_000))
    marking = Marking()
    room = Transforms(premises(marking, tmp_path))
    result = await room.audio_transform(file_request(tmp_path, delay="1234"))
    made = read_audio(tmp_path / "out.wav")
    assert (result.dst, result.sample_rate, result.samples) == (str(tmp_path / "out.wav"), 16_000, 40_001)
    assert not result.reference_provided
    assert np.abs(made.pcm - sound / 2).max() < 1 / 16_384
    assert marking.asked == [Frames(rate_hz=16_000, samples=16_000, urgency=Urgency.UNATTENDED)]


@pytest.mark.parametrize("seconds", [0.5, 5])
async def test_the_reference_is_brought_to_the_sound(tmp_path: Path, seconds: float) -> None:
    """To its rate and its length: silence follows a shorter one."""
    write_wav(tmp_path / "in.wav", Audio(np.zeros(32_000, np.float32), 16_000))
    write_wav(tmp_path / "far.wav", Audio(np.full(round(seconds * 48_000), 0.25, np.float32), 48_000))
    result = await Transforms(premises(None, tmp_path)).audio_transform(file_request(tmp_path, "far.wav"))
    made = read_audio(tmp_path / "out.wav").pcm
    assert result.reference_provided
    assert len(made) == 32_000
    assert made[4000] == pytest.approx(0.25, abs=0.001)
    assert made[20_000] == pytest.approx(0.25 if seconds > 2 else 0, abs=0.001)


async def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", Audio(np.zeros(0, np.float32), 16_000))
    assert (await Transforms(premises(None, tmp_path)).audio_transform(file_request(tmp_path))).samples == 0
    assert len(read_audio(tmp_path / "out.wav").pcm) == 0


@pytest.mark.parametrize(("rate_hz", "to_hz"), [(44_100, 16_000), (16_000, 48_000), (16_000, 44_100)])
async def test_a_file_at_another_rate(tmp_path: Path, scheduler: Scheduler, rate_hz: int, to_hz: int) -> None:
    """As long as it was, and nothing moved."""
    sound = spoken("france", rate_hz=rate_hz)
    write_wav(tmp_path / "in.wav", Audio(sound, rate_hz))
    room = Transforms(premises_of(None, tmp_path, on_demand={"resample": lambda: Resampling(scheduler)}))
    result = await room.audio_transform(file_request(tmp_path, transform="resample", to_rate=str(to_hz)))
    made = read_audio(tmp_path / "out.wav")
    assert result.sample_rate == made.rate_hz == to_hz
    assert result.samples == len(made.pcm) == round(len(sound) * to_hz / rate_hz)
    assert moved_by(spoken("france", rate_hz=to_hz), made.pcm) == 0


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 44_100])
async def test_webrtc_moves_nothing_in_a_file(tmp_path: Path, scheduler: Scheduler, rate_hz: int) -> None:
    """Within a quarter of a millisecond, whatever happens inside."""
    sound = spoken("france", rate_hz=rate_hz)
    write_wav(tmp_path / "in.wav", Audio(sound, rate_hz))
    room = Transforms(premises_of(None, tmp_path, on_demand={"webrtc": lambda: WebrtcTransform(scheduler)}))
    await room.audio_transform(file_request(tmp_path))
    made = read_audio(tmp_path / "out.wav").pcm
    assert len(made) == len(sound)
    assert min(moved_by(sound, made), moved_by(made, sound)) <= rate_hz / 4000


async def test_who_hangs_up_leaves_no_file(tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160_000, np.float32), 16_000))
    marking = Marking()
    marking.open.clear()
    working = asyncio.create_task(Transforms(premises(marking, tmp_path)).audio_transform(file_request(tmp_path)))
    await until(lambda: marking.pushed > 0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not (tmp_path / "out.wav").exists()
    assert marking.pushed == 1


async def test_files_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """By the field, before anything is made."""
    inside = tmp_path / "inside"
    inside.mkdir()
    marking = Marking()
    room = Transforms(premises(marking, inside))
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160, np.float32), 16_000))
    with pytest.raises(NotPermitted, match="'dst' lies outside"):
        await room.audio_transform(file_request(tmp_path))
    with pytest.raises(InvalidRequest, match="'audio_path' names no file"):
        await room.audio_transform(file_request(inside))
    write_wav(inside / "in.wav", Audio(np.zeros(160, np.float32), 16_000))
    with pytest.raises(InvalidRequest, match="'reference_path' names no file"):
        await room.audio_transform(file_request(inside, "far.wav"))
    with pytest.raises(InvalidRequest, match=r"'params.volume' is unknown"):
        await room.audio_transform(file_request(inside, volume="1"))
    with pytest.raises(InvalidRequest, match="'dst' names no file"):
        await room.audio_transform(pb.AudioTransformRequest(audio_path=str(inside / "in.wav")))
    write_wav(inside / "in.wav", Audio(np.zeros(160, np.float32), 4000))
    with pytest.raises(InvalidRequest, match="'audio_path' has 4000 Hz; transforms take 8000 to 192000 Hz"):
        await room.audio_transform(file_request(inside))
    assert not (inside / "out.wav").exists()
    assert marking.pushed == 0


async def test_what_is_wrong_is_said_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rate, a parameter, a reference: none of them has to wait for hours of sound."""
    decoded: list[str] = []

    async def read_audio(_: Files, path: str, field: str) -> Audio:
        decoded.append(path)
        raise AssertionError(field)

    monkeypatch.setattr(Files, "read_audio", read_audio)
    room = Transforms(premises(None, tmp_path))
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160, np.float32), 16_000))
    (tmp_path / "text.wav").write_text("Not a sound.")
    for request in (
        file_request(tmp_path, volume="1"),
        file_request(tmp_path, transform="autotune"),
        file_request(tmp_path, gain="loud"),
        file_request(tmp_path, "none.wav"),
        file_request(tmp_path, "text.wav"),
    ):
        with pytest.raises(InvalidRequest):
            await room.audio_transform(request)
    write_wav(tmp_path / "in.wav", Audio(np.zeros(160, np.float32), 4000))
    with pytest.raises(InvalidRequest, match="4000 Hz"):
        await room.audio_transform(file_request(tmp_path))
    assert decoded == []


async def test_sound_that_would_become_too_long_is_refused(
    tmp_path: Path, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a higher rate it is more."""
    monkeypatch.setattr("realtime.backend.transform.MOST_SAMPLES", 30_000)
    write_wav(tmp_path / "in.wav", Audio(np.zeros(16_000, np.float32), 16_000))
    room = Transforms(premises_of(None, tmp_path, on_demand={"resample": lambda: Resampling(scheduler)}))
    with pytest.raises(InvalidRequest, match="'audio_path' would become 48000 samples at 48000 Hz") as refused:
        await room.audio_transform(file_request(tmp_path, transform="resample", to_rate="48000"))
    assert refused.value.reason == "out_of_range"
    await room.audio_transform(file_request(tmp_path, transform="resample", to_rate="24000"))


async def test_of_a_reference_only_what_is_heard_is_resampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour beside a second would fill the memory at a high rate."""
    resampled: list[int] = []

    def counted(audio: Audio, rate_hz: int) -> Audio:
        resampled.append(len(audio.pcm))
        return resample(audio, rate_hz)

    monkeypatch.setattr("realtime.backend.transform.resample", counted)
    write_wav(tmp_path / "in.wav", Audio(np.zeros(48_000, np.float32), 48_000))
    write_wav(tmp_path / "far.wav", Audio(np.zeros(80_000, np.float32), 8000))
    await Transforms(premises(None, tmp_path)).audio_transform(file_request(tmp_path, "far.wav"))
    assert resampled == [16_000]


# --- over a real channel --------------------------------------------------------------------------------------------


async def test_frames_and_answers_alternate_over_a_channel() -> None:
    """And after half-close the stream is over, with all that was owed."""
    async with Doorway(premises()) as door:
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
    async with Doorway(premises()) as door:
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
    async with Doorway(premises(marking)) as door:
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
    async with Doorway(premises(marking)) as door:
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
