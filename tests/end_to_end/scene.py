"""A client that knows the published contract and nothing of this project, and a `realtime backend` that it calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import numpy as np
import pytest

from realtime.audio import Audio, Pcm
from realtime.codecs.containers import write_wav
from realtime.engines.base import Transcriber
from tests.backend.contract import Stranger, contract_service
from tests.end_to_end.ear import transcript
from tests.end_to_end.programs import backend
from tests.live import question

FRANCE = "What is the capital of France?"

MOST_STREAMS = 10
"""That the backend takes at once."""


class Scene:
    """What a call needs: somebody to make it, a folder to hand sound over in, and an ear."""

    def __init__(self, stranger: Stranger, folder: Path, transcriber: Transcriber) -> None:
        self.stranger = stranger
        self.folder = folder
        self._transcriber = transcriber
        for name in ("france", "sky"):
            write_wav(folder / f"{name}.wav", question(name))

    def path(self, name: str) -> str:
        """Of a file in the folder."""
        return str(self.folder / name)

    async def asks(self, call: str, **fields: Any) -> Any:
        """The answer to a call with one."""
        return await self.stranger.asks(call, **fields)

    async def hears(self, audio: Audio) -> str:
        """What is said there."""
        return await transcript(self._transcriber, audio)


Part: TypeAlias = Callable[[Scene], Awaitable[None]]


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where sound is handed over."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def address(shared_folder: Path) -> Iterator[str]:
    """Of `realtime backend` on the default models."""
    with backend("--directory", str(shared_folder), REALTIME_GRPC__MAX_STREAMS=str(MOST_STREAMS)) as program:
        yield program.address


@pytest.fixture
async def scene(address: str, shared_folder: Path, transcriber: Transcriber) -> AsyncIterator[Scene]:
    """The models loaded, as LocalAI does it first."""
    async with grpc.aio.insecure_channel(address) as channel:
        stranger = Stranger(channel)
        assert (await stranger.asks("LoadModel", Model="realtime")).success
        yield Scene(stranger, shared_folder, transcriber)


def pcm_of(sound: bytes) -> Pcm:
    """Signed 16-bit samples as floats."""
    return np.frombuffer(sound, "<i2").astype(np.float32) / np.float32(32_768)


async def refusal_of(scene: Scene, call: str, **fields: Any) -> grpc.StatusCode:
    """The status with which a call fails."""
    streams = contract_service().methods_by_name[call].server_streaming
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (scene.stranger.listens(call, **fields).read() if streams else scene.asks(call, **fields))
    code: grpc.StatusCode = refused.value.code()
    return code
