"""Engines are found by entry point, in the groups `realtime.detector`, `.turn_detector`, `.enhancer`, `.transcriber`,
`.chat`, `.synthesizer`, `.speech_to_speech`, `.embedder`, `.speaker` and `.transform`. An engine on another machine is
named by its address, `grpc://host:port`: the entry point of the address's scheme opens it.

An entry point names a function `open_engine(workshop) -> engine` that loads the weights and warms them up, so that
the first conversation is as fast as the second. It blocks for as long as that takes; the server calls it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, UnknownEngine
from realtime.structs import Strict

Kind = Literal[
    "detector",
    "turn_detector",
    "enhancer",
    "transcriber",
    "chat",
    "synthesizer",
    "speech_to_speech",
    "embedder",
    "speaker",
    "transform",
]


class Options(Strict):
    """Base of every engine's options: typed, and unknown names are refused."""


OptionsT = TypeVar("OptionsT", bound=Options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What an engine is given to open itself."""

    model_path: Callable[[str], Path]
    """Where a model of the catalogue lies, by name; raises `ModelUnavailable` with what to do."""
    scheduler: Scheduler
    threads: int
    """Threads one inference may use inside a library (ONNX intra-op, CTranslate2, llama.cpp)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The engine's own table of the configuration file."""
    address: str = ""
    """What follows `grpc://` in the name of an engine on another machine: `host:port`, or several with commas."""

    def find_model(self, name: str) -> Path:
        """Where model `name` lies: a file or folder of the operator's own by its absolute path, any other by name."""
        path = Path(name).expanduser()
        return path if path.is_absolute() and path.exists() else self.model_path(name)

    def read_options(self, into: type[OptionsT], engine: str) -> OptionsT:
        """`options` as the engine's own struct; a wrong or unknown one is a `BadConfiguration` that names it."""
        try:
            return msgspec.convert(dict(self.options), into, strict=False)
        except msgspec.ValidationError as problem:
            raise BadConfiguration(f"options of engine {engine!r}: {problem}") from problem


def installed(kind: Kind) -> list[str]:
    """The names of all engines of a kind, whether or not what they need is there."""
    return sorted({point.name for point in entry_points(group=f"realtime.{kind}")})


def find_engine(kind: Kind, name: str) -> Callable[[Workshop], Any]:
    """The function that opens engine `name`; `UnknownEngine` lists what is installed, or which extra is missing."""
    name = name.partition("://")[0]
    found = {point.name: point for point in entry_points(group=f"realtime.{kind}")}
    if name not in found:
        raise UnknownEngine(f"no {kind} engine {name!r}; installed: {', '.join(sorted(found)) or 'none'}")
    try:
        opener: Callable[[Workshop], Any] = found[name].load()
    except ModuleNotFoundError as missing:
        raise UnknownEngine(
            f"{kind} engine {name!r} needs the Python package {missing.name!r}, which is not installed; "
            "install the project with its `local` extra"
        ) from missing
    return opener
