"""A server in a process of its own, and the figures read from it."""

from __future__ import annotations

import asyncio
import os
import sys

import numpy as np
import psutil
import pytest

import realtime.bench.own_server as own_server_module
from realtime.bench.errors import BenchFailed
from realtime.bench.own_server import OwnServer, own_server
from realtime.bench.process import ProcessMeter
from realtime.bench.room import NOISE_DBFS, NOISE_S, Room, quiet_room
from realtime.caller.line import dial
from realtime.codecs import find_codec
from realtime.protocol import wire
from realtime.protocol.client_events import AudioAppend

_SERVE_FOR_EVER = """
import http.server, sys

class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

http.server.HTTPServer((sys.argv[2], int(sys.argv[4])), Ready).serve_forever()
"""

FAKE = (sys.executable, "-m", "tests.bench.fake_server")


async def test_a_server_is_started_called_and_stopped() -> None:
    async with own_server(os.environ, FAKE) as server:
        assert psutil.pid_exists(server.pid)
        assert (await server.health())["status"] == "ok"
        async with dial(server.url):
            pass
    assert not psutil.pid_exists(server.pid)


async def test_a_server_that_does_not_start_leaves_its_last_words() -> None:
    group = "ExceptionGroup('several', [ValueError('the model is missing')])"
    program = (sys.executable, "-c", f"print('hello'); raise {group}")
    with pytest.raises(BenchFailed, match="the server did not start: ValueError: the model is missing"):
        async with own_server(os.environ, program):
            pass


async def test_a_server_that_never_gets_ready_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_server_module, "START_TIMEOUT_S", 0.3)
    program = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(BenchFailed, match=r"was not ready after 0\.3 s: it said nothing"):
        async with own_server(os.environ, program):
            pass


async def test_a_server_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_server_module, "STOP_TIMEOUT_S", 0.3)
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {_SERVE_FOR_EVER}"
    async with own_server(os.environ, (sys.executable, "-c", stubborn)) as server:
        pass
    assert not psutil.pid_exists(server.pid)


async def test_cancelling_stops_the_server() -> None:
    running: asyncio.Future[OwnServer] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        async with own_server(os.environ, FAKE) as server:
            running.set_result(server)
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    server = await running
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert not psutil.pid_exists(server.pid)


async def test_a_room_of_open_microphones_is_listened_to() -> None:
    async with own_server(os.environ, FAKE) as server:
        room = Room(server)
        empty = await room.listen(0, 0.1, settle_s=0.1)
        full = await room.listen(3, 0.5, settle_s=0.3)
    assert (empty.conversations, full.conversations) == (0, 3)
    assert full.readings[-1].cpu_s >= full.readings[0].cpu_s >= empty.readings[0].cpu_s > 0
    assert full.rss_mib > 1
    assert full.false_starts == 0
    assert set(full.lag) == {"worst_ms", "worst_own_ms", "over_10_ms", "over_50_ms"}


def test_a_process_that_reads_itself_has_used_something() -> None:
    reading = ProcessMeter(os.getpid()).read()
    assert reading.cpu_s > 0
    assert reading.rss_mib > 1


def test_without_psutil_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(BenchFailed, match="`bench` extra"):
        ProcessMeter(os.getpid())


def test_the_room_is_quiet_and_the_same_every_time() -> None:
    room = quiet_room()
    assert room == quiet_room()
    decoder = find_codec("audio/pcm").decoder()
    events = [wire.decode(piece) for piece in room]
    pcm = np.concatenate([decoder.decode(event.audio) for event in events if isinstance(event, AudioAppend)])
    assert len(pcm) == NOISE_S * 24_000
    assert 20 * np.log10(np.sqrt(np.square(pcm).mean())) == pytest.approx(NOISE_DBFS, abs=0.1)
