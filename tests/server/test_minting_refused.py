"""Client secrets that are not made: what is wrong with a request, and who may not ask."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import httpx
import pytest

from realtime.engines.ensemble import Engines
from realtime.server.body import MAX_BODY_BYTES
from realtime.server.client_secrets import ClientSecrets
from tests.fakes import fake_engines
from tests.server.house import PATIENCE_S, House, free_port, until
from tests.server.minting import (
    FLAT,
    FLAT_TRANSCRIPTION,
    MINT,
    MINTS,
    REAL_KEY,
    Calendar,
    error_of,
    of_the_server,
    shows,
)

pytestmark = pytest.mark.usefixtures("server_logs")


# --- what is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b"\xff\xfe", "invalid_json", None),
        (b'{"session":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, "invalid_json", None),
        ([], "invalid_type", None),
        ({"sessoin": {}}, "unknown_parameter", "sessoin"),
        ({"session": 4}, "invalid_type", "session"),
        ({"session": {}}, "missing_required_parameter", "session.type"),
        ({"session": {"type": "realtime", "voice": "sage"}}, "unknown_parameter", "session.voice"),
        ({"session": {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}}, "invalid_value", None),
        ({"session": {"type": "transcription", "instructions": "Sing."}}, "unknown_parameter", "session.instructions"),
        ({"expires_after": {"anchor": "now"}}, "invalid_value", "expires_after.anchor"),
        ({"expires_after": {"seconds": 9}}, "invalid_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "invalid_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": "60"}}, "invalid_type", "expires_after.seconds"),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(body: Any, code: str, param: str | None) -> None:
    """By its field, as in a session."""
    async with House() as house:
        told = error_of(await house.post(MINT, body))
        assert told[:2] == (400, code)
        assert told[2] == param or (param is None and code == "invalid_value" and told[2] is not None)


async def test_what_is_wrong_with_a_flat_session_is_said() -> None:
    """In the beta's own words."""
    async with House() as house:
        for path, flat, param in (
            (FLAT, {"audio": {}}, "session.audio"),
            (FLAT, {"voice": "nobody"}, "session.voice"),
            (FLAT, {"client_secret": 4}, "client_secret"),
            (FLAT_TRANSCRIPTION, {"voice": "sage"}, "session.voice"),
            (FLAT_TRANSCRIPTION, {"input_audio_format": "mp3"}, "session.input_audio_format"),
        ):
            status, _, named = error_of(await house.post(path, flat))
            assert (status, named) == (400, param)


async def test_a_request_may_be_too_large() -> None:
    """Whether or not it says beforehand how large it is."""

    async def pieces() -> Any:
        for _ in range(3):
            yield b" " * (MAX_BODY_BYTES // 2)

    async with House() as house, httpx.AsyncClient(trust_env=False) as client:
        assert (await house.post(MINT, b"{}".ljust(MAX_BODY_BYTES))).status_code == 200
        assert error_of(await house.post(MINT, b"{}".ljust(MAX_BODY_BYTES + 1)))[:2] == (413, "request_too_large")
        assert (await client.post(house.url + MINT, content=pieces())).status_code == 413


async def test_a_request_may_break_off(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is there to be told, and it is no fault of the server's."""
    async with House() as house:
        _, line = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
        line.write(f"POST {MINT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{".encode())
        await line.drain()
        line.close()
        await line.wait_closed()
        assert (await house.post(MINT)).status_code == 200
    assert [record for record in of_the_server(caplog) if record.levelno >= logging.ERROR] == []


async def test_secrets_are_made_by_post_alone() -> None:
    """Which is said."""
    async with House() as house:
        for path in MINTS:
            refused = await house.get(path)
            assert error_of(refused) == (405, "method_not_allowed", None)
            assert refused.headers["allow"] == "POST"


# --- who may not, and when ---------------------------------------------------------------------------------------


async def test_only_who_has_a_real_key_makes_secrets() -> None:
    """Where keys are asked for."""
    async with House(api_keys=("real-key",)) as house:
        for path in MINTS:
            assert error_of(await house.post(path)) == (401, "invalid_api_key", None)
            assert error_of(await house.post(path, Authorization="Bearer guess")) == (401, "invalid_api_key", None)
            assert (await house.post(path, **REAL_KEY)).status_code == 200


async def test_a_page_from_elsewhere_makes_no_secrets() -> None:
    """Where no keys are asked for, everybody else may."""
    async with House() as house:
        for path in MINTS:
            refused = await house.post(path, Origin="https://elsewhere.example")
            assert error_of(refused) == (403, "origin_not_allowed", None)
            assert (await house.post(path, Origin=house.url)).status_code == 200


async def test_no_secrets_are_made_before_the_models_are_loaded() -> None:
    """What they may be made for is not known yet."""
    loaded = threading.Event()

    def opening() -> Engines:
        assert loaded.wait(PATIENCE_S)
        return fake_engines()

    async with House(opening=opening, port=free_port()) as house:
        assert error_of(await house.post(MINT)) == (503, "server_starting", None)
        loaded.set()
        await until(lambda: house.ready)
        assert (await house.post(MINT)).status_code == 200


async def test_only_so_many_secrets_live_at_once() -> None:
    """Then the server says so, until some have expired."""
    calendar = Calendar()
    async with House(client_secrets=ClientSecrets(calendar, limit=2)) as house:
        first, _ = [(await house.post(MINT)).json()["value"] for _ in range(2)]
        for path in MINTS:
            assert error_of(await house.post(path)) == (429, "rate_limit_exceeded", None)
        async with house.call(**shows(first)) as caller:
            assert await caller.asks()
        calendar.unix_time_s += 600
        assert (await house.post(MINT)).status_code == 200
