"""Which engines a server opens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from realtime.engines.absent import NoChat, NoSynthesizer
from realtime.engines.opening import open_engines
from realtime.errors import UnknownEngine
from realtime.settings import EngineChoice, Settings
from tests.backend.remote.remote_backend import BareBackend, at_work
from tests.fakes import FakeChat
from tests.server import plugin

FAKE = EngineChoice(engine="fake")
NONE = EngineChoice(engine="none")
NOBODYS = EngineChoice(engine="nobodys")


def no_models(name: str) -> Path:
    raise AssertionError(f"nobody needs {name!r}")


@pytest.fixture(autouse=True)
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines by the name of `fake`."""
    plugin.install(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


async def test_every_kind_that_conversations_need_is_opened() -> None:
    """A language model and a voice, unless somebody answers speech with speech."""
    settings = Settings(detector=FAKE, turn_detector=NONE, transcriber=FAKE, chat=FAKE, synthesizer=FAKE)
    engines = await asyncio.to_thread(open_engines, settings, no_models)
    assert isinstance(engines.chat, FakeChat)
    assert (engines.turn_detector, engines.speech_to_speech) == (None, None)
    assert engines.models == ("fake-ears", "fake-mind", "fake-mouth")
    await engines.close()


async def test_who_is_answered_elsewhere_needs_neither_model_nor_voice() -> None:
    """They are not even looked for."""
    async with at_work(BareBackend()) as address:
        far = EngineChoice(engine=f"grpc://{address}", options={"model": "far"})
        ears = Settings(detector=FAKE, turn_detector=NONE, transcriber=FAKE, chat=NOBODYS, synthesizer=NOBODYS)
        engines = await asyncio.to_thread(open_engines, msgspec.structs.replace(ears, speech_to_speech=far), no_models)
        assert isinstance(engines.chat, NoChat)
        assert isinstance(engines.synthesizer, NoSynthesizer)
        assert engines.models == ("fake-ears", "far")
        await engines.close()
    with pytest.raises(UnknownEngine, match="nobodys"):
        await asyncio.to_thread(open_engines, ears, no_models)
