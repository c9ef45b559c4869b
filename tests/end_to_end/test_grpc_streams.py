"""Streams that go both ways, as a client of the contract alone has them with a backend on real models: what is wrong,
who leaves, who is slow, and many at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.codecs.pcm16 import Pcm16
from tests.backend.contract import Stranger
from tests.end_to_end.scene import MOST_STREAMS, Scene
from tests.end_to_end.tokens import A_STEP, write_on, written_before_rest
from tests.live import question
from tests.server.house import until

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

RATE_HZ = 16_000
FRAME_SAMPLES = 160
STORY = "Tell me a very long story about a fox and a bear, with many chapters."
"""Of which the model writes for seconds."""


def choice(scene: Scene, frame_samples: int = FRAME_SAMPLES, **config: Any) -> Any:
    """How a stream of frames begins."""
    config = {"sample_rate": RATE_HZ, "frame_samples": frame_samples, **config}
    return scene.stranger.message("AudioTransformFrameRequest", config=config)


def frame(scene: Scene, pcm: Pcm) -> Any:
    """One of them."""
    return scene.stranger.message("AudioTransformFrameRequest", frame={"audio_pcm": pcm.tobytes()})


def talk(scene: Scene, **payload: Any) -> Any:
    """Something said in a spoken conversation."""
    return scene.stranger.message("AudioToAudioRequest", **payload)


def noise(seed: int, frames: int, frame_samples: int = FRAME_SAMPLES) -> Pcm:
    """Frames of noise, shape (frames, frame_samples)."""
    return np.random.default_rng(seed).normal(0, 0.05, (frames, frame_samples)).astype(np.float32)


async def is_idle(scene: Scene) -> bool:
    """Whether the backend says that it has nothing to do."""
    told = await scene.asks("Status")
    return bool(told.State.Name(told.state) == "READY")


@pytest.mark.parametrize(
    ("call", "said", "named"),
    [
        ("AudioTransformStream", lambda scene: [choice(scene, sample_rate=1)], "sample_rate"),
        ("AudioTransformStream", lambda scene: [frame(scene, noise(1, 1))], "config"),
        ("AudioTransformStream", lambda scene: [choice(scene), frame(scene, noise(1, 1, 159))], "audio_pcm"),
        ("AudioToAudioStream", lambda scene: [talk(scene, config={"voice": "nobody"})], "voice"),
        ("AudioToAudioStream", lambda scene: [talk(scene, frame={"pcm": b"\0\0"})], "config"),
    ],
)
async def test_what_is_wrong_ends_a_stream_at_once(scene: Scene, call: str, said: Any, named: str) -> None:
    """The client has not said that it was all; other calls are answered."""
    stream = scene.stranger.talks(call)
    for message in said(scene):
        await stream.write(message)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stream.read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert named in (refused.value.details() or "")
    assert await is_idle(scene)


async def test_who_leaves_stops_the_answer(scene: Scene) -> None:
    """In the middle of it, with much more to be said: the model writes no more of it, and nothing else goes on."""

    async def count() -> int:
        return int((await scene.asks("GetMetrics")).tokens_generated)

    stream = scene.stranger.talks("AudioToAudioStream")
    await stream.write(talk(scene, config={"system_prompt": "You write long stories."}))
    story = {"role": "user", "content": [{"type": "input_text", "text": STORY}], "type": "message"}
    for event, payload in (("conversation.item.create", json.dumps(story).encode()), ("response.create", b"")):
        await stream.write(talk(scene, control={"event": event, "payload": payload}))
    while (await stream.read()).event != "response.audio.delta":
        pass
    await write_on(count)
    stream.cancel()
    assert await written_before_rest(count) <= A_STEP
    assert await is_idle(scene)


async def test_there_is_room_again_when_streams_are_cancelled(scene: Scene) -> None:
    """As many as there may be; one more is refused, and refused no longer when they are gone."""
    streams: list[Any] = []

    async def speak() -> AsyncIterator[Any]:
        yield choice(scene)
        yield frame(scene, noise(1, 1))
        await asyncio.Event().wait()

    async def one_more_is_taken() -> bool:
        stream = scene.stranger.talks("AudioTransformStream", speak())
        try:
            assert (await stream.read()).frame_index == 0
        except grpc.aio.AioRpcError:  # gRPC tells who writes to a stream that is over nothing of why
            return False
        streams.append(stream)
        return True

    async def all_are_taken() -> bool:
        return await one_more_is_taken() and len(streams) == MOST_STREAMS

    for _ in range(2):
        await until(all_are_taken)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await scene.stranger.talks("AudioTransformStream").read()
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        while streams:
            streams.pop().cancel()


async def test_saying_no_more_answers_what_is_open(scene: Scene) -> None:
    """A question that nobody has said the end of, and frames that nobody has read an answer to."""
    stream = scene.stranger.talks("AudioToAudioStream")
    await stream.write(talk(scene, config={"input_sample_rate": 24_000, "params": {"turn_detection": "none"}}))
    await stream.write(talk(scene, frame={"pcm": Pcm16().encode(question("france").pcm)}))
    await stream.done_writing()
    told = [message.event async for message in stream]
    assert await stream.code() is grpc.StatusCode.OK
    assert "response.audio.delta" in told
    assert told[-1] == "response.done"

    frames = scene.stranger.talks("AudioTransformStream")
    for message in (choice(scene), *(frame(scene, pcm) for pcm in noise(1, 50))):
        await frames.write(message)
    await frames.done_writing()
    assert [answer.frame_index async for answer in frames] == list(range(50))
    assert await frames.code() is grpc.StatusCode.OK


async def test_who_does_not_read_is_not_listened_to(scene: Scene, address: str) -> None:
    """What is sent waits with the client, not in the server's memory; when it reads, all of it is there."""
    count, frame_samples = 4000, 1600
    sound = noise(1, count, frame_samples)
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1 << 16)]
    sent = 0

    async def speak(stream: Any) -> None:
        nonlocal sent
        await stream.write(choice(scene, frame_samples))
        for pcm in sound:
            await stream.write(frame(scene, pcm))
            sent += 1
        await stream.done_writing()

    async def is_held_up() -> bool:
        before = sent
        await scene.asks("VAD", audio=[0.0] * RATE_HZ * 10)  # others are answered
        return 0 < sent == before

    async with grpc.aio.insecure_channel(address, options=options) as narrow, asyncio.TaskGroup() as tasks:
        stream = Stranger(narrow).talks("AudioTransformStream")
        tasks.create_task(speak(stream))
        await until(is_held_up)
        assert sent < count / 2
        assert [answer.frame_index async for answer in stream] == list(range(count))


async def test_ten_at_once_in_turns(scene: Scene) -> None:
    """Each gets its own sound back, and just what it would get if it were alone."""
    sounds = [noise(seed, 40) for seed in range(10)]

    async def answer(stream: Any, pcm: Pcm) -> Pcm:
        await stream.write(frame(scene, pcm))
        return np.frombuffer((await stream.read()).pcm, np.float32)

    async def alone(sound: Pcm) -> Pcm:
        stream = scene.stranger.talks("AudioTransformStream")
        await stream.write(choice(scene))
        made = [await answer(stream, pcm) for pcm in sound]
        await stream.done_writing()
        return np.array(made)

    streams = [scene.stranger.talks("AudioTransformStream") for _ in sounds]
    for stream in streams:
        await stream.write(choice(scene))
    made: list[list[Pcm]] = [[] for _ in sounds]
    for step in range(40):
        answers = await asyncio.gather(
            *(answer(*pair) for pair in zip(streams, [s[step] for s in sounds], strict=True))
        )
        for mine, pcm in zip(made, answers, strict=True):
            mine.append(pcm)
    for stream in streams:
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF
    for sound, mine in zip(sounds, made, strict=True):
        np.testing.assert_array_equal(np.array(mine), await alone(sound))
    assert len({np.array(mine).tobytes() for mine in made}) == len(sounds)
