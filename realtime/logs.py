"""Structured logs: one line an event, with the id of the session it belongs to. Nobody's audio or words are in them."""

from __future__ import annotations

import logging
import sys

import structlog

from realtime.settings import LogSettings

# Local variables of a traceback could hold what somebody said.
_TRACEBACK = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def set_up_logs(settings: LogSettings) -> None:
    """Send everything this process logs, libraries included, to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    rendering: list[structlog.typing.Processor] = (
        [structlog.processors.ExceptionRenderer(_TRACEBACK), structlog.processors.JSONRenderer()]
        if settings.format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    ours = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    root.handlers = [handler]
    # At debug level libraries log what passes through them: a WebSocket's frames, the body of a request.
    root.setLevel(max(ours, logging.INFO))
    logging.getLogger("uvicorn").setLevel(max(ours, logging.WARNING))  # its comings and goings are in our log already
    logging.getLogger("realtime").setLevel(ours)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
