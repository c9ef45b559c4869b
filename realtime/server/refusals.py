"""What the server will not do, and how it says so: OpenAI's error object, over HTTP or in place of a WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from realtime.errors import InvalidRequest, NoRoom, RealtimeError, ServerBusy, ServerFull


class Refused(RealtimeError):
    """Whoever asks is turned away. `status` is the HTTP status, `code` the wire's."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"
    retry_after_s: ClassVar[int | None] = None
    """When to try again; None where that would change nothing, or nobody can tell."""

    @property
    def response(self) -> JSONResponse:
        """The answer."""
        headers = None if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        return error_response(self.status, self.code, str(self), headers=headers)


class WrongKey(Refused):
    """The key that was shown opens nothing, or not this."""

    status = 401
    code = "invalid_api_key"


class ForeignOrigin(Refused):
    """A web page asks that does not belong to this server."""

    status = 403
    code = "origin_not_allowed"


class StillStarting(Refused):
    """The models are being loaded."""

    status = 503
    code = "server_starting"


class BodyTooLarge(Refused):
    """More was sent than this route ever needs."""

    status = 413
    code = "request_too_large"


RETRY_AFTER_S: Mapping[type[NoRoom], int] = MappingProxyType({ServerFull: 30, ServerBusy: 15})
"""When whoever found no room may try again; not when the server stops."""


def error_response(
    status: int, code: str, message: str, *, param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """OpenAI's error object."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    error = {"type": kind, "code": code, "message": message, "param": param}
    return JSONResponse({"error": error}, status, headers)


def invalid_request_response(problem: InvalidRequest) -> JSONResponse:
    """The same for a request that asks for something impossible."""
    return error_response(400, problem.reason, problem.message, param=problem.param)


def no_room_response(problem: NoRoom) -> JSONResponse:
    """The answer to whoever comes when no conversation can begin."""
    retry_after_s = RETRY_AFTER_S.get(type(problem))
    headers = None if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return error_response(503, problem.code, str(problem), headers=headers)


async def tell(request: Request, problem: Exception) -> Response:
    """The answer to a request in which `problem` came up."""
    if isinstance(problem, Refused):
        return problem.response
    if isinstance(problem, InvalidRequest):
        return invalid_request_response(problem)
    assert isinstance(problem, HTTPException)  # what the routing has to say
    return _tell_of_routing(request, problem)


def _tell_of_routing(request: Request, problem: HTTPException) -> Response:
    if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (problem.headers or {}).get("Allow", "another method")
        message = f"{request.method} means nothing here; use {allowed}."
        return error_response(405, "method_not_allowed", message, headers=problem.headers)
    code = HTTPStatus(problem.status_code).name.lower()
    return error_response(problem.status_code, code, problem.detail + ".", headers=problem.headers)
