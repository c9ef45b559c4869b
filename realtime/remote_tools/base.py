"""What a tool server is, what it offers, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, Protocol

from realtime.errors import RealtimeError
from realtime.structs import Frozen

INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
"""JSON-RPC's own codes, for what is wrong without the server's having said so."""

BAD_GATEWAY, GATEWAY_TIMEOUT, FORBIDDEN = 502, 504, 403
"""What a gateway answers when there was no answer it could pass on."""


class ToolServer(Frozen):
    """Where tools are found and what opens the door. Neither keys nor the address appear when it is printed."""

    label: str
    url: str
    """http or https. It may hold a key, in its query for example."""
    authorization: str | None = None
    """A bearer token, or a whole value of the header with its scheme (`Basic …`)."""
    headers: Mapping[str, str] = MappingProxyType({})

    def __rich_repr__(self) -> Any:
        """The label only."""
        yield "label", self.label

    def __repr__(self) -> str:
        return f"{type(self).__name__}(label={self.label!r})"


class RemoteTool(Frozen):
    """One tool as its server describes it."""

    name: str
    description: str | None
    input_schema: dict[str, Any]
    """JSON Schema of the arguments. Checked by nobody."""
    annotations: dict[str, Any] | None
    """As they came (`readOnlyHint`, `title`, …): hints, which a lying server may set as it likes."""

    @property
    def read_only(self) -> bool:
        """Whether the server says that calling it changes nothing."""
        return self.annotations is not None and self.annotations.get("readOnlyHint") is True


class RemoteTools(Protocol):
    """The tools of other people's servers."""

    async def list(self, server: ToolServer) -> tuple[RemoteTool, ...]:
        """Every tool that `server` offers, in its order, each name once.

        Raises `ToolServerFailed`. Cancelling closes the connections and returns at once.
        """
        ...

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        """What the tool `name` answers to `arguments` (a JSON object; nothing at all is an empty one), as text.

        Raises `ToolServerFailed`. Cancelling closes the connections and returns at once; whether the tool has done
        its work is not known then.
        """
        ...


class ToolServerFailed(RealtimeError):
    """Listing or calling failed. `str(error)` is ours; what the tool itself said is in `account`, never in a log.

    `kind` and `error_code` are those of an `mcp_call` item's `error`: for `http_error` the HTTP status (502 or 504
    when there was no answer, 403 when we would not ask), for `protocol_error` the JSON-RPC code, else `None`.
    """

    code = "tool_server_failed"

    def __init__(
        self,
        message: str,
        *,
        kind: Literal["http_error", "protocol_error", "tool_execution_error"],
        error_code: int | None = None,
        account: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.error_code = error_code
        self.account = account
        """What a tool said of its own failure: for the model and the client, who may learn from it."""


def http_error(message: str, status: int) -> ToolServerFailed:
    """The way to the server failed, or its HTTP did."""
    return ToolServerFailed(message, kind="http_error", error_code=status)


def protocol_error(message: str, code: int = INTERNAL_ERROR) -> ToolServerFailed:
    """The server, or we, said something that the protocol does not allow."""
    return ToolServerFailed(message, kind="protocol_error", error_code=code)
