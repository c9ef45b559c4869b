"""`realtime serve` as an operator runs it: a process of its own, told by a file, the environment and signals."""

from __future__ import annotations

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from realtime.engines.ensemble import Engines
from realtime.errors import BadConfiguration, ModelUnavailable
from tests.server import plugin
from tests.server.command import command, line_with, scripted_machine
from tests.server.house import PATIENCE_S, QUESTION, Caller, House


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A machine on which the scripted engines are installed, and a configuration that uses them."""
    return scripted_machine(tmp_path)


def realtime_serve(folder: Path, *arguments: str, **environment: str) -> AbstractAsyncContextManager[Process]:
    """The command, as long as the context lasts."""
    return command(folder, "serve", *arguments, **environment)


async def ready(process: Process) -> str:
    """Where conversations begin, once the server has said so."""
    address = (await line_with(process, "Ready. Open http://")).split("http://")[1].split()[0]
    return f"ws://{address.replace('localhost', '127.0.0.1')}/v1/realtime"


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
    ("right", "wrong", "named"),
    [
        ("port = 0", "port = 99999", "server.port"),
        ("[server]", "[server", "realtime.toml is not a TOML file"),
        ('[chat]\nengine = "fake"', '[chat]\nengine = "telepathy"', "no chat engine 'telepathy'; installed: fake, "),
        ('[chat]\nengine = "fake"', '[chat]\nengine = "fake"\nanswr = "Hi."', "'fake': Object contains unknown field"),
    ],
)
async def test_a_bad_configuration_is_one_line(folder: Path, right: str, wrong: str, named: str) -> None:
    """With the setting in it."""
    assert right in plugin.CONFIGURATION
    (folder / "realtime.toml").write_text(plugin.CONFIGURATION.replace(right, wrong))
    assert named in await complaint(folder)


async def test_a_missing_configuration_is_one_line(folder: Path) -> None:
    """With its name."""
    assert "cannot read the configuration file" in await complaint(folder, "--config", str(folder / "other.toml"))


async def test_a_missing_model_is_one_line(folder: Path) -> None:
    """With what to do about it."""
    (folder / "realtime.toml").write_text(plugin.CONFIGURATION.replace('"fake"', '"silero"', 1))
    line = await complaint(folder, REALTIME_MODELS__DIRECTORY=str(folder / "models"))
    assert "realtime models pull" in line


async def test_models_that_cannot_be_loaded_end_the_server() -> None:
    """With the reason, for whoever has started it; nobody has been told an address."""

    def opening() -> Engines:
        raise ModelUnavailable("The shelf is empty.")

    with pytest.raises(ModelUnavailable, match="The shelf is empty"):
        async with House(opening=opening) as house:
            assert not house.ready


async def test_a_port_that_is_taken_ends_the_server() -> None:
    """Before anything is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as occupied, pytest.raises(BadConfiguration, match="cannot listen"):
        async with House(port=occupied.getsockname()[1], opening=lambda: pytest.fail("it was loaded")) as house:
            assert not house.ready
