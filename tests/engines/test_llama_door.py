"""The door of llama.cpp's server, with another server behind it."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from realtime.engines.llama_door import LlamaDoor, Refused
from realtime.errors import EngineFailed
from tests.engines.http_server import Call, serving


def door(address: str, folder: Path) -> LlamaDoor:
    return LlamaDoor(address, "the-key", TemporaryDirectory(dir=folder))


async def test_where_there_is_no_socket_it_is_a_port(tmp_path: Path) -> None:
    async def answer(call: Call) -> None:
        await call.respond(200, {"tokens": [1, 2]})

    async with serving(answer) as server:
        there = door(server.url, tmp_path)
        assert await asyncio.to_thread(there.ask, "/tokenize", {"content": "x"}) == {"tokens": [1, 2]}
        there.close()
    assert server.calls[0].headers["authorization"] == "Bearer the-key"
    assert server.calls[0].body == {"content": "x"}
    assert os.listdir(tmp_path) == []


async def test_a_complaint_is_told_without_its_words(tmp_path: Path) -> None:
    async def refuse(call: Call) -> None:
        await call.respond(500, {"error": {"message": "what somebody said"}})

    async with serving(refuse) as server:
        there = door(server.url, tmp_path)
        with pytest.raises(Refused, match="status 500") as refused:
            await asyncio.to_thread(there.ask, "/detokenize", {"tokens": [1]})
        there.close()
    assert "somebody" not in str(refused.value)


async def test_an_answer_that_is_none_is_a_failure(tmp_path: Path) -> None:
    async def babble(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{ty")

    async with serving(babble) as server:
        there = door(server.url, tmp_path)
        with pytest.raises(EngineFailed, match="does not answer '/tokenize'"):
            await asyncio.to_thread(there.ask, "/tokenize", {})
        there.close()


def test_a_server_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "gone.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    there = door(f"unix://{path}", tmp_path)
    with pytest.raises(EngineFailed, match="does not answer"):
        there.ask("/tokenize", {"content": "x"})
    with pytest.raises(EngineFailed, match="does not answer"):
        there.ask("/tokenize", {"content": "\ud800"})
    there.close()
