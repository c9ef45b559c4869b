"""Sound goes out a little before it is heard. Time is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.pace import Gate, pace
from realtime.pipeline.speak import Piece
from tests.fakes import HandClock, settle
from tests.pipeline.streams import collect, stream
from tests.protocol.effort import examples

RATE_HZ = 1000
"""One sample a millisecond."""


def piece(ms: int, text: str = "") -> Piece:
    """Speech of this length."""
    return Piece(text, np.zeros(ms, np.float32))


@dataclass
class Listener:
    """Somebody who plays what comes, as soon as nothing before it is still playing."""

    lead_ms: float
    clock: HandClock
    released_ms: list[int]
    """When each piece came."""
    unheard_ms: list[int]
    """How much had come and not been heard, just after each piece came."""
    played_until_ms: int = 0
    gate: Gate = field(default_factory=Gate)

    def hears(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        """`pieces` at their pace."""
        return pace(pieces, RATE_HZ, self.lead_ms, self.clock, self.gate)

    def takes(self, come: Piece) -> None:
        """The next piece is here."""
        now_ms = round(self.clock.now_s() * 1000)
        self.played_until_ms = max(self.played_until_ms, now_ms) + len(come.pcm)
        self.released_ms.append(now_ms)
        self.unheard_ms.append(self.played_until_ms - now_ms)


async def listen(lengths_ms: list[int], delays_ms: list[int], lead_ms: float) -> Listener:
    """Pieces of these lengths, each made so much later than it was asked for, and how they came."""
    clock = HandClock()
    listener = Listener(lead_ms, clock, [], [])

    async def made() -> AsyncGenerator[Piece, None]:
        for length_ms, delay_ms in zip(lengths_ms, delays_ms, strict=True):
            if delay_ms:
                await clock.sleep(delay_ms / 1000)
            yield piece(length_ms)

    async def run() -> None:
        async for come in listener.hears(made()):
            listener.takes(come)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run())
        await clock.advance((sum(lengths_ms) + sum(delays_ms)) / 1000 + 1)
    return listener


async def test_the_lead_is_sent_at_once_and_the_rest_as_it_is_heard() -> None:
    """With 500 ms of lead, five pieces of 100 ms, then one every 100 ms."""
    listener = await listen([100] * 10, [0] * 10, lead_ms=500)
    assert listener.released_ms == [0, 0, 0, 0, 0, 100, 200, 300, 400, 500]


async def test_without_a_lead_each_piece_comes_when_it_is_due() -> None:
    """Not when the one before it would be over for good."""
    listener = await listen([100, 30, 100], [0, 0, 0], lead_ms=0)
    assert listener.released_ms == [0, 100, 130]


async def test_all_of_it_takes_as_long_as_it_lasts() -> None:
    """The last piece goes out when no more than the lead is left to be heard."""
    listener = await listen([100] * 60, [0] * 60, lead_ms=250)
    assert listener.released_ms[-1] == 6_000 - 250


async def test_a_late_piece_moves_everything_after_it() -> None:
    """The listener has waited for it, so what follows plays later too and must not come in a burst."""
    listener = await listen([100] * 6, [0, 0, 450, 0, 0, 0], lead_ms=200)
    assert listener.released_ms == [0, 0, 450, 450, 550, 650]


async def test_words_without_sound_do_not_wait() -> None:
    """They take no time."""
    clock = HandClock()
    pieces = [piece(100), piece(0, "?!"), piece(100), piece(0, "…")]
    paced = pace(stream(pieces), RATE_HZ, 1000, clock, Gate())
    assert await collect(paced) == pieces


@pytest.mark.parametrize("lead_ms", [0, 90, 500])
async def test_stopping_is_not_held_up_by_the_pace(lead_ms: float) -> None:
    """Whoever waits for the next piece can be cancelled at once."""
    clock = HandClock()
    listener = Listener(lead_ms, clock, [], [])

    async def run() -> None:
        async for come in listener.hears(stream([piece(1000)] * 9)):
            listener.takes(come)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run())
        await settle()
        running.cancel()
    assert listener.released_ms == [0]


@pytest.mark.parametrize(
    ("closed_ms", "opened_ms", "released_ms"),
    [
        pytest.param(110, 180, [0, 0, 100, 200, 300, 400], id="not for long enough to be noticed"),
        pytest.param(110, 330, [0, 0, 100, 330, 330, 430], id="until the lead is nearly used up"),
        pytest.param(110, 700, [0, 0, 100, 700, 700, 800], id="until nothing was left to play"),
    ],
)
async def test_what_a_closed_gate_held_back_follows_without_a_burst(
    closed_ms: int, opened_ms: int, released_ms: list[int]
) -> None:
    """Who has played all of it in the meantime begins anew, with the same lead."""
    clock = HandClock()
    listener = Listener(200, clock, [], [])

    async def run() -> None:
        async for come in listener.hears(stream([piece(100)] * 6)):
            listener.takes(come)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run())
        await clock.advance(closed_ms / 1000)
        listener.gate.close()
        await clock.advance((opened_ms - closed_ms) / 1000)
        assert listener.gate.holds_back == (opened_ms > 200)
        listener.gate.open()
        await clock.advance(2)
    assert listener.released_ms == released_ms
    assert max(listener.unheard_ms) <= 200


async def test_a_gate_that_is_closed_again_at_once_lets_nothing_through() -> None:
    """Who waits at it is awake by then."""
    clock = HandClock()
    listener = Listener(500, clock, [], [])
    listener.gate.close()

    async def run() -> None:
        async for come in listener.hears(stream([piece(100)] * 2)):
            listener.takes(come)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run())
        await settle()
        for _ in range(2):
            listener.gate.open()
            listener.gate.close()
            await settle()
        assert (listener.gate.holds_back, listener.released_ms) == (True, [])
        listener.gate.open()
    assert listener.released_ms == [0, 0]


async def test_stopping_is_not_held_up_by_a_closed_gate() -> None:
    """A barge-in stops what is held back as well."""
    clock = HandClock()
    listener = Listener(500, clock, [], [])
    listener.gate.close()

    async def run() -> None:
        async for come in listener.hears(stream([piece(100)] * 6)):
            listener.takes(come)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(run())
        await settle()
        assert listener.gate.holds_back
        running.cancel()
    assert (listener.gate.holds_back, listener.released_ms) == (False, [])


@examples
@given(
    st.lists(st.tuples(st.integers(1, 300), st.sampled_from([0, 0, 0, 40, 700])), max_size=5),
    st.sampled_from([0, 60, 100, 500]),
)
async def test_nobody_is_sent_more_than_the_lead_and_nobody_waits_without_need(
    made: list[tuple[int, int]], lead_ms: int
) -> None:
    """What was sent and not heard is the lead at most, or one piece; and a piece that is there is never late."""
    listener = await listen([length for length, _ in made], [delay for _, delay in made], lead_ms)
    assert len(listener.released_ms) == len(made)
    available_ms = plays_until_ms = 0
    for (length_ms, delay_ms), released_ms, unheard_ms in zip(
        made, listener.released_ms, listener.unheard_ms, strict=True
    ):
        assert unheard_ms <= max(lead_ms, length_ms)
        available_ms += delay_ms
        assert released_ms <= max(available_ms, plays_until_ms)
        available_ms = max(available_ms, released_ms)
        plays_until_ms = max(plays_until_ms, released_ms) + length_ms
