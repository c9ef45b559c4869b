"""What may be printed of a tool server."""

from __future__ import annotations

import io

from rich.console import Console

from realtime.remote_tools.base import ToolServer


def test_no_key_is_ever_printed() -> None:
    """Not by `repr`, not by rich, not in a traceback's locals; not even the address, which may hold one."""
    server = ToolServer(
        label="kitchen", url="https://a:secret@b/?k=secret", authorization="secret", headers={"a": "secret"}
    )
    pretty = io.StringIO()
    Console(file=pretty).print([server])
    for printed in (repr(server), str([server]), f"{server}", pretty.getvalue()):
        assert "kitchen" in printed
        assert "secret" not in printed
