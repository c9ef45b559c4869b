"""What an operator may choose, and how it is told when that cannot be."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from realtime.errors import BadConfiguration
from realtime.settings import CONVERSATIONS_PER_PROCESSOR, EngineChoice, ServerSettings, Settings, load_settings


def from_file(folder: Path, text: str, **environment: str) -> Settings:
    """The settings of a file with this text."""
    path = folder / "realtime.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environment, {})


def from_environment(**environment: str) -> Settings:
    """The settings of these variables."""
    return load_settings(None, environment, {})


def test_nothing_need_be_chosen() -> None:
    """A server at home: it listens to this machine alone, and everybody on it may come in."""
    settings = load_settings(None, {}, {})
    assert settings == Settings()
    assert (settings.server.host, settings.server.port, settings.server.api_keys) == ("127.0.0.1", 8000, ())
    assert settings.chat == EngineChoice(engine="llama-cpp")


def test_settings_do_not_change() -> None:
    """Once made, they are passed down."""
    settings: Any = Settings()
    with pytest.raises(AttributeError):
        settings.server = ServerSettings()
    with pytest.raises(AttributeError):
        settings.server.port = 1


def test_a_file_may_hold_only_what_differs(tmp_path: Path) -> None:
    """The rest stays as it is."""
    settings = from_file(tmp_path, '[server]\nport = 9000\napi_keys = ["a", "b"]\n[conversation]\nlead_ms = 250')
    assert settings.server == ServerSettings(port=9000, api_keys=("a", "b"))
    assert settings.conversation == msgspec.structs.replace(Settings().conversation, lead_ms=250.0)
    assert settings.threads == Settings().threads


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    """Setting by setting, not table by table."""
    path = tmp_path / "realtime.toml"
    path.write_text("[server]\nport = 1\nhost = 'file'\ndrain_s = 1")
    environment = {"REALTIME_SERVER__PORT": "2", "REALTIME_SERVER__HOST": "environment"}
    server = load_settings(path, environment, {"server": {"port": 3}}).server
    assert (server.port, server.host, server.drain_s) == (3, "environment", 1.0)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("SERVER__PORT", "8001", 8001),
        ("SERVER__STALLED_CLIENT_S", "2.5", 2.5),
        ("SERVER__HOST", "0.0.0.0", "0.0.0.0"),
        ("SERVER__HOST", "::1", "::1"),
        ("SERVER__API_KEYS", '["one", "two"]', ("one", "two")),
        ("SERVER__API_KEYS", "[]", ()),
        ("CONVERSATION__MODEL", "gpt-4o", "gpt-4o"),
        ("CONVERSATION__MODEL", "4", "4"),
        ("CONVERSATION__MODEL", "true", "true"),
        ("CONVERSATION__MODEL", "2024-10-01", "2024-10-01"),
        ("CONVERSATION__MODEL", '"quoted"', "quoted"),
        ("CONVERSATION__MODEL", "'half", "'half"),
        ("CONVERSATION__INSTRUCTIONS", "", ""),
        ("CONVERSATION__INSTRUCTIONS", "Be brief.\nport = 1", "Be brief.\nport = 1"),
        ("LOG__LEVEL", "debug", "debug"),
        ("MODELS__DIRECTORY", "/somewhere/else", Path("/somewhere/else")),
        ("MODELS__DIRECTORY", "~/models", Path.home() / "models"),
    ],
)
def test_a_variable_becomes_what_the_setting_is(name: str, value: str, read: object) -> None:
    """Whatever else it looks like."""
    settings = from_environment(**{f"REALTIME_{name}": value})
    table, _, key = name.lower().partition("__")
    assert getattr(getattr(settings, table), key) == read


def test_other_variables_are_nobodys_business() -> None:
    """Neither those of others nor ours that are no settings."""
    assert from_environment(PATH="/bin", REALTIME_TEST_EFFORT="9", SERVER__PORT="1", UNREALTIME_SERVER__PORT="1") == (
        Settings()
    )


def test_an_engines_table_holds_its_name_and_its_own_options(tmp_path: Path) -> None:
    """What those are is for the engine to say; without a name, they are for the default one."""
    text = '[chat]\nengine = "openai"\nmodel = "qwen3"\n[transcriber]\nmodel = "whisper-base"'
    settings = from_file(tmp_path, text, REALTIME_CHAT__BASE_URL="http://localhost:11434/v1")
    assert settings.chat == EngineChoice(
        engine="openai", options={"model": "qwen3", "base_url": "http://localhost:11434/v1"}
    )
    assert settings.transcriber == EngineChoice(engine="faster-whisper", options={"model": "whisper-base"})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[server]\nport = 70000", "server.port"),
        ("[server]\nport = -1", "server.port"),
        ("[server]\nport = 'eight'", "server.port"),
        ("[server]\nmax_conversations = 0", "server.max_conversations"),
        ("[server]\nstalled_client_s = 0", "server.stalled_client_s"),
        ("[server]\ndrain_s = -0.1", "server.drain_s"),
        ("[server]\nhots = 'here'", "`hots` - at `server`"),
        ("[conversation]\nlead_ms = 10001", "conversation.lead_ms"),
        ("[conversation]\nmax_turn_ms = 999", "conversation.max_turn_ms"),
        ("[log]\nlevel = 'loud'", "log.level"),
        ("[chat]\nengine = 4", "chat.engine"),
        ("[models]\ndirectory = 4", "models.directory"),
        ("[kitchen]\nsink = 1", "`kitchen`"),
        ("chat = 'openai'", "'chat' must be a table"),
        ("server = 4", "server"),
        ("port = ", "is not a TOML file"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """With the file it stands in."""
    with pytest.raises(BadConfiguration) as refused:
        from_file(tmp_path, text)
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "$" not in str(refused.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """Like one that is not there, or is a folder."""
    (tmp_path / "sound.toml").write_bytes(b"\xff\xfe\x00")
    for name, complaint in (("sound.toml", "is not a TOML file"), ("none.toml", "No such file"), (".", "directory")):
        with pytest.raises(BadConfiguration, match=complaint):
            load_settings(tmp_path / name, {}, {})


@pytest.mark.parametrize("value", ["eight", "99999", "[1]"])
def test_a_variable_that_cannot_be_is_named(value: str) -> None:
    """By its setting."""
    with pytest.raises(BadConfiguration, match=r"server\.port"):
        from_environment(REALTIME_SERVER__PORT=value)


def test_the_keys_are_shown_nowhere() -> None:
    """However settings are printed."""
    settings = Settings(server=ServerSettings(api_keys=("canary",)))
    printed = StringIO()
    Console(file=printed).print(settings, settings.server)
    for shown in (repr(settings), str(settings.server), f"{settings}", printed.getvalue()):
        assert "8000" in shown
        assert "canary" not in shown


def test_a_larger_machine_holds_more_conversations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the operator says how many."""
    monkeypatch.setattr("os.cpu_count", lambda: 16)
    assert load_settings(None, {}, {"server": {"port": 1}}).server.max_conversations == 16 * CONVERSATIONS_PER_PROCESSOR
    chosen = load_settings(None, {}, {"server": {"max_conversations": 3}})
    assert chosen.server.max_conversations == 3
