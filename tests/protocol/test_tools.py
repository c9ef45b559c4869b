"""Which tools a client may give the model, and what is refused of them by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from realtime.errors import InvalidRequest
from realtime.protocol.tools import (
    MAX_TOOLS,
    ApprovalFilter,
    ChosenFunction,
    ChosenMcp,
    FunctionTool,
    McpTool,
    ToolChoice,
    ToolConfig,
    ToolFilter,
    check_tool_choice,
    check_tools,
    resolve_servers,
)
from tests.protocol.client import Client

SHOP = McpTool(
    server_label="shop", server_url="https://shop.example/mcp", authorization="hush", headers={"X-Key": "hush"}
)
DANCE = FunctionTool(name="dance")


def fault_of(*tools: ToolConfig) -> tuple[str, str | None]:
    with pytest.raises(InvalidRequest) as caught:
        check_tools(tools, "tools")
    return caught.value.reason, caught.value.param


def function(**parameters: Any) -> FunctionTool:
    return FunctionTool(name="dance", parameters=parameters)


# --- functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"type": "object", "properties": {"steps": {"type": "integer"}}, "required": ["steps"]},
        {"properties": {"how": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "additionalProperties": False},
        {"type": "object", "x-ours": "a keyword nobody knows"},
    ],
)
def test_a_json_schema_of_an_object_describes_a_function(parameters: dict[str, Any]) -> None:
    check_tools([function(**parameters)], "tools")


@pytest.mark.parametrize(
    ("parameters", "code", "param"),
    [
        ({"type": "string"}, "invalid_value", "tools[0].parameters.type"),
        ({"type": ["object", "null"]}, "invalid_value", "tools[0].parameters.type"),
        ({"properties": []}, "invalid_function_parameters", "tools[0].parameters.properties"),
        (
            {"properties": {"steps": {"type": "number of steps"}}},
            "invalid_function_parameters",
            "tools[0].parameters.properties.steps.type",
        ),
        ({"required": "steps"}, "invalid_function_parameters", "tools[0].parameters.required"),
        (
            {"properties": {"how": {"anyOf": [{"type": "string"}, 5]}}},
            "invalid_function_parameters",
            "tools[0].parameters.properties.how.anyOf[1]",
        ),
    ],
)
def test_a_schema_that_is_none_is_named_where_it_is_wrong(parameters: dict[str, Any], code: str, param: str) -> None:
    assert fault_of(function(**parameters)) == (code, param)


def test_the_answer_to_a_schema_that_is_none_does_not_repeat_all_of_it() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_tools([function(required="x" * 100_000)], "tools")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("name", ["", "a b", "tanz!", "x" * 65, 5])
def test_a_name_that_no_model_could_write_is_refused(name: object, client: Client) -> None:
    told = client.update(tools=[{"type": "function", "name": name}])
    assert told.error["param"] == "session.tools[0].name"


def test_two_functions_of_one_name_are_refused() -> None:
    assert fault_of(DANCE, DANCE) == ("invalid_value", "tools[1].name")


def test_a_function_may_have_the_name_of_a_server() -> None:
    check_tools([FunctionTool(name="shop"), SHOP], "tools")


def test_there_may_be_so_many_tools_and_no_more() -> None:
    tools = [FunctionTool(name=f"dance_{number}") for number in range(MAX_TOOLS)]
    check_tools(tools, "tools")
    assert fault_of(*tools, DANCE) == ("invalid_value", "tools")


# --- MCP servers -------------------------------------------------------------------------------------------------


def test_a_server_is_called_by_its_url() -> None:
    check_tools([SHOP], "tools")


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"server_url": None}, "missing_required_parameter", "tools[0].server_url"),
        ({"server_url": "file:///etc/passwd"}, "invalid_value", "tools[0].server_url"),
        ({"server_url": "shop.example"}, "invalid_value", "tools[0].server_url"),
        ({"connector_id": "connector_gmail"}, "unsupported_value", "tools[0].connector_id"),
        ({"tunnel_id": "tunnel_1"}, "unsupported_value", "tools[0].tunnel_id"),
        ({"allowed_callers": ("programmatic",)}, "unsupported_value", "tools[0].allowed_callers"),
        ({"defer_loading": True}, "unsupported_value", "tools[0].defer_loading"),
    ],
)
def test_a_server_that_could_not_be_called_is_refused_by_name(changed: dict[str, Any], code: str, param: str) -> None:
    assert fault_of(msgspec.structs.replace(SHOP, **changed)) == (code, param)


@pytest.mark.parametrize("changed", [{"allowed_callers": ("direct",)}, {"defer_loading": False}])
def test_asking_for_what_is_so_anyway_is_accepted(changed: dict[str, Any]) -> None:
    check_tools([msgspec.structs.replace(SHOP, **changed)], "tools")


def test_two_servers_of_one_label_are_refused() -> None:
    assert fault_of(SHOP, DANCE, SHOP) == ("invalid_value", "tools[2].server_label")


def test_what_opens_a_server_does_not_come_into_a_log() -> None:
    assert "hush" not in repr(SHOP)


def test_a_server_named_by_its_label_alone_is_the_one_known_by_it() -> None:
    named = McpTool(server_label="shop")
    assert resolve_servers((DANCE, named), [SHOP]) == (DANCE, SHOP)


def test_a_server_with_a_url_is_itself() -> None:
    other = McpTool(server_label="shop", server_url="https://other.example/mcp")
    assert resolve_servers((other,), [SHOP]) == (other,)


def test_a_label_that_nobody_knows_leads_nowhere() -> None:
    named = McpTool(server_label="bank")
    assert resolve_servers((named,), [SHOP, DANCE]) == (named,)
    assert fault_of(named) == ("missing_required_parameter", "tools[0].server_url")


@pytest.mark.parametrize(
    ("allowed", "buy", "look"),
    [
        (None, True, True),
        ((), False, False),
        (("buy",), True, False),
        (ToolFilter(), True, True),
        (ToolFilter(tool_names=("look",)), False, True),
        (ToolFilter(read_only=True), False, True),
        (ToolFilter(read_only=False), True, False),
        (ToolFilter(tool_names=("buy",), read_only=True), False, False),
    ],
)
def test_a_client_may_allow_some_of_a_servers_tools(
    allowed: tuple[str, ...] | ToolFilter | None, buy: bool, look: bool
) -> None:
    server = msgspec.structs.replace(SHOP, allowed_tools=allowed)
    assert (server.allows("buy", read_only=False), server.allows("look", read_only=True)) == (buy, look)


BUY, LOOK = ToolFilter(tool_names=("buy",)), ToolFilter(tool_names=("look",))


@pytest.mark.parametrize(
    ("approval", "buy", "look"),
    [
        (None, True, True),
        ("always", True, True),
        ("never", False, False),
        (ApprovalFilter(), True, True),
        (ApprovalFilter(never=LOOK), True, False),
        (ApprovalFilter(always=BUY), True, True),
        (ApprovalFilter(always=BUY, never=LOOK), True, False),
        (ApprovalFilter(always=LOOK, never=LOOK), True, True),
        (ApprovalFilter(never=ToolFilter(read_only=True)), True, False),
    ],
)
def test_a_client_is_asked_unless_it_said_never(approval: Any, buy: bool, look: bool) -> None:
    server = msgspec.structs.replace(SHOP, require_approval=approval)
    assert (server.asks_before("buy", read_only=False), server.asks_before("look", read_only=True)) == (buy, look)


# --- choices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        "auto",
        "none",
        "required",
        ChosenFunction(name="dance"),
        ChosenMcp(server_label="shop"),
        ChosenMcp(server_label="shop", name="buy"),
    ],
)
def test_what_is_among_the_tools_can_be_chosen(choice: ToolChoice) -> None:
    check_tool_choice(choice, [DANCE, SHOP], "tool_choice")


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        (ChosenFunction(name="sing"), "tool_choice.name"),
        (ChosenFunction(name="shop"), "tool_choice.name"),
        (ChosenMcp(server_label="bank"), "tool_choice.server_label"),
        (ChosenMcp(server_label="dance"), "tool_choice.server_label"),
    ],
)
def test_what_is_not_among_the_tools_cannot_be_chosen(choice: ToolChoice, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_tool_choice(choice, [DANCE, SHOP], "tool_choice")
    assert (caught.value.reason, caught.value.param) == ("invalid_value", param)
