"""docs/flows.md draws every scenario of tests/test_conductor.py, and the chief ones of its neighbours."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.protocol.contract import CLIENT_EVENTS, EXTENSIONS, SERVER_EVENTS

REPOSITORY = Path(__file__).parent.parent
FLOWS = (REPOSITORY / "docs" / "flows.md").read_text(encoding="utf-8")
SCENARIOS = (
    "test_conductor",
    "test_conductor_tools",
    "test_conductor_tool_servers",
    "test_conductor_sessions",
    "test_conductor_turns",
    "test_conductor_speculation",
    "test_conductor_barge_in",
    "test_conductor_speech_to_speech",
)

WIRE_NAMES = re.compile(r"\b(?:input_audio_buffer|conversation|response|session|output_audio_buffer)\.[a-z_.]*[a-z]")


def test_every_flow_is_a_test() -> None:
    """By the same name, in the same order."""
    flows = flow_names()
    assert flows == [name for module in SCENARIOS for name in scenarios_in(module) if name in flows]


def test_every_scenario_of_the_spoken_conversation_is_a_flow() -> None:
    """None of them is too small to be drawn."""
    assert set(scenarios_in("test_conductor")) <= set(flow_names())


def flow_names() -> list[str]:
    """The headings, as the tests are called."""
    headings = re.findall(r"^## (.+)$", FLOWS, re.MULTILINE)
    return [f"test_{'_'.join(re.findall(r'[a-z_]+', heading.lower()))}" for heading in headings]


def scenarios_in(module: str) -> list[str]:
    """The tests of one file, in their order."""
    tree = ast.parse((REPOSITORY / "tests" / f"{module}.py").read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")]


def test_every_flow_is_drawn() -> None:
    """Once."""
    sections = re.split(r"^## ", FLOWS, flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections if section.count("```mermaid") != 1] == []


def test_the_flows_name_events_that_there_are() -> None:
    """On the arrow in whose direction they go."""
    for line in FLOWS.splitlines():
        names = set(WIRE_NAMES.findall(line))
        if line.strip().startswith("client->>"):
            assert names <= set(CLIENT_EVENTS), line
        elif "->>client: " in line:
            assert names <= set(SERVER_EVENTS) | set(EXTENSIONS), line
