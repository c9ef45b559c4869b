"""Everything an operator may choose, in one frozen value made once at the edge and passed down.

Read from a TOML file and from environment variables named `REALTIME_<TABLE>__<KEY>` (`REALTIME_CHAT__BASE_URL`), which
win over the file. This is the only module that reads either. `docs/configuration.md` describes every key.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from platformdirs import user_cache_path

from realtime.errors import BadConfiguration
from realtime.structs import Strict

ENVIRONMENT_PREFIX = "REALTIME_"

NO_ENGINE = "none"
"""Named in place of an engine where a server can do without."""

DEFAULT_INSTRUCTIONS = "You are a helpful voice assistant. Answer in one or two short sentences."


CONVERSATIONS_PER_PROCESSOR = 4
"""Somebody who asks something every 8 s takes nearly a fifth of a processor (docs/benchmarks.md)."""


class ServerSettings(Strict):
    """Where the server listens, who may connect, and what it allows them."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    """0 takes any free port."""
    api_keys: tuple[str, ...] = ()
    """Keys that clients must show; any key, or none, is welcome while this is empty."""
    allowed_origins: tuple[str, ...] = ()
    """Origins, besides the server's own, whose web pages may connect without a key that is known; `*` is any."""
    max_conversations: Annotated[int, Meta(ge=1)] = msgspec.field(
        default_factory=lambda: CONVERSATIONS_PER_PROCESSOR * (os.cpu_count() or 1)
    )
    """One more is refused. By default as many as the embedded models carry; raise it where models run elsewhere."""
    longest_wait_ms: Annotated[float, Meta(gt=0)] = 500.0
    """How long the work for an answer may wait for a processor; while it waits longer, new conversations are refused.
    `inf` refuses nobody."""
    drain_s: Annotated[float, Meta(ge=0)] = 30.0
    """How long running replies may go on after SIGTERM."""
    stalled_client_s: Annotated[float, Meta(gt=0)] = 20.0
    """How long a client may refuse to read before it is disconnected."""

    def __rich_repr__(self) -> Any:
        """Every setting but the keys."""
        yield from ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "api_keys")

    def __repr__(self) -> str:
        """So does this: settings may end up in a log or a traceback, keys may not."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class PromptSettings(Strict, kw_only=True):
    """Instructions that a client can ask for by name (`session.prompt`)."""

    instructions: str
    """Each `{{name}}` in it is a variable that the client gives."""
    version: str | None = None


class ConversationSettings(Strict):
    """How conversations go unless the client says otherwise."""

    model: str = "realtime"
    """The name sessions show when the client has not asked for one."""
    instructions: str = DEFAULT_INSTRUCTIONS
    lead_ms: Annotated[float, Meta(ge=0, le=10_000)] = 500.0
    """How far ahead of its playing a reply's audio may be sent."""
    speculation: bool = True
    """Whether replies are begun while the user's silence may still be a pause. What is begun for nothing costs what any
    reply does, and no limit below counts it: turn it off where the language model is paid for by the token. The words
    of a turn are found ahead all the same where they decide whether it is over (`semantic_vad`)."""
    max_turn_ms: Annotated[int, Meta(ge=1000)] = 5 * 60 * 1000
    """The longest turn; longer speech is answered as if it had ended."""
    max_session_s: Annotated[float, Meta(gt=0)] | None = None
    """How long a session may last; none ends by itself without it."""
    kept_audio_s: Annotated[float, Meta(ge=0)] = 120.0
    """Of each session, the newest sound of the user's that a client can ask back; 32 kB a second."""
    requests_per_minute: Annotated[int, Meta(ge=1)] = 1000
    """Responses of one session. More than anybody can listen to: lower it where models cost money, and turn
    `speculation` off, which is not counted."""
    tokens_per_minute: Annotated[int, Meta(ge=1)] = 2_000_000
    """Tokens that one session's responses read and write; not those of replies that were begun for nothing."""
    prompts: dict[str, PromptSettings] = msgspec.field(default_factory=dict)
    """Stored instructions, by their id."""


class ModelSettings(Strict):
    """Where model files are kept."""

    directory: Path = msgspec.field(default_factory=lambda: user_cache_path("realtime-voice") / "models")
    extra: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Models beside those of the catalogue, described as it describes them."""


class ThreadSettings(Strict):
    """How many processors inference may use. Libraries multiply their defaults; here is the one place that decides."""

    workers: Annotated[int, Meta(ge=1)] = 2
    """Inference steps at once: transcriptions, voices and turn ends."""
    per_inference: Annotated[int, Meta(ge=1)] = 1
    """Threads inside one such step."""
    chat: Annotated[int, Meta(ge=1)] = 1
    """Threads of the embedded language model. They wait for one another at every layer, so a second one pays only on
    processors that nothing else wants: two on two busy cores wrote 40 tokens in 5.9-7.4 s, one in 1.7-2.3 s."""


class LogSettings(Strict):
    """What is logged, never anybody's audio or words."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class EngineChoice(Strict):
    """Which engine does a job, and that engine's own options."""

    engine: str
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class RemoteToolSettings(Strict):
    """Tools on other servers (MCP), whose addresses clients name and this server then asks."""

    enabled: bool = True
    """While false, a client that names such a server is refused."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts that may be asked (`tools.example.com`, `localhost:8931`); any while this is empty."""
    private_addresses: bool = True
    """Whether hosts of this machine and of private networks may be asked."""
    timeout_s: Annotated[float, Meta(gt=0)] = 30.0
    """For one listing or one call, from the connection to the answer's last byte."""
    connect_timeout_s: Annotated[float, Meta(gt=0)] = 5.0
    max_answer_bytes: Annotated[int, Meta(ge=1024)] = 1 << 20
    """Of one listing or one call; what is larger fails."""


class GrpcSettings(Strict):
    """The second door: the `Backend` service over gRPC."""

    enabled: bool = True
    """Whether `realtime serve` opens it beside HTTP."""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 50051
    """0 takes any free port."""
    tls_certificate: Path | None = None
    """PEM file of the server's certificate chain; without it connections are not encrypted."""
    tls_key: Path | None = None
    """PEM file of the key that belongs to it."""
    tls_client_authority: Path | None = None
    """PEM file of who signs clients' certificates; with it, clients without one are refused."""
    directories: tuple[Path, ...] = ()
    """The only folders, and what lies below them, that calls may name files in."""
    max_message_bytes: Annotated[int, Meta(ge=1 << 16, le=1 << 30)] = 64 << 20
    """The largest message that is taken, and sent."""
    max_streams: Annotated[int, Meta(ge=1)] = 64
    """Two-way streams at once; one more is refused."""
    max_streams_per_client: Annotated[int, Meta(ge=1)] | None = None
    """Of these, one client's: who shows a key is one, and while there are no keys, an address. None: all of them."""
    max_calls: Annotated[int, Meta(ge=1)] = 256
    """Other calls at once; one more is refused."""
    deadline_s: Annotated[float, Meta(gt=0)] = 600.0
    """How long a call may take that is no two-way stream, and whose client has set no shorter deadline."""
    idle_stream_s: Annotated[float, Meta(gt=0)] = 300.0
    """How long a two-way stream may be silent in both directions."""
    store: Path | None = None
    """File that keeps the vector store's data; without it they last as long as the server."""
    routes: dict[str, str] = msgspec.field(default_factory=dict)
    """Calls that another backend answers, by name: `GenerateImage = "grpc://host:port"`."""
    route_options: dict[str, Any] = msgspec.field(default_factory=dict)
    """How those backends are reached: `token`, `tls` and the like, as for engines at `grpc://`."""

    def __rich_repr__(self) -> Any:
        """Every setting but those that may hold a token."""
        yield from ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "route_options")

    def __repr__(self) -> str:
        """So does this: settings may end up in a log or a traceback, tokens may not."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Settings(Strict):
    """All of it."""

    server: ServerSettings = ServerSettings()
    conversation: ConversationSettings = ConversationSettings()
    models: ModelSettings = msgspec.field(default_factory=ModelSettings)
    threads: ThreadSettings = ThreadSettings()
    log: LogSettings = LogSettings()
    mcp: RemoteToolSettings = RemoteToolSettings()
    grpc: GrpcSettings = GrpcSettings()
    detector: EngineChoice = EngineChoice(engine="silero")
    turn_detector: EngineChoice = EngineChoice(engine="smart-turn")
    """Or `NO_ENGINE`: then `semantic_vad` is refused."""
    enhancer: EngineChoice = EngineChoice(engine="webrtc")
    transcriber: EngineChoice = EngineChoice(engine="faster-whisper")
    chat: EngineChoice = EngineChoice(engine="llama-cpp")
    synthesizer: EngineChoice = EngineChoice(engine="hibari")
    speech_to_speech: EngineChoice = EngineChoice(engine=NO_ENGINE)
    """What answers speech with speech in place of `chat` and `synthesizer`, if there is one."""
    embedder: EngineChoice = EngineChoice(engine="minilm")
    speaker: EngineChoice = EngineChoice(engine="voicefilter")


_ENGINE_TABLES = tuple(
    name
    for name, default in zip(Settings.__struct_fields__, Settings.__struct_defaults__, strict=True)
    if isinstance(default, EngineChoice)
)


def load_settings(path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Any]) -> Settings:
    """The settings of the file at `path`, under those of `environment`, under `overrides` (nested, as in the file).

    Raises `BadConfiguration`, naming the file or the setting.
    """
    tables = _read(path) if path else {}
    for name, value in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            table, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
            _put(tables, {table: {key: _value(value)}})
    _put(tables, overrides)
    for table in _ENGINE_TABLES:
        if table in tables:
            tables[table] = _engine_choice(table, tables[table])
    try:
        return msgspec.convert(tables, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as problem:
        where = f"{path}: " if path else ""
        raise BadConfiguration(f"{where}{problem}".replace("$.", "")) from problem


def _path(type_: type[Any], value: Any) -> Any:
    """A folder's name as a path; `~` is the operator's home."""
    if not isinstance(value, str):
        raise ValueError(f"Expected the name of a folder, got `{type(value).__name__}`")
    return Path(value).expanduser()


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadConfiguration(f"cannot read the configuration file {path}: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadConfiguration(f"{path} is not a TOML file: {problem}") from problem


def _value(text: str) -> Any:
    """A list, a table or a quoted string as TOML has it; anything else as it stands, to become what the setting is."""
    if not text.startswith(("[", "{", '"', "'")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tables: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(tables.get(key), dict):
            _put(tables[key], value)
        else:
            tables[key] = value


def _engine_choice(table: str, chosen: Any) -> Any:
    """`{engine, …}` as the file has it → the engine's name and the rest as its options."""
    if not isinstance(chosen, dict):
        raise BadConfiguration(f"'{table}' must be a table with at least the key 'engine'")
    options = dict(chosen)
    default: EngineChoice = getattr(Settings(), table)
    return {"engine": options.pop("engine", default.engine), "options": options}
