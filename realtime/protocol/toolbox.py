"""What one response may call: the functions it was given and the tools that MCP servers have told of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

from realtime.errors import InvalidRequest
from realtime.protocol.items import ListedTool
from realtime.protocol.tools import ChosenFunction, ChosenMcp, FunctionTool, McpTool, ToolChoice, ToolConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """Where a tool of an MCP server is."""

    server: McpTool
    name: str
    """What the server calls it."""
    asks_before: bool
    """Whether the client has to approve each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTool:
    """A tool as the model sees it."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """JSON Schema of the arguments; empty for none."""
    remote: Remote | None = None
    """None for a function, which the client runs."""


class Toolbox(NamedTuple):
    """The tools of one response, and which of them the model has to use."""

    tools: tuple[OfferedTool, ...] = ()
    choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one tool to call."""


NO_TOOLS = Toolbox()

Listed: TypeAlias = Callable[[McpTool], Iterable[ListedTool]]
"""The tools that an MCP server has told of so far."""


def fill_toolbox(tools: Iterable[ToolConfig], choice: ToolChoice, listed: Listed, param: str) -> Toolbox:
    """What `tools` come to for the model. A chosen tool that is not there is refused, under `param`."""
    offered = tuple(_offer(tools, listed))
    match choice:
        case ChosenFunction(name=name):
            return Toolbox(offered, name)
        case ChosenMcp(server_label=label, name=None):
            theirs = tuple(tool for tool in offered if tool.remote and tool.remote.server.server_label == label)
            if not theirs:
                raise InvalidRequest(f"The MCP server {label!r} has told no tools.", param=f"{param}.server_label")
            return Toolbox(theirs, "required")
        case ChosenMcp(server_label=label, name=wanted):
            for tool in offered:
                if tool.remote and (tool.remote.server.server_label, tool.remote.name) == (label, wanted):
                    return Toolbox(offered, tool.name)
            raise InvalidRequest(f"The MCP server {label!r} has told of no tool {wanted!r}.", param=f"{param}.name")
        case word:
            return Toolbox(offered, word if offered else "auto")


def _offer(tools: Iterable[ToolConfig], listed: Listed) -> Iterator[OfferedTool]:
    """Each under a name of its own. A function keeps the one its client knows; a server's tool that would be called as
    another has its server's label before its name, and is left out where that is taken too.
    """
    tools = tuple(tools)
    functions = [tool for tool in tools if isinstance(tool, FunctionTool)]
    taken = {tool.name for tool in functions}
    for tool in functions:
        yield OfferedTool(name=tool.name, description=tool.description or "", parameters=tool.parameters or {})
    for server in tools:
        if isinstance(server, McpTool):
            for offered in _remote(server, listed(server)):
                label = f"{server.server_label}_" if offered.name in taken else ""
                named = replace(offered, name=label + offered.name)
                if named.name not in taken:
                    taken.add(named.name)
                    yield named


def _remote(server: McpTool, listed: Iterable[ListedTool]) -> Iterator[OfferedTool]:
    for tool in listed:
        if server.allows(tool.name, tool.read_only):
            remote = Remote(server=server, name=tool.name, asks_before=server.asks_before(tool.name, tool.read_only))
            yield OfferedTool(
                name=tool.name, description=tool.description or "", parameters=tool.input_schema, remote=remote
            )
