"""Which address the next call goes to, and which is asked last, and for how long. Nothing is connected."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import grpc
import pytest
from grpc import ChannelConnectivity, StatusCode
from grpc.aio import AioRpcError, Metadata

from realtime.backend.remote import places
from realtime.backend.remote.connection import Connection, make_line
from realtime.backend.remote.places import AVOIDED_S, LONGEST_AVOIDED_S, Attempts, Place, Places
from realtime.backend.remote.refusals import MASK
from realtime.errors import EngineFailed


class Connected:
    """A channel that is ready, whoever is at its end."""

    def get_state(self, *, try_to_connect: bool) -> ChannelConnectivity:
        assert try_to_connect
        return ChannelConnectivity.READY


def place(address: str = "a:1") -> Place:
    return Place(address, cast("grpc.aio.Channel", Connected()))


def avoided_s(place: Place, since_s: float) -> float:
    """For how long from `since_s` on, to the half second."""
    after = (half / 2 for half in range(int(2 * LONGEST_AVOIDED_S) + 2))
    return next(after_s for after_s in after if not place.rank(since_s + after_s)[0])


def silences(place: Place, count: int) -> Iterator[float]:
    """How long it is avoided after each of so many, from when it was asked again each time."""
    now_s = 100.0
    for _ in range(count):
        place.miss(now_s)
        yield avoided_s(place, now_s)
        now_s += avoided_s(place, now_s)


def test_who_refuses_is_asked_last_for_a_while() -> None:
    """The same each time: it costs next to nothing to ask."""
    refusing = place()
    assert avoided_s(refusing, 100.0) == 0
    for now_s in (100.0, 105.0, 110.0):
        refusing.avoid(now_s)
        assert avoided_s(refusing, now_s) == AVOIDED_S


def test_who_says_nothing_is_asked_last_for_longer_each_time() -> None:
    """Until it says something: what is short again then."""
    silent = place()
    waits_s = list(silences(silent, 9))
    assert waits_s[0] == AVOIDED_S
    assert waits_s[-2:] == [LONGEST_AVOIDED_S] * 2
    assert all(later == min(2 * earlier, LONGEST_AVOIDED_S) for earlier, later in pairwise(waits_s))
    silent.hear()
    assert list(silences(place(), 1)) == [AVOIDED_S]
    silent.miss(100_000.0)
    assert avoided_s(silent, 100_000.0) == AVOIDED_S


def test_calls_that_went_on_at_once_are_one_silence() -> None:
    """And a refusal meanwhile makes it no shorter."""
    silent = place()
    list(silences(silent, 3))
    now_s = 1000.0
    for _ in range(10):
        silent.miss(now_s)
    silent.avoid(now_s)
    assert avoided_s(silent, now_s) == 8 * AVOIDED_S


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Places:
    """Addresses, of calls that may take four seconds, or two to connect."""
    monkeypatch.setattr(places, "_channel", lambda line, address: Connected())
    return Places(make_line("a:1,b:2", Connection(deadline_s=4, connect_timeout_s=2)))


def problem(code: StatusCode, details: str = "") -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), details)


async def tried(two: Places, deadline_s: float | None, told: AioRpcError, **options: Any) -> Place:
    """Where it was, and failed so."""
    attempts = Attempts(two, "Predict", deadline_s)
    with attempts.next() as place:
        attempts.lose(told, **options)
        return place


@pytest.mark.parametrize(
    ("deadline_s", "told", "options", "avoided"),
    [
        (4.0, problem(StatusCode.DEADLINE_EXCEEDED), {}, True),
        (None, problem(StatusCode.DEADLINE_EXCEEDED), {}, True),
        (0.5, problem(StatusCode.DEADLINE_EXCEEDED), {}, False),  # the caller was in haste
        (4.0, problem(StatusCode.DEADLINE_EXCEEDED), {"begun": True}, False),  # it is slow, but there
        (0.5, problem(StatusCode.UNAVAILABLE), {"begun": True}, True),
        (0.5, problem(StatusCode.INTERNAL, MASK), {}, True),
        (4.0, problem(StatusCode.INTERNAL, "a bug"), {}, False),
        (4.0, problem(StatusCode.RESOURCE_EXHAUSTED), {}, False),
    ],
)
async def test_a_failure_tells_of_its_place_or_not(
    two: Places, deadline_s: float | None, told: AioRpcError, options: dict[str, Any], avoided: bool
) -> None:
    """If it does, the next calls all go to the other; if not, every second one."""
    failed = await tried(two, deadline_s, told, **options)
    following = [two.best([]) for _ in range(4)]
    assert following.count(failed) == (0 if avoided else 2)


async def test_silence_is_no_reason_to_try_elsewhere(two: Places) -> None:
    """All tries together have their time, and it has run out."""
    attempts = Attempts(two, "Predict", 4.0)
    with pytest.raises(EngineFailed, match="in time"), attempts.next() as place:
        await attempts.may_go_on(problem(StatusCode.DEADLINE_EXCEEDED))
    assert [two.best([]) for _ in range(2)].count(place) == 0
