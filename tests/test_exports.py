"""A package that offers names for others says which, and has them."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "realtime"

OFFERING = [path for path in sorted(PACKAGE.rglob("*.py")) if "__all__ = " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", OFFERING, ids=lambda path: str(path.parent.name))
def test_what_is_offered_is_there_and_in_order(path: Path) -> None:
    """Each name once."""
    module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"))
    assert module.__all__ == sorted(set(module.__all__))
    assert all(hasattr(module, name) for name in module.__all__)


def test_a_package_that_passes_names_on_says_which() -> None:
    """Everybody else imports from the module that owns the name."""
    for path in PACKAGE.rglob("__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        passes_on = any(
            isinstance(node, ast.ImportFrom) and str(node.module).startswith("realtime.") for node in tree.body
        )
        uses = any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)
        assert not passes_on or uses or path in OFFERING, path.parent.name
