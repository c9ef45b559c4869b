"""What tests of the gRPC service ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realtime.engines.scheduler import Scheduler
from tests.engines.conftest import workshop as workshop


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """One with two threads."""
    scheduler = Scheduler(2)
    yield scheduler
    scheduler.close()
