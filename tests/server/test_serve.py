"""`realtime serve` as an operator runs it: a process of its own, told by a file, the environment and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.server import plugin
from tests.server.house import PATIENCE_S, QUESTION, Caller

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A machine on which the scripted engines are installed, and a configuration that uses them."""
    plugin.install(tmp_path)
    (tmp_path / "realtime.toml").write_text(plugin.CONFIGURATION)
    return tmp_path


@asynccontextmanager
async def realtime_serve(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[Process]:
    """The command, as long as the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "realtime", "serve", "--config", str(folder / "realtime.toml"), *arguments),
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("REALTIME_")},
            "PYTHONPATH": os.pathsep.join((str(folder), str(REPOSITORY))),
            **environment,
        },
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(process: Process) -> str:
    """Where conversations begin, once the server has said so."""
    assert process.stdout
    async with asyncio.timeout(PATIENCE_S):
        async for line in process.stdout:
            if b"Ready. Open http://" in line:
                address = line.decode().split("http://")[1].split()[0]
                return f"ws://{address.replace('localhost', '127.0.0.1')}/v1/realtime"
    raise AssertionError("it ended before it was ready")


async def complaint(folder: Path, *arguments: str, **environment: str) -> str:
    """The one line in which the server says why it does not start, after the log of the engines that did open."""
    async with realtime_serve(folder, *arguments, **environment) as process, asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
        assert (process.returncode, out.strip()) == (1, b"")
        *logged, line = err.decode().splitlines()
        assert [entry for entry in logged if "engine ready" not in entry] == []
        assert line.startswith("realtime: ")
        return line


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
async def test_it_finishes_what_it_says_before_it_stops(folder: Path, first: signal.Signals) -> None:
    """Then closes with 1001, gives its engines back, and ends well."""
    async with realtime_serve(folder, REALTIME_CHAT__ANSWER="This will be said.") as process:
        async with connect(await ready(process), proxy=None) as line, asyncio.timeout(PATIENCE_S):
            caller = Caller(line)
            await caller.says(*QUESTION)
            await caller.until("response.output_audio.delta")
            process.send_signal(first)
            response = (await caller.until("response.done"))["response"]
            assert response["output"][0]["content"][0]["transcript"] == "This will be said."
            assert await caller.is_closed() == 1001
        out, err = await process.communicate()
        assert process.returncode == 0
        assert b"the voice is closed" in out
        assert b"Traceback" not in err


async def test_an_occupied_port_is_one_line(folder: Path) -> None:
    """With the address in it."""
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        line = await complaint(folder, "--port", str(port))
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in line


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[server]\nport = 99999", "server.port"),
        ("[server]\nporte = 8000", "porte"),
        ("[serverr]\nport = 8000", "serverr"),
        ("[server\n", "realtime.toml is not a TOML file"),
        ("[chat]\nengine = 'telepathy'", "no chat engine 'telepathy'; installed: fake, "),
        ("[chat]\nengine = 'fake'\nanswr = 'Hi.'", "options of engine 'fake': Object contains unknown field `answr`"),
        ("chat = 'fake'", "'chat' must be a table"),
    ],
)
async def test_a_bad_configuration_is_one_line(folder: Path, text: str, named: str) -> None:
    """With the setting in it."""
    configuration = plugin.CONFIGURATION
    for table in ("server", "chat"):
        if f"[{table}]" in text or text.startswith(table):
            head, _, tail = configuration.partition(f"[{table}]")
            configuration = head + "[" + tail.partition("[")[2] if "[" in tail else head
    (folder / "realtime.toml").write_text(f"{text}\n{configuration}")
    assert named in await complaint(folder)


async def test_a_missing_configuration_is_one_line(folder: Path) -> None:
    """With its name."""
    assert "cannot read the configuration file" in await complaint(folder, "--config", str(folder / "other.toml"))


async def test_a_missing_model_is_one_line(folder: Path) -> None:
    """With what to do about it."""
    (folder / "realtime.toml").write_text(plugin.CONFIGURATION.replace('"fake"', '"silero"', 1))
    line = await complaint(folder, REALTIME_MODELS__DIRECTORY=str(folder / "models"))
    assert "realtime models pull" in line
