"""Knocks on two doors of the same kind of server, without models."""

from __future__ import annotations

import pytest

from realtime.backend.caller.conversation_stream import conversation_client
from realtime.bench.grpc_conversation import Door
from realtime.bench.grpc_knocks import Knocks, grid, knock, summaries
from realtime.bench.grpc_line import dial_grpc
from realtime.bench.target import Target
from realtime.caller.errors import Unreachable
from tests.backend.doorway import Doorway
from tests.backend.speech_to_speech.caller import place
from tests.caller.clocks import Hurried
from tests.caller.server import fake_app, serving


async def test_every_door_is_knocked_on_as_often() -> None:
    with serving(fake_app()) as url:
        async with Doorway(place()) as door, conversation_client(door.address) as client:
            doors = [Door("A", Target(url).call), Door("B", lambda: dial_grpc(client))]
            found = await knock(doors, 3, Hurried())
    assert [each.door for each in found] == ["A", "B"]
    assert [len(each.times_ms) for each in found] == [3, 3]
    assert all(0 < time < 10_000 for each in found for time in each.times_ms)


async def test_a_door_that_is_not_there_is_said_so() -> None:
    async with conversation_client("127.0.0.1:1") as client:
        with pytest.raises(Unreachable):
            await knock([Door("B", lambda: dial_grpc(client))], 1, Hurried())


def test_a_door_adds_what_its_knocks_take_longer_than_those_before_them() -> None:
    found = [Knocks(door="A", times_ms=[1, 2, 9]), Knocks(door="B", times_ms=[1.5, 2.25, 9.75])]
    first, second = summaries(found)
    assert (first.p50_ms, first.added_p50_ms) == (2, 0)
    assert (second.p50_ms, second.added_p25_ms, second.added_p50_ms, second.added_p75_ms) == (2.25, 0.375, 0.5, 0.625)
    assert grid(found).rows == [
        ["A", "2.00", "8.30", "–", "–", "–"],
        ["B", "2.25", "9.00", "+0.50", "+0.38", "+0.62"],
    ]
