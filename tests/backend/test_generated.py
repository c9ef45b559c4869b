"""The committed gRPC code is what proto/ says."""

from __future__ import annotations

from pathlib import Path

from tools.generate_proto import PACKAGE, ROOT, generate


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    generate(tmp_path)
    fresh = {path.name: path.read_text() for path in (tmp_path / PACKAGE).iterdir()}
    committed = {path.name: path.read_text() for path in (ROOT / PACKAGE).iterdir() if path.name in fresh}
    assert fresh
    assert committed == fresh
