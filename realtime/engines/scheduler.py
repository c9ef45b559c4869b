"""One place decides which blocking inference runs next.

Engines that hold the processor (Whisper, the voice) run on a few shared threads; `Urgency` decides who goes first and
arrival who goes next. Two conversations' final transcripts therefore share the machine in turn, and a partial
transcript never delays a final one by more than the step that is already running; where there are several workers,
steps of little urgency leave one of them to the others, and those of programs half. Nor can what is less urgent,
however much of it waits, keep out what is more so. Engines that batch their own work (llama.cpp) have a scheduler each.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import monotonic
from typing import Any, TypeVar

from realtime.engines.base import Urgency
from realtime.engines.load import Waits
from realtime.engines.queueing import waiting
from realtime.errors import EngineBusy, EngineFailed

T = TypeVar("T")

_END = object()


class Scheduler:
    """Runs blocking steps on `workers` threads, the most urgent first.

    A step that would wait behind `waiting_limit` others, as urgent or more, is refused with `EngineBusy`, so that
    overload is an error a caller can answer instead of a delay that grows. Steps of `modest` urgency or less begin only
    while another worker is idle, if there is another, and steps that are unattended while half of them are. `now_s` is
    the clock that tells how long steps have waited. Belongs to one event loop.
    """

    def __init__(
        self,
        workers: int,
        waiting_limit: int = 256,
        modest: Urgency | None = None,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="inference")
        self.workers = workers
        """Steps that may run at once."""
        self.idle = workers
        """Steps that could begin now."""
        self._modest = modest if workers > 1 else None
        self._waiting_limit = waiting_limit
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._arrivals = count()
        self._waits = Waits(now_s)

    @property
    def wait_s(self) -> float:
        """How long urgent steps have lately had to wait before they began."""
        return self._waits.usual_s()

    async def run(self, work: Callable[[], T], urgency: Urgency) -> T:
        """What `work()` returns, called on a worker thread.

        Cancelling while it waits withdraws it; cancelling while it runs abandons the result, and the thread is free
        again when the step is over.
        """
        return await asyncio.shield(await self.start(work, urgency))

    async def start(self, work: Callable[[], T], urgency: Urgency) -> asyncio.Future[T]:
        """Have `work()` called on a worker thread; returns when it begins, with the future of what it returns.

        Cancelling while it waits withdraws it. What has begun runs to its end: the future is for waiting, not for
        cancelling, and work that is to stop earlier must be told by a way of its own.
        """
        await self._take_turn(urgency)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError as closed:
            self._free()
            raise EngineFailed("the engines are closed") from closed
        running.add_done_callback(self._finished)
        return running

    async def steps(self, steps: Iterator[T], urgency: Urgency) -> AsyncGenerator[T, None]:
        """The items of a blocking iterator, one turn on a thread each, so that a cancel lands between two of them.

        Cancelling abandons the step that runs; the iterator is not touched again.
        """
        while True:
            item: Any = await self.run(lambda: next(steps, _END), urgency)
            if item is _END:
                return
            yield item

    @property
    def busy(self) -> bool:
        """Whether a step would have to wait."""
        return not self.idle

    def close(self) -> None:
        """Let running steps end and take no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _take_turn(self, urgency: Urgency) -> None:
        with self._waits.noted(urgency):
            await self._wait_for_turn(urgency)

    async def _wait_for_turn(self, urgency: Urgency) -> None:
        if self._may_begin(urgency):
            self.idle -= 1
            return
        before = sum(waits <= urgency for waits, _, _ in self._waiting)
        if before >= self._waiting_limit:
            raise EngineBusy(f"{before} inference steps are waiting already; try again later")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (urgency, next(self._arrivals), turn)
        heapq.heappush(self._waiting, place)
        try:
            with waiting():
                await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free()
            else:
                self._withdraw(place)
            raise

    def _may_begin(self, urgency: Urgency) -> bool:
        return self.idle > self._left_to_others(urgency)

    def _left_to_others(self, urgency: Urgency) -> int:
        """Workers that a step may not have."""
        if urgency is Urgency.UNATTENDED:
            return self.workers // 2
        return 1 if self._modest is not None and urgency >= self._modest else 0

    def _withdraw(self, place: tuple[Urgency, int, asyncio.Future[None]]) -> None:
        if place in self._waiting:
            self._waiting.remove(place)
            heapq.heapify(self._waiting)

    def _finished(self, running: asyncio.Future[Any]) -> None:
        if not running.cancelled():
            running.exception()  # an abandoned step's failure has nobody left to hear it
        self._free()

    def _free(self) -> None:
        self.idle += 1
        while self._waiting and self._may_begin(self._waiting[0][0]):
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self.idle -= 1
                turn.set_result(None)
