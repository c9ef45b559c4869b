"""The shape of the code: nothing grows past what can be read at once, and nothing is started that nobody waits for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 7
"""With `self`. The command line is excepted, whose options are written as parameters."""


def sources() -> Iterator[tuple[str, str]]:
    """The modules that a person has written, by their paths below `realtime`."""
    package = REPOSITORY / "realtime"
    for path in sorted(package.rglob("*.py")):
        if "pb" not in path.parts:
            yield str(path.relative_to(package)), path.read_text(encoding="utf-8")


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function, nested ones included."""
    for name, text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}: {node.name}", node


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call: where, and of what, as it is written."""
    for name, text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call):
                yield f"{name}:{node.lineno}", ast.unparse(node.func), node


def test_a_module_can_be_read_in_one_go() -> None:
    """What wants to be longer usually wants to be two things."""
    lengths = {name: len(text.splitlines()) for name, text in sources()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_a_function_fits_on_a_page() -> None:
    """Docstring included."""
    lengths = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_a_function_asks_for_few_things() -> None:
    """More are grouped."""
    counts = {
        name: len(node.args.posonlyargs + node.args.args + node.args.kwonlyargs)
        for name, node in functions()
        if not name.startswith("cli/")
    }
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_every_task_belongs_to_a_group() -> None:
    """One that nobody waits for outlives its conversation, and its failure is told to nobody."""
    started = {where: call for where, call, _ in calls() if re.search(r"\b(create_task|ensure_future)$", call)}
    assert {where: call for where, call in started.items() if not re.fullmatch(r"(self\._)?tasks\.\w+", call)} == {}


def test_every_queue_says_what_full_means() -> None:
    """Without a bound it is a leak that shows on a bad day."""
    queues = {where: node for where, call, node in calls() if call.endswith("Queue")}
    assert [where for where, node in queues.items() if not (node.args or node.keywords)] == []
    assert queues


def test_nothing_is_put_off() -> None:
    """A note to oneself is an issue, not a comment."""
    mark = re.compile(r"#.*\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    assert [name for name, text in sources() if mark.search(text)] == []


def test_every_stage_of_the_pipeline_has_tests_of_its_own() -> None:
    """By the same name, at the same place."""
    stages = {path.name for path in (REPOSITORY / "realtime" / "pipeline").glob("[!_]*.py")}
    tests = {path.name.removeprefix("test_") for path in (REPOSITORY / "tests" / "pipeline").glob("test_*.py")}
    assert tests == stages
