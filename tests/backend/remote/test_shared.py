"""Files by which sound goes to another machine: they live as long as a call."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.remote.shared import SharedDirectory
from realtime.codecs.containers import read_audio
from realtime.errors import EngineFailed
from tests.server.house import PATIENCE_S, until

SOUND = Audio(np.full(160, 0.5, np.float32), 16_000)


def files(folder: Path) -> list[Path]:
    """What is there."""
    return list(folder.iterdir())


async def test_a_file_is_there_as_long_as_it_is_wanted(tmp_path: Path) -> None:
    """With the sound in it, or as a name for what the backend writes."""
    shared = SharedDirectory(tmp_path, "/mnt/shared")
    async with shared.file(SOUND) as full, shared.file() as empty:
        assert files(tmp_path) == [full.here]
        assert full.there == f"/mnt/shared/{full.here.name}"
        assert len((await full.read()).pcm) == len(SOUND.pcm)
        assert len((await asyncio.to_thread(read_audio, full.here, max_s=1)).pcm) == len(SOUND.pcm)
        with pytest.raises(EngineFailed, match="no sound"):
            await empty.read()
    assert files(tmp_path) == []


async def test_cancelling_leaves_no_file_behind(tmp_path: Path) -> None:
    """Even twice, while the threads are busy with something else."""
    loop, held, gate = asyncio.get_running_loop(), asyncio.Event(), Event()
    with ThreadPoolExecutor(1) as threads:
        loop.set_default_executor(threads)

        async def hold() -> None:
            async with SharedDirectory(tmp_path, "/mnt/shared").file(SOUND):
                held.set()
                await asyncio.Event().wait()

        async with asyncio.timeout(PATIENCE_S):
            holding = loop.create_task(hold())
            await held.wait()
            busy = loop.run_in_executor(None, gate.wait, PATIENCE_S)
            for _ in range(2):
                holding.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([holding])
            assert holding.cancelled()
            assert files(tmp_path)
            gate.set()
            assert await busy
            await until(lambda: not files(tmp_path))
