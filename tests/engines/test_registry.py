"""How an engine is found, and how it reads its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from realtime.engines.registry import Kind, Options, Workshop, find_engine
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, UnknownEngine


class BrewOptions(Options):
    """Some options."""

    cups: int = 1


def workshop(**options: Any) -> Workshop:
    return Workshop(model_path=lambda name: Path("/store") / name, scheduler=Scheduler(1), threads=1, options=options)


@pytest.mark.parametrize(
    ("kind", "name", "opener"),
    [
        ("detector", "silero", "open_silero"),
        ("turn_detector", "smart-turn", "open_smart_turn"),
        ("enhancer", "webrtc", "open_webrtc"),
        ("transcriber", "faster-whisper", "open_faster_whisper"),
        ("chat", "llama-cpp", "open_llama_cpp"),
        ("chat", "openai", "open_openai_chat"),
        ("synthesizer", "hibari", "open_hibari"),
    ],
)
def test_the_built_in_engines_come_in_by_the_common_door(kind: Kind, name: str, opener: str) -> None:
    assert find_engine(kind, name).__name__ == opener


def test_an_unknown_engine_is_told_what_is_installed() -> None:
    with pytest.raises(UnknownEngine, match=r"no chat engine 'oracle'; installed: .*llama-cpp.*openai"):
        find_engine("chat", "oracle")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "brew-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: brew\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[realtime.chat]\nbrew = brew_engine:open_brew\n")
    (tmp_path / "brew_engine.py").write_text("import a_kettle_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnknownEngine, match="chat engine 'brew' needs the Python package 'a_kettle_nobody_has'"):
        find_engine("chat", "brew")


def test_options_are_typed_and_text_from_the_environment_will_do() -> None:
    assert workshop(cups="3").read_options(BrewOptions, "brew").cups == 3
    assert workshop().read_options(BrewOptions, "brew").cups == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [({"cups": "many"}, r"options of engine 'brew': .*int.*cups"), ({"sugar": 1}, r"engine 'brew': .*`sugar`")],
)
def test_wrong_options_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConfiguration, match=said):
        workshop(**options).read_options(BrewOptions, "brew")


def test_a_model_is_a_name_of_the_catalogue_or_a_path(tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.touch()
    assert workshop().find_model("tiny") == Path("/store/tiny")
    assert workshop().find_model(str(own)) == own
    missing = str(tmp_path / "missing.gguf")
    assert workshop().find_model(missing) == Path("/store") / missing  # and the store says that it has no such model
