"""Clients of `AudioToAudioStream` that say anything at any time: what they are told makes sense all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import grpc
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import AnswerPart, ToolCallPart
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import RATE_HZ, Caller, calling, meta, place
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines, quiet, voice

pytestmark = pytest.mark.usefixtures("server_logs")

WALKS, STEPS = 12, 60


def calls(index: int) -> tuple[AnswerPart, ...]:
    """An answer that is one or two calls."""
    return tuple(
        ToolCallPart(index=place, call_id=f"call_{index}_{place}", name="dance", arguments="{}")
        for place in range(1 + index % 2)
    )


class Wanderer:
    """Makes up what the client does next."""

    def __init__(self, random: Random, caller: Caller) -> None:
        self._random = random
        self._caller = caller
        self._steps: list[Callable[[], Awaitable[None]]] = [
            *[self._speak] * 6,
            *[self._bring_result] * 3,
            *[lambda: caller.says(end=True)] * 2,
            lambda: caller.control("input_audio_buffer.commit"),
            lambda: caller.control("input_audio_buffer.clear"),
            lambda: caller.control("response.create"),
            lambda: caller.control("response.create", {"instructions": "Now.", "conversation": "none"}),
            lambda: caller.control("response.cancel"),
            lambda: caller.writes("Hello?"),
            lambda: caller.control("conversation.item.create", b"{"),
            lambda: caller.control("mood.improve", {}),
            lambda: caller.config(reset=random.random() < 0.3, params=self._params()),
            lambda: caller.control("session.update", {"turn_detection": random.choice(["none", "server_vad"])}),
        ]

    async def step(self) -> None:
        """Anything."""
        await self._random.choice(self._steps)()
        if self._random.random() < 0.3:
            await asyncio.sleep(self._random.random() * 0.03)  # so that some of it comes while answers go on

    async def _speak(self) -> None:
        sound = self._random.choice([voice, quiet])(self._random.randrange(30, 900), RATE_HZ)
        await self._caller.says(sound, end=self._random.random() < 0.1)

    async def _bring_result(self) -> None:
        made = self._caller.all("response.function_call_arguments.done") or [{"call_id": "none"}]
        call_id = self._random.choice(made[-2:])["call_id"]
        await self._caller.item(type="function_call_output", call_id=call_id, output="done")

    def _params(self) -> dict[str, str]:
        return self._random.choice([{}, {"turn_detection": "none"}, {"barge_in": "confirmed"}, {"mood": "odd"}])


def judge(told: list[pb.AudioToAudioResponse]) -> None:
    """At most one end to each response, and nothing of it that is not between its beginning and its end.

    What is played more softly may be over; it was not cut off.
    """
    live: set[str] = set()
    over: set[str] = set()
    cut: set[str] = set()
    for message in told:
        said = meta(message)
        match message.event:
            case "response.created":
                assert said["id"] not in live | over
                live.add(said["id"])
            case "response.done":
                live.remove(said["id"])
                over.add(said["id"])
                if said.get("cancelled"):
                    cut.add(said["id"])
                assert said.get("cancelled", False) == (said["status"] == "cancelled")
            case "response.audio.delta":
                assert live
            case "response.output_audio.ducked":
                assert said["response_id"] in (live | over) - cut
                ducked = said["response_id"]
            case "response.output_audio.resumed":
                assert said["response_id"] == ducked
            case "error":
                assert said["message"]
            case event if event.startswith("response."):
                assert said["response_id"] in live
    assert not live


async def walk(seed: int) -> Counter[str]:
    """One walk; what the client was told in it, and how its responses ended."""
    random = Random(seed)
    script: list[Any] = [calls(index) if random.random() < 0.4 else "Well. That is so." for index in range(60)]
    engines = fake_engines(chat=FakeChat(script), synthesizer=FakeSynthesizer(ms_per_letter=random.choice([1, 30])))
    premises = place(engines, lead_ms=20)
    async with Doorway(premises) as door, calling(door, params={"turn_detection": "server_vad"}) as caller:

        async def listen() -> None:
            while await caller.read():
                pass

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listen())
            wanderer = Wanderer(random, caller)
            for _ in range(STEPS):
                await wanderer.step()
            await caller.call.done_writing()
        judge(caller.told)
        assert (await caller.ending())[0] is grpc.StatusCode.OK
    assert len(premises.conversations) == 0
    done = [f"{response['status']} {response.get('reason')}" for response in caller.all("response.done")]
    return Counter([*caller.names, *done])


async def test_whatever_a_client_says_it_is_told_in_order() -> None:
    """The sequence counts on, as `Caller` checks, responses begin and end, and the stream ends when all is said.

    A walk that no longer led anywhere would find nothing.
    """
    seen: Counter[str] = Counter()
    for seed in range(WALKS):
        seen += await walk(seed)
    assert seen.keys() >= {
        "input_audio_buffer.speech_started",
        "input_audio_buffer.cleared",
        "response.audio.delta",
        "response.function_call_arguments.done",
        "error",
        "completed None",
        "cancelled turn_detected",
        "cancelled client_cancelled",
    }
