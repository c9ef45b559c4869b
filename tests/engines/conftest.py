"""Engines on real weights, opened once for the tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.models.store import ModelStore

MakeWorkshop: TypeAlias = Callable[..., Workshop]


@pytest.fixture(scope="module")
def workshop(model_store: ModelStore) -> Iterator[MakeWorkshop]:
    """Makes a workshop with the options given, on the models that were fetched and two threads shared by all."""
    scheduler = Scheduler(2)

    def make(**options: Any) -> Workshop:
        return Workshop(model_path=model_store.path, scheduler=scheduler, threads=1, options=options)

    yield make
    scheduler.close()
