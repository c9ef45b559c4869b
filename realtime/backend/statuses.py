"""Errors as gRPC has them."""

from __future__ import annotations

from typing import TypeAlias

from grpc import StatusCode

from realtime.errors import (
    BadConfiguration,
    ContextTooLong,
    EngineBusy,
    EngineFailed,
    InvalidRequest,
    ModelUnavailable,
    NoRoom,
    NotLoaded,
    NotPermitted,
    NotServed,
    RealtimeError,
    ServerFull,
    UnknownEngine,
)

ERROR_CODE = "realtime-error"
"""In the trailing metadata of a call that fails: the error's own code, finer than a status."""

Trailing: TypeAlias = tuple[tuple[str, str | bytes], ...]
"""What is told beside a status: names and values."""

_STATUSES: tuple[tuple[type[RealtimeError], StatusCode], ...] = (
    (InvalidRequest, StatusCode.INVALID_ARGUMENT),
    (ContextTooLong, StatusCode.INVALID_ARGUMENT),
    (NotPermitted, StatusCode.PERMISSION_DENIED),
    (NotServed, StatusCode.UNIMPLEMENTED),
    (UnknownEngine, StatusCode.UNIMPLEMENTED),
    (NotLoaded, StatusCode.FAILED_PRECONDITION),
    (ModelUnavailable, StatusCode.FAILED_PRECONDITION),
    (BadConfiguration, StatusCode.FAILED_PRECONDITION),
    (ServerFull, StatusCode.RESOURCE_EXHAUSTED),
    (NoRoom, StatusCode.UNAVAILABLE),
    (EngineBusy, StatusCode.RESOURCE_EXHAUSTED),
    (EngineFailed, StatusCode.INTERNAL),
)
"""The first that fits; subclasses stand before what they come from."""

_REASONS = {"not_found": StatusCode.NOT_FOUND, "out_of_range": StatusCode.OUT_OF_RANGE}
"""What an `InvalidRequest` may be more exactly, by its reason."""


class Relayed(RealtimeError):
    """What another backend has answered in place of an answer, to be passed on as it is."""

    code = "relayed"

    def __init__(self, status: StatusCode, details: str, trailing: Trailing) -> None:
        super().__init__(details)
        self.status = status
        self.trailing = trailing


def status_of(problem: RealtimeError) -> StatusCode:
    """The status that tells of `problem`."""
    if isinstance(problem, Relayed):
        return problem.status
    if isinstance(problem, InvalidRequest) and problem.reason in _REASONS:
        return _REASONS[problem.reason]
    return next((status for kind, status in _STATUSES if isinstance(problem, kind)), StatusCode.INTERNAL)


def trailing_of(problem: RealtimeError) -> Trailing:
    """What is told of `problem` beside its status: its code, or all that another backend has told."""
    return problem.trailing if isinstance(problem, Relayed) else ((ERROR_CODE, problem.code),)
