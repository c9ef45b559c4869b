"""What a client lets the model call: functions of its own, and the tools of remote MCP servers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeAlias

import jsonschema_rs
from msgspec import Meta

from realtime.errors import InvalidRequest
from realtime.protocol.faults import check_nesting, refuse_first
from realtime.structs import Strict

MAX_TOOLS = 128
"""As many functions and MCP servers as one list may name."""

MAX_SERVERS = 16
"""As many MCP servers as a session may have at once."""

Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")]


class FunctionTool(Strict, kw_only=True, tag_field="type", tag="function", omit_defaults=True):
    """A function that the client runs."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    """JSON Schema of the arguments."""


class ToolFilter(Strict, omit_defaults=True):
    """Some of a server's tools: those named, or those that say whether they only read."""

    tool_names: tuple[str, ...] | None = None
    read_only: bool | None = None

    def matches(self, name: str, read_only: bool) -> bool:
        """Whether a tool is among them. A filter that says nothing has every tool."""
        named = self.tool_names is None or name in self.tool_names
        return named and self.read_only in (None, read_only)


class ApprovalFilter(Strict, omit_defaults=True):
    """Which calls the client is asked about first; one that neither filter has is asked about."""

    always: ToolFilter | None = None
    never: ToolFilter | None = None


class McpTool(Strict, kw_only=True, tag_field="type", tag="mcp", omit_defaults=True):
    """A remote MCP server, whose tools this server lists and calls itself."""

    server_label: Name
    server_url: str | None = None
    connector_id: str | None = None
    tunnel_id: str | None = None
    authorization: str | None = None
    headers: dict[str, str] | None = None
    server_description: str | None = None
    allowed_tools: tuple[str, ...] | ToolFilter | None = None
    require_approval: ApprovalFilter | Literal["always", "never"] | None = None
    allowed_callers: tuple[Literal["direct", "programmatic"], ...] | None = None
    defer_loading: bool | None = None

    def __repr__(self) -> str:
        """Not the secrets: a session may end up in a log or a traceback."""
        return f"McpTool(server_label={self.server_label!r})"

    def allows(self, name: str, read_only: bool) -> bool:
        """Whether the model may be offered a tool of the server."""
        match self.allowed_tools:
            case None:
                return True
            case ToolFilter() as chosen:
                return chosen.matches(name, read_only)
            case names:
                return name in names

    def asks_before(self, name: str, read_only: bool) -> bool:
        """Whether the client has to approve a call of the tool."""
        match self.require_approval:
            case None | "always":
                return True
            case "never":
                return False
            case ApprovalFilter(always=always, never=never):
                asked = always is not None and always.matches(name, read_only)
                return asked or never is None or not never.matches(name, read_only)


ToolConfig: TypeAlias = FunctionTool | McpTool


class ChosenFunction(Strict, kw_only=True, tag_field="type", tag="function"):
    """The model has to call this function."""

    name: str


class ChosenMcp(Strict, kw_only=True, tag_field="type", tag="mcp", omit_defaults=True):
    """The model has to call this tool of an MCP server, or any of its tools."""

    server_label: str
    name: str | None = None


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | ChosenFunction | ChosenMcp


def resolve_servers(tools: tuple[ToolConfig, ...], known: Iterable[ToolConfig]) -> tuple[ToolConfig, ...]:
    """`tools`, where an MCP server that is only named by its label is the one `known` under that label."""
    servers = {tool.server_label: tool for tool in known if isinstance(tool, McpTool)}
    return tuple(
        servers.get(tool.server_label, tool) if isinstance(tool, McpTool) and tool.server_url is None else tool
        for tool in tools
    )


def check_tools(tools: Iterable[ToolConfig], param: str) -> None:
    """Refuse tools that could not work, naming the field that is wrong."""
    names: set[str] = set()
    servers = 0
    for index, tool in enumerate(tools):
        if index >= MAX_TOOLS:
            raise InvalidRequest(f"At most {MAX_TOOLS} tools can be given.", param=param)
        where = f"{param}[{index}]"
        if isinstance(tool, FunctionTool):
            name, field = tool.name, "name"
            _check_schema(tool.parameters or {}, f"{where}.parameters")
        else:
            name, field = f"mcp:{tool.server_label}", "server_label"
            servers += 1
            if servers > MAX_SERVERS:
                raise InvalidRequest(f"At most {MAX_SERVERS} MCP servers can be given.", param=where)
            _check_server(tool, where)
        if name in names:
            raise InvalidRequest(f"Two tools have the same {field}.", param=f"{where}.{field}")
        names.add(name)


def check_tool_choice(choice: ToolChoice, tools: Iterable[ToolConfig], param: str) -> None:
    """Refuse the choice of a function or an MCP server that is not among `tools`."""
    match choice:
        case ChosenFunction(name=name):
            if not any(isinstance(tool, FunctionTool) and tool.name == name for tool in tools):
                raise InvalidRequest(f"There is no function {name!r} among the tools.", param=f"{param}.name")
        case ChosenMcp(server_label=label):
            if not any(isinstance(tool, McpTool) and tool.server_label == label for tool in tools):
                raise InvalidRequest(
                    f"There is no MCP server {label!r} among the tools.", param=f"{param}.server_label"
                )


def _check_schema(schema: dict[str, Any], param: str) -> None:
    if schema.get("type", "object") != "object":
        raise InvalidRequest("A function's parameters must be of type 'object'.", param=f"{param}.type")
    check_nesting(schema, param)
    try:
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.validator_for(schema, retriever=_fetch_nothing)
    except jsonschema_rs.ValidationError as problem:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.instance_path)
        # The library's message may quote the schema at any length.
        raise InvalidRequest(
            f"Not a JSON Schema: {problem.message[:200]}", code="invalid_function_parameters", param=f"{param}{place}"
        ) from problem
    except jsonschema_rs.ReferencingError as problem:
        raise InvalidRequest(
            "Not a JSON Schema: it refers to what is not in it.", code="invalid_function_parameters", param=param
        ) from problem


def _fetch_nothing(uri: str) -> Any:
    """A client may not have the server fetch what its schema refers to."""
    raise LookupError(uri)


def _check_server(tool: McpTool, where: str) -> None:
    refuse_first(
        {
            f"{where}.connector_id": tool.connector_id is not None,
            f"{where}.tunnel_id": tool.tunnel_id is not None,
            f"{where}.allowed_callers": tool.allowed_callers not in (None, ("direct",)),
            f"{where}.defer_loading": bool(tool.defer_loading),
        }
    )
    if tool.server_url is None:
        raise InvalidRequest(
            "An MCP server needs its 'server_url'.", code="missing_required_parameter", param=f"{where}.server_url"
        )
    if not tool.server_url.startswith(("http://", "https://")):
        raise InvalidRequest("An MCP server's URL begins with http:// or https://.", param=f"{where}.server_url")
