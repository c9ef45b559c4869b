"""docs/flows.md and the scenarios of tests/test_conductor.py are the same list."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.protocol.contract import CLIENT_EVENTS, SERVER_EVENTS

REPOSITORY = Path(__file__).parent.parent
FLOWS = (REPOSITORY / "docs" / "flows.md").read_text(encoding="utf-8")
SCENARIOS = (REPOSITORY / "tests" / "test_conductor.py").read_text(encoding="utf-8")

WIRE_NAMES = re.compile(r"\b(?:input_audio_buffer|conversation|response|session|output_audio_buffer)\.[a-z_.]*[a-z]")


def test_every_flow_is_a_test_and_every_test_a_flow() -> None:
    """By the same name, in the same order."""
    headings = re.findall(r"^## (.+)$", FLOWS, re.MULTILINE)
    flows = [f"test_{'_'.join(re.findall(r'[a-z_]+', heading.lower()))}" for heading in headings]
    functions = [node.name for node in ast.parse(SCENARIOS).body if isinstance(node, ast.AsyncFunctionDef)]
    assert flows == [name for name in functions if name.startswith("test_")]


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
            assert names <= set(SERVER_EVENTS), line
