"""What the benchmarks have in common on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from realtime.bench.errors import BenchFailed
from realtime.bench.target import read_session, read_turn_detection, session_with

UrlOption = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="A running server; by default one is started here and stopped."),
]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="A JSON file for everything.")]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="A picture of it, .svg or .png (extra `bench`).")
]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print tables for docs/benchmarks.md.")]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="JSON|@FILE",
        help="Fields for every caller's session.update, such as "
        '{"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}.',
    ),
]
TurnDetectionOption = Annotated[
    str | None,
    typer.Option(
        "--turn-detection",
        metavar="TYPE[:HOW]",
        help="Short for a session with it: semantic_vad[:EAGERNESS] or server_vad[:SILENCE_MS].",
    ),
]


def read_options(session: str | None, turn_detection: str | None) -> dict[str, Any]:
    """The session that callers ask for. Raises `BenchFailed`."""
    changes = []
    if session:
        changes.append(read_session(_text(session)))
    if turn_detection:
        changes.append(read_turn_detection(turn_detection))
    return session_with(*changes)


def _text(session: str) -> str:
    if not session.startswith("@"):
        return session
    try:
        return Path(session[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BenchFailed(f"cannot read {session[1:]}: {getattr(problem, 'strerror', None) or problem}") from problem
