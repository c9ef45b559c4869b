"""A command of ours as an operator runs it: a process of its own, on a machine with the scripted engines.

Without asyncio's debug mode: it logs every step over 100 ms, which on a busy machine any may be.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.server import plugin
from tests.server.house import PATIENCE_S

NOT_THE_OPERATORS = ("REALTIME_", "PYTHONASYNCIODEBUG")

REPOSITORY = Path(__file__).parent.parent.parent


def scripted_machine(folder: Path) -> Path:
    """`folder`, with the scripted engines installed and a configuration that uses them."""
    plugin.install(folder)
    (folder / "realtime.toml").write_text(plugin.CONFIGURATION)
    return folder


@asynccontextmanager
async def command(folder: Path, name: str, *words: str, **environment: str) -> AsyncIterator[Process]:
    """`realtime NAME WORDS`, with the configuration of `folder` unless they say other, as long as the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "realtime", name, "--config", str(folder / "realtime.toml"), *words),
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(NOT_THE_OPERATORS)},
            "PYTHONPATH": os.pathsep.join((str(folder), str(REPOSITORY))),
            **environment,
        },
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: Process, words: str) -> str:
    """The first line it prints with those words in it."""
    assert process.stdout
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stdout:
            if words.encode() in line:
                return line.decode()
    raise AssertionError(f"it ended before it said {words!r}")
