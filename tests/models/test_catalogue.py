"""The list of models: the built-in one is complete and honest, a configuration's additions are checked."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import BadConfiguration, ModelUnavailable
from realtime.models.catalogue import (
    HubSource,
    PathSource,
    RequantisedSource,
    WheelSource,
    WheelsSource,
    load_catalogue,
)
from tests.models.shelf import table


def test_every_kind_of_engine_the_default_configuration_loads_has_its_model() -> None:
    catalogue = load_catalogue()
    kinds = {catalogue.find(name).kind for name in catalogue.defaults}
    assert kinds == {"detector", "turn", "transcriber", "chat", "embedder", "speaker"}


def test_a_default_model_names_its_wheels_and_the_size_and_hash_of_every_file() -> None:
    """Or the model that does, of which it is made."""
    catalogue = load_catalogue()
    for model in (catalogue.find(name) for name in catalogue.defaults):
        if isinstance(model.source, RequantisedSource):
            assert model.size_bytes
            model = catalogue.find(model.source.model)
        assert isinstance(model.source, WheelSource | WheelsSource)
        assert model.size_bytes, model.name
        assert all(file.sha256 for file in model.files), model.name


def test_every_built_in_model_says_what_it_is_and_under_which_licence() -> None:
    for model in load_catalogue().models.values():
        assert model.description, model.name
        assert model.licence != "unknown", model.name


def test_the_hibari_voices_are_those_the_package_itself_would_accept() -> None:
    found = find_spec("hibari")
    if found is None or found.origin is None:
        pytest.skip("hibari-tts is not installed")
    voices = json.loads((Path(found.origin).parent / "assets" / "voices.json").read_text("utf-8"))
    ours = {name: model for name, model in load_catalogue().models.items() if name.startswith("hibari-")}
    assert set(ours) == {f"hibari-{voice}" for voice, facts in voices.items() if not facts["bundled"]}
    for name, model in ours.items():
        facts = voices[name.removeprefix("hibari-")]
        (file,) = model.files
        assert (file.path, file.size_bytes, file.sha256) == (facts["file"], facts["bytes"], facts["sha256"])


def test_an_unknown_name_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(ModelUnavailable, match=r"no model 'whisper'.*silero-vad.*whisper-tiny\.en"):
        load_catalogue().find("whisper")


def test_a_configuration_adds_models_and_replaces_built_in_ones() -> None:
    hub = {"kind": "chat", "source": {"from": "hub", "repo": "some-body/a.model"}, "files": [{"path": "a.gguf"}]}
    own = {"kind": "detector", "source": {"from": "path", "path": "/srv/vad.onnx"}}
    catalogue = load_catalogue({"big": hub, "silero-vad": own, "tiny": table()})
    assert catalogue.find("big").source == HubSource(repo="some-body/a.model", revision="main")
    assert catalogue.find("silero-vad").source == PathSource(path="/srv/vad.onnx")
    assert "silero-vad" not in catalogue.defaults
    assert catalogue.find("tiny").files[0].origin == "tiny_voice/data/tiny.onnx"
    assert catalogue.find("big").files[0].origin == "a.gguf"


def test_the_size_of_a_model_is_known_only_when_that_of_every_file_is() -> None:
    tiny = table()
    assert load_catalogue({"tiny": tiny}).find("tiny").size_bytes == sum(file["size_bytes"] for file in tiny["files"])
    del tiny["files"][0]["size_bytes"]
    assert load_catalogue({"tiny": tiny}).find("tiny").size_bytes is None


def _changed(**changes: Any) -> dict[str, Any]:
    return {**table(), **changes}


BAD = [
    ("../up", table(), "name"),
    (".hidden", table(), "name"),
    ("x", {}, "kind"),
    ("x", "nonsense", "mapping"),
    ("x", _changed(kind="telepathy"), r"\$\.kind"),
    ("x", _changed(licens="MIT"), "licens"),
    ("x", _changed(source={"from": "ftp"}), r"\$\.source\.from"),
    ("x", _changed(source={"from": "wheel", "project": "--index-url=x", "version": "1"}), r"source\.project"),
    ("x", _changed(source={"from": "hub", "repo": "no-owner"}), r"source\.repo"),
    ("x", _changed(source={"from": "path", "path": "/srv/model"}), "files"),
    ("x", {"kind": "chat", "source": {"from": "path", "path": "models/a.gguf"}}, "absolute"),
    ("x", _changed(files=[]), "files"),
    ("x", _changed(files=[{"path": "a"}, {"path": "a", "member": "b"}]), "twice"),
    ("x", _changed(files=[{"path": "a", "members": ["b", "c"]}]), "only where `source.from` is `wheels`"),
    ("x", _changed(files=[{"path": "a", "member": "b", "members": ["b", "c"]}]), "exclude each other"),
    ("x", _changed(source={"from": "wheels", "wheels": []}), r"source\.wheels"),
    ("x", _changed(source={"from": "wheels", "wheels": [{"project": "a", "version": "1"}]}), r"source\.wheels"),
    ("x", _changed(source={"from": "wheels", "wheels": [{"project": "-a", "version": "1"}] * 2}), "wheels.*project"),
    ("x", _changed(files=[{"path": "../a"}]), "inside"),
    ("x", _changed(files=[{"path": "/etc/a"}]), "inside"),
    ("x", _changed(files=[{"path": "a", "sha256": "abc"}]), r"files\[0\]\.sha256"),
    ("x", _changed(files=[{"path": "a", "size_bytes": -1}]), r"files\[0\]\.size_bytes"),
]


@pytest.mark.parametrize(("name", "entry", "field"), BAD)
def test_a_table_that_makes_no_sense_is_refused_by_model_and_field(name: str, entry: Any, field: str) -> None:
    with pytest.raises(BadConfiguration, match=rf"model '{name}'.*{field}"):
        load_catalogue({name: entry})


@pytest.mark.parametrize("origin", ["nowhere", "fast", "smollm2-135m-instruct-iq4_nl"])
def test_a_model_is_made_of_one_that_is_not_made_itself(origin: str) -> None:
    fast = {"kind": "chat", "source": {"from": "requantised", "model": origin}, "files": [{"path": "fast.gguf"}]}
    with pytest.raises(BadConfiguration, match=r"'fast': `source\.model`"):
        load_catalogue({"fast": fast})


def test_a_model_that_is_made_of_another_is_one_file() -> None:
    source = {"from": "requantised", "model": "smollm2-135m-instruct-q4_1"}
    fast = {"kind": "chat", "source": source, "files": [{"path": "a.gguf"}, {"path": "b.gguf"}]}
    with pytest.raises(BadConfiguration, match="one file"):
        load_catalogue({"fast": fast})
