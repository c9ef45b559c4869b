"""A scheduler that remembers what was asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from realtime.engines.base import Urgency
from realtime.engines.scheduler import Scheduler

T = TypeVar("T")


class WatchedScheduler(Scheduler):
    """One thread; `turns` has the urgency of every turn that was asked for."""

    def __init__(self) -> None:
        super().__init__(1)
        self.turns: list[Urgency] = []

    async def start(self, work: Callable[[], T], urgency: Urgency) -> asyncio.Future[T]:
        self.turns.append(urgency)
        return await super().start(work, urgency)
