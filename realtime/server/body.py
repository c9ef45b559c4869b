"""The body of a request, bounded and checked."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from realtime.errors import InvalidRequest
from realtime.protocol.faults import fault
from realtime.server.refusals import BodyTooLarge

MAX_BODY_BYTES = 128 * 1024
"""Ample for a session's instructions and tools."""

Wanted = TypeVar("Wanted")


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object.

    Raises `BodyTooLarge`, or `InvalidRequest` for what is no JSON object. Cancelling leaves the rest unread.
    """
    body = await _read(request)
    try:
        decoded = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise InvalidRequest(f"The body is not valid JSON: {problem}.", code="invalid_json") from problem
    if not isinstance(decoded, dict):
        raise InvalidRequest("The body must be a JSON object.", code="invalid_type")
    return decoded


def check(value: Any, wanted: type[Wanted], root: str = "") -> Wanted:
    """`value` as a `wanted`; `InvalidRequest` names the first field, below `root`, that is illegal."""
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as problem:
        raise fault(problem, root=root) from problem


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async with aclosing(request.stream()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise BodyTooLarge(f"The body may have at most {MAX_BODY_BYTES} bytes.")
    except ClientDisconnect as gone:
        raise InvalidRequest("The body ended before its time.", code="invalid_json") from gone
    return bytes(body)
