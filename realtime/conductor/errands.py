"""The tasks of a conversation. They report to its loop, and what one said that was told to stop is stale."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import structlog

from realtime.errors import EngineFailed, RealtimeError
from realtime.pipeline.barge_in import Overheard
from realtime.pipeline.endpoint import Verdict, Wording
from realtime.protocol.reports import Report

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """A report for the session, or about a pause or a sound of the user's, and the task it comes from."""

    report: Report | Verdict | Wording | Overheard
    by: asyncio.Task[Any]


class Errands:
    """Starts tasks in one TaskGroup, and stops them one by one or all at once."""

    def __init__(self, tasks: asyncio.TaskGroup, put: Callable[[Told], Awaitable[None]]) -> None:
        self._tasks = tasks
        self._put = put
        self._running: set[asyncio.Task[None]] = set()
        self._stopped: WeakSet[asyncio.Task[Any]] = WeakSet()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let `work` run beside the conversation."""
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def stop(self, task: asyncio.Task[None] | None) -> None:
        """Cancel a task and wait until it is gone; None, or one that is over, is nothing to stop."""
        if task:
            self._stopped.add(task)
            task.cancel()
            await asyncio.wait([task])

    def stop_all(self) -> None:
        """Cancel whatever runs; the TaskGroup waits for it."""
        for task in self._running:
            task.cancel()

    def is_stale(self, told: Told) -> bool:
        """Whether it comes from a task that was told to stop."""
        return told.by in self._stopped

    async def report(self, report: Report | Verdict | Wording | Overheard) -> None:
        """Tell the loop; to be called by an errand. Waits while the inbox is full."""
        # Who was told to stop is waited for by whoever takes from the inbox, and must not wait for room in it; nor is
        # there anything left to tell. A failure on the way out, or a TaskGroup in which something failed just then
        # (before Python 3.13), can have swallowed the cancel.
        task = asyncio.current_task()
        assert task
        if task.cancelling():
            raise asyncio.CancelledError
        await self._put(Told(report, task))


def account_for(failure: Exception, work: str) -> tuple[str, str]:
    """Code and message for the client. An engine's failure explains itself; a bug is logged whole and told as one."""
    if isinstance(failure, EngineFailed):
        log.warning(f"{work} failed", reason=str(failure))
        return failure.code, str(failure)
    log.error(f"{work} failed", exc_info=failure)
    return RealtimeError.code, f"The {work} failed because of an error in the server."
