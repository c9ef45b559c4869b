"""Who may call: whoever shows one of the operator's API keys, once there are any."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from realtime.backend.clients import shown_key
from realtime.keys import Keyring

OPEN = frozenset({"/backend.Backend/Health", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})
"""Calls that need no key: they tell only whether the server is there."""


class Doorkeeper(grpc.aio.ServerInterceptor):
    """Turns away calls without a key, as `authorization: Bearer KEY` in their metadata."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        # For every kind of call: it is the one that answers before anything is said.
        self._refusal: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The call's own handler, or one that refuses."""
        if (
            self._keyring.empty
            or handler_call_details.method in OPEN
            or self._keyring.knows(shown_key(handler_call_details.invocation_metadata or ()))
        ):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The call shows no known key ('authorization: Bearer KEY').")
