"""What a conversation is made of: items, and the parts of their content."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from realtime.structs import Strict

Status: TypeAlias = Literal["completed", "incomplete", "in_progress"]

MAX_ID_CHARACTERS = 512

Id: TypeAlias = Annotated[str, Meta(max_length=MAX_ID_CHARACTERS)]
"""What a client may call an item, a call, a function: each is kept as long as the conversation is."""


class _Part(Strict, tag_field="type"):
    """Base of content parts. A field that is UNSET does not appear on the wire."""


class InputText(_Part, tag="input_text"):
    """Text from the user or from the application."""

    text: str


class InputAudio(_Part, tag="input_audio"):
    """The user's speech. `transcript` is null until it has been put into words."""

    audio: bytes | UnsetType = UNSET
    transcript: str | None = None


class InputImage(_Part, tag="input_image"):
    """A picture from the user."""

    image_url: str
    detail: Literal["auto", "low", "high"] = "auto"


class OutputText(_Part, tag="output_text"):
    """The assistant's answer in writing."""

    text: str


class OutputAudio(_Part, tag="output_audio"):
    """The assistant's answer aloud. `transcript` holds the words that were sent to be heard."""

    audio: bytes | UnsetType = UNSET
    transcript: str | None = None


Part: TypeAlias = InputText | InputAudio | InputImage | OutputText | OutputAudio


class _AnyItem(Strict, tag_field="type"):
    """Base of all items. The server gives an item its id when the client has not."""

    id: Id = ""


class _Item(_AnyItem):
    """Base of the items that OpenAI gives a status."""

    object: Literal["realtime.item"] = "realtime.item"
    status: Status = "completed"


class Message(_Item, kw_only=True, tag="message"):
    """Something said or written by one side."""

    role: Literal["system", "user", "assistant"]
    content: tuple[Part, ...]


class FunctionCall(_Item, kw_only=True, tag="function_call"):
    """A function the assistant wants called."""

    name: Id
    arguments: str
    call_id: Id = ""


class FunctionCallOutput(_Item, kw_only=True, tag="function_call_output"):
    """What a function call returned."""

    call_id: Id
    output: str


class ListedTool(Strict, kw_only=True, omit_defaults=True):
    """A tool of an MCP server, as that server describes it."""

    name: str
    input_schema: dict[str, Any]
    description: str | None = None
    annotations: dict[str, Any] | None = None

    @property
    def read_only(self) -> bool:
        """Whether the server says that the tool changes nothing."""
        return bool((self.annotations or {}).get("readOnlyHint"))


class McpListTools(_AnyItem, kw_only=True, tag="mcp_list_tools"):
    """The tools of an MCP server; none while they are being listed."""

    server_label: Id
    tools: tuple[ListedTool, ...] = ()


class McpHttpError(Strict, kw_only=True, tag_field="type", tag="http_error"):
    """The MCP server could not be reached, or answered with an HTTP error."""

    code: int
    """The HTTP status; 0 without one."""
    message: str


class McpProtocolError(Strict, kw_only=True, tag_field="type", tag="protocol_error"):
    """The MCP server refused the request, or what it said made no sense."""

    code: int
    """JSON-RPC's."""
    message: str


class McpExecutionError(Strict, kw_only=True, tag_field="type", tag="tool_execution_error"):
    """The tool ran and failed."""

    message: str


McpError: TypeAlias = McpHttpError | McpProtocolError | McpExecutionError


class McpCall(_AnyItem, kw_only=True, tag="mcp_call"):
    """A tool of an MCP server that is called, or was."""

    server_label: Id
    name: Id
    arguments: str
    approval_request_id: Id | None = None
    output: str | None = None
    error: McpError | None = None


class McpApprovalRequest(_AnyItem, kw_only=True, tag="mcp_approval_request"):
    """The assistant asks whether it may call a tool."""

    server_label: Id
    name: Id
    arguments: str


class McpApprovalResponse(_AnyItem, kw_only=True, tag="mcp_approval_response"):
    """What the client says to that."""

    approval_request_id: Id
    approve: bool
    reason: str | None = None


Item: TypeAlias = (
    Message | FunctionCall | FunctionCallOutput | McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse
)


PARTS_OF_ROLE: dict[str, tuple[type[Part], ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText, OutputAudio),
}


class ItemReference(Strict, tag_field="type", tag="item_reference"):
    """Points at an item of the conversation, in a response's own input."""

    id: Id
