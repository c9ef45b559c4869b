"""The standard health service, which needs no key: whoever watches it may do so for as long as they like."""

from __future__ import annotations

from typing import Any

from grpc import StatusCode
from grpc_health.v1 import health, health_pb2


class Health(health.aio.HealthServicer):
    """Tells how the services are to as many as `most_watches` as soon as it changes, and to anybody who asks."""

    def __init__(self, most_watches: int) -> None:
        super().__init__()
        self._most_watches = most_watches
        self._watches = 0

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802
        """Tell until the client hangs up.

        One client too many is told that there is no such call. Clients by gRPC's own library then call without
        watching, where any other refusal would have them take the server for dead (gRFC A17, "Client-Side Health
        Checking").
        """
        if self._watches >= self._most_watches:
            await context.abort(StatusCode.UNIMPLEMENTED, f"{self._watches} clients watch already; ask with 'Check'.")
        self._watches += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watches -= 1
