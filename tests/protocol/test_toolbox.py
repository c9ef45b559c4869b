"""What tools come to for the model: each under a name of its own, and one choice among them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from realtime.errors import InvalidRequest
from realtime.protocol.items import ListedTool
from realtime.protocol.toolbox import NO_TOOLS, Toolbox, fill_toolbox
from realtime.protocol.tools import (
    ApprovalFilter,
    ChosenFunction,
    ChosenMcp,
    FunctionTool,
    McpTool,
    ToolChoice,
    ToolConfig,
    ToolFilter,
)

BUY = ListedTool(name="buy", input_schema={"type": "object"}, description="Buys.")
LOOK = ListedTool(name="look", input_schema={}, annotations={"readOnlyHint": True})
SHOP = McpTool(server_label="shop", server_url="https://shop.example/mcp")
BANK = McpTool(server_label="bank", server_url="https://bank.example/mcp")
DANCE = FunctionTool(name="dance", description="Dances.", parameters={"type": "object"})


def told(server: McpTool) -> Iterable[ListedTool]:
    """The shop has told its tools, the bank has not yet."""
    return (BUY, LOOK) if server.server_label == "shop" else ()


def fill(tools: Iterable[ToolConfig], choice: ToolChoice = "auto") -> Toolbox:
    return fill_toolbox(tools, choice, told, "tool_choice")


def names(toolbox: Toolbox) -> list[str]:
    return [tool.name for tool in toolbox.tools]


def test_a_function_is_offered_as_the_client_described_it() -> None:
    (tool,) = fill([DANCE]).tools
    assert (tool.name, tool.description, tool.parameters, tool.remote) == ("dance", "Dances.", {"type": "object"}, None)


def test_a_servers_tool_is_offered_as_the_server_described_it() -> None:
    tool = fill([SHOP]).tools[0]
    assert (tool.name, tool.description, tool.parameters) == ("buy", "Buys.", {"type": "object"})
    assert tool.remote is not None
    assert (tool.remote.server, tool.remote.name, tool.remote.asks_before) == (SHOP, "buy", True)


def test_a_server_that_has_not_told_yet_has_nothing_to_offer() -> None:
    assert names(fill([BANK, DANCE])) == ["dance"]


def test_a_tool_that_is_not_allowed_is_not_offered() -> None:
    server = McpTool(server_label="shop", server_url="https://shop.example/mcp", allowed_tools=("look",))
    assert names(fill([server])) == ["look"]


def test_whether_the_client_is_asked_depends_on_the_tool() -> None:
    never = ApprovalFilter(never=ToolFilter(read_only=True))
    server = McpTool(server_label="shop", server_url="https://shop.example/mcp", require_approval=never)
    assert [tool.remote.asks_before for tool in fill([server]).tools if tool.remote] == [True, False]


def test_of_two_tools_alike_the_second_bears_its_servers_label() -> None:
    toolbox = fill([FunctionTool(name="buy"), SHOP])
    assert names(toolbox) == ["buy", "shop_buy", "look"]
    assert toolbox.tools[1].remote is not None
    assert toolbox.tools[1].remote.name == "buy"


def test_a_function_keeps_the_name_its_client_knows_wherever_it_stands() -> None:
    toolbox = fill([SHOP, FunctionTool(name="buy")], ChosenFunction(name="buy"))
    assert names(toolbox) == ["buy", "shop_buy", "look"]
    assert toolbox.tools[0].remote is None
    assert toolbox.choice == "buy"


def test_a_name_that_is_taken_all_the_same_is_offered_once() -> None:
    toolbox = fill([FunctionTool(name="buy"), FunctionTool(name="shop_buy"), SHOP])
    assert names(toolbox) == ["buy", "shop_buy", "look"]
    assert toolbox.tools[1].remote is None


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_word_holds_for_all_tools(choice: ToolChoice) -> None:
    assert fill([DANCE, SHOP], choice).choice == choice


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_where_there_are_no_tools_there_is_nothing_to_choose(choice: ToolChoice) -> None:
    assert fill([BANK], choice) == NO_TOOLS


def test_a_function_is_chosen_by_its_name() -> None:
    toolbox = fill([DANCE, SHOP], ChosenFunction(name="dance"))
    assert (names(toolbox), toolbox.choice) == (["dance", "buy", "look"], "dance")


def test_a_server_is_chosen_by_leaving_the_others_out() -> None:
    toolbox = fill([DANCE, SHOP], ChosenMcp(server_label="shop"))
    assert (names(toolbox), toolbox.choice) == (["buy", "look"], "required")


def test_a_servers_tool_is_chosen_by_the_name_the_model_knows() -> None:
    toolbox = fill([FunctionTool(name="buy"), SHOP], ChosenMcp(server_label="shop", name="buy"))
    assert toolbox.choice == "shop_buy"


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        (ChosenMcp(server_label="bank"), "tool_choice.server_label"),
        (ChosenMcp(server_label="bank", name="rob"), "tool_choice.name"),
        (ChosenMcp(server_label="shop", name="rob"), "tool_choice.name"),
    ],
)
def test_a_tool_that_no_server_has_told_of_cannot_be_chosen(choice: ToolChoice, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        fill([SHOP, BANK], choice)
    assert caught.value.param == param
