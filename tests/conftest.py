"""What tests of several folders ask for."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from realtime.logs import set_up_logs
from realtime.settings import LogSettings
from tests.blocking import no_blocking_calls

pytest_plugins = ["tests.live"]


@pytest.fixture
def server_logs() -> Iterator[None]:
    """Logs are made as the server makes them, and go where pytest wants them."""
    loggers = [logging.getLogger(name) for name in (None, "realtime", "uvicorn")]
    levels, handlers, before = [logger.level for logger in loggers], loggers[0].handlers, structlog.get_config()
    set_up_logs(LogSettings())
    loggers[0].handlers = handlers
    yield
    loggers[0].handlers = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.configure(**before)


@pytest.fixture
def no_blocking(server_logs: None) -> Iterator[None]:
    """A call that would hold the event loop up, made anywhere below our own code, raises instead."""
    with no_blocking_calls():
        yield
