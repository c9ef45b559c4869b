"""The addresses of a backend: which is the best for the next call, and which is left to try."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

import grpc
from grpc import ChannelConnectivity, StatusCode
from grpc.aio import AioRpcError

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.connection import Line
from realtime.backend.remote.refusals import code_of, refusal

SERVICE = pb.DESCRIPTOR.services_by_name["Backend"]

AVOIDED_S = 5.0
"""An address that has refused a call, though it is connected, is asked last for so long."""

LONGEST_AVOIDED_S = 300.0
"""An address that says nothing is asked last for twice as long each time, up to this: finding out costs a call."""

BACKOFF_S = 0.05
"""Before the second try; doubled before each further one."""

_ELSEWHERE = frozenset({StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED})
"""Refusals for which another address may have a better answer."""

_WRITES = frozenset(
    {
        "StoresSet",
        "StoresDelete",
        "StartFineTune",
        "StopFineTune",
        "ExportModel",
        "StartQuantization",
        "StopQuantization",
    }
)
"""Calls that change something far away: one that was lost may have done its work, and is not made again."""

_BALANCING: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
"""Over the machines that one name stands for. The other policies of gRPC know nothing of health."""
_HEALTH = {"healthCheckConfig": {"serviceName": SERVICE.full_name}}


@dataclass(slots=True, eq=False)
class Place:
    """One address."""

    address: str
    channel: grpc.aio.Channel
    calls: int = 0
    """Going on now."""
    last_used: int = 0
    avoided_until_s: float = 0.0
    silences: int = 0
    """How often in a row it has said nothing; calls that went on at once count once."""

    def rank(self, now_s: float) -> tuple[bool, bool, int, int]:
        """The best place for a call has the smallest."""
        state = self.channel.get_state(try_to_connect=True)
        away = state is not ChannelConnectivity.READY
        avoided = state is ChannelConnectivity.TRANSIENT_FAILURE or now_s < self.avoided_until_s
        return avoided, away, self.calls, self.last_used

    def avoid(self, now_s: float) -> None:
        """It has refused a call, or lost one."""
        self.avoided_until_s = max(self.avoided_until_s, now_s + AVOIDED_S)

    def miss(self, now_s: float) -> None:
        """It has let a call's time run out without a word. A machine that has vanished looks connected for a while."""
        if now_s < self.avoided_until_s:
            return
        self.avoided_until_s = now_s + min(AVOIDED_S * 2**self.silences, LONGEST_AVOIDED_S)
        self.silences += 1

    def hear(self) -> None:
        """It has said something."""
        self.silences = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A call goes on there as long as the context lasts."""
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1


class Places:
    """All addresses of a line, with a channel to each from the first call on. Belongs to one event loop."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._places: list[Place] = []
        self._count = 0

    def best(self, tried: list[Place]) -> Place:
        """Of those not `tried`: a healthy one if there is any, the least busy, the one longest not used."""
        self._places = self._places or [Place(address, _channel(self.line, address)) for address in self.line.addresses]
        now_s = asyncio.get_running_loop().time()
        best = min((place for place in self._places if place not in tried), key=lambda place: place.rank(now_s))
        self._count += 1
        best.last_used = self._count
        return best

    async def close(self) -> None:
        """Close all channels; calls that go on are cancelled. Cancelling leaves some open."""
        while self._places:
            await self._places.pop().channel.close()


class Attempts:
    """The tries of one call, at each address once, and what they tell of it.

    Without `deadline_s` they may last for ever.
    """

    def __init__(self, places: Places, name: str, deadline_s: float | None) -> None:
        connection = places.line.connection
        self.glance_s = connection.connect_timeout_s
        """How long it may take to see how a call is taken."""
        self._patience_s = min(connection.connect_timeout_s, connection.deadline_s) / 2
        self._places = places
        self._name = name
        self._now_s = asyncio.get_running_loop().time
        self._until_s = None if deadline_s is None else self._now_s() + deadline_s
        self._tried: list[Place] = []
        self._patient = False
        """Whether the try at hand has so long that silence tells something of the place, not only of the caller."""

    @contextmanager
    def next(self) -> Iterator[Place]:
        """Where to try, as long as the context lasts."""
        place = self._places.best(self._tried)
        self._tried.append(place)
        self._patient = self._left_s() >= self._patience_s
        with place.taken():
            yield place

    def options(self, at_most_s: float = inf) -> dict[str, Any]:
        """What gRPC is to be told with the call that is made now."""
        timeout_s = min(self._left_s(), at_most_s)
        return {
            "timeout": None if timeout_s == inf else timeout_s,
            "metadata": self._places.line.connection.metadata or None,
        }

    def _left_s(self) -> float:
        return inf if self._until_s is None else max(0.0, self._until_s - self._now_s())

    def hear(self) -> None:
        """Something of the answer has come."""
        self._tried[-1].hear()

    def lose(self, problem: AioRpcError, *, begun: bool = False) -> None:
        """The try has failed: its place is avoided where that is its own fault."""
        place, code = self._tried[-1], code_of(problem)
        if code is StatusCode.UNAVAILABLE:
            place.avoid(self._now_s())
        elif code is StatusCode.DEADLINE_EXCEEDED and self._patient and not begun:
            place.miss(self._now_s())

    async def may_go_on(self, problem: AioRpcError, *, begun: bool = False) -> None:
        """Return when it may be tried again; raises our error for `problem` where it may not.

        It may not once the answer has `begun`, or where the work may be done: it would be said, or done, twice.
        """
        self.lose(problem, begun=begun)
        left = len(self._places.line.addresses) - len(self._tried)
        lost = problem.code() is StatusCode.UNAVAILABLE and self._name in _WRITES
        if begun or lost or not left or problem.code() not in _ELSEWHERE:
            raise refusal(problem, self._tried[-1].address, self._name) from problem
        await asyncio.sleep(BACKOFF_S * 2 ** (len(self._tried) - 1))


def _channel(line: Line, address: str) -> grpc.aio.Channel:
    config = _BALANCING if address in line.unwatched else _BALANCING | _HEALTH
    options = [*line.arguments, ("grpc.service_config", json.dumps(config))]
    if line.credentials:
        return grpc.aio.secure_channel(address, line.credentials, options)
    return grpc.aio.insecure_channel(address, options)
