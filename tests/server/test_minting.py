"""Client secrets over HTTP: how they are made, what they open, and when they stop."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI
from openai.types.beta.realtime import SessionCreateResponse, TranscriptionSession
from openai.types.realtime import ClientSecretCreateResponse
from pydantic import BaseModel
from websockets.typing import Subprotocol

from realtime.engines.ensemble import Engines
from realtime.server.body import MAX_BODY_BYTES
from realtime.server.client_secrets import ClientSecrets
from tests.fakes import fake_engines
from tests.server.house import PATIENCE_S, House, free_port, refusal, until

pytestmark = pytest.mark.usefixtures("server_logs")

MINT = "/v1/realtime/client_secrets"
FLAT = "/v1/realtime/sessions"
FLAT_TRANSCRIPTION = "/v1/realtime/transcription_sessions"
REAL_KEY = {"Authorization": "Bearer real-key"}


@dataclass
class Calendar:
    """The time of day, moved by hand."""

    unix_time_s: float = 1_800_000_000.5

    def __call__(self) -> float:
        return self.unix_time_s


def error_of(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal, which is written as OpenAI writes it."""
    error = response.json()["error"]
    assert set(error) == {"type", "code", "message", "param"}
    assert error["message"]
    assert error["type"] == ("invalid_request_error" if response.status_code < 500 else "server_error")
    return response.status_code, error["code"], error["param"]


def shows(secret: str) -> dict[str, Any]:
    """Options with which a client connects that has this secret."""
    return {"additional_headers": {"Authorization": f"Bearer {secret}"}}


def browser(secret: str) -> dict[str, Any]:
    """Options with which a page connects that has this secret, and was loaded from elsewhere."""
    names = ("realtime", f"openai-insecure-api-key.{secret}")
    return {"subprotocols": [Subprotocol(name) for name in names], "origin": "https://app.example"}


def of_the_server(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged by the server; the client in the test, which may say more, is in the same process."""
    return [record for record in caplog.records if record.name.partition(".")[0] in ("realtime", "uvicorn")]


# --- what is made ------------------------------------------------------------------------------------------------


async def test_openais_own_client_makes_a_secret_and_a_browser_talks_with_it() -> None:
    """The session is as it was when the secret was made; the page need not know the model."""
    calendar = Calendar()
    async with (
        House(api_keys=("real-key",), client_secrets=ClientSecrets(calendar)) as house,
        AsyncOpenAI(api_key="real-key", base_url=f"{house.url}/v1") as client,
    ):
        made = await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={
                "type": "realtime",
                "model": "gpt-realtime",
                "instructions": "You are a pirate.",
                "audio": {"output": {"voice": "marin"}},
            },
        )
        assert made.value.startswith("ek_")
        assert made.expires_at == 1_800_000_060
        assert made.session.type == "realtime"
        assert made.session.id.startswith("sess_")
        assert made.session.object == "realtime.session"
        assert made.session.instructions == "You are a pirate."
        assert made.session.audio
        assert made.session.audio.output
        assert made.session.audio.output.voice == "marin"
        for query in ("", "?model=gpt-4o-realtime-preview", "?intent=transcription"):
            async with house.call(query, **browser(made.value)) as caller:
                session = caller.events[0]["session"]
                assert (session["type"], session["model"]) == ("realtime", "gpt-realtime")
                assert session["instructions"] == "You are a pirate."
                assert session["audio"]["output"]["voice"] == "marin"
                assert caller.line.subprotocol == "realtime"
                assert await caller.asks()


async def test_without_wishes_a_secret_lives_ten_minutes_and_opens_the_servers_own_session() -> None:
    """However little is said."""
    calendar = Calendar()
    async with House(client_secrets=ClientSecrets(calendar), conversation={"model": "house-voice"}) as house:
        for body in ({}, b"", {"session": {"type": "realtime"}}, {"expires_after": {"anchor": "created_at"}}):
            made = (await house.post(MINT, body)).json()
            assert made["expires_at"] == 1_800_000_600
            assert made["session"]["model"] == "house-voice"
            assert made["session"]["expires_at"] is None
            async with house.call(**shows(made["value"])) as caller:
                assert caller.events[0]["session"]["model"] == "house-voice"


async def test_a_secret_may_be_for_a_session_that_only_listens() -> None:
    """And the client library knows it for one."""
    async with House() as house, AsyncOpenAI(api_key="any-key", base_url=f"{house.url}/v1") as client:
        made = await client.realtime.client_secrets.create(
            session={"type": "transcription", "audio": {"input": {"transcription": {"language": "en"}}}}
        )
        assert made.session.type == "transcription"
        assert made.session.object == "realtime.transcription_session"
        async with house.call(**shows(made.value)) as caller:
            session = caller.events[0]["session"]
            assert session["type"] == "transcription"
            assert session["audio"]["input"]["transcription"]["language"] == "en"


async def test_openais_own_client_makes_a_session_of_the_beta() -> None:
    """Flat, with a secret inside that lives a minute."""
    async with (
        House(client_secrets=ClientSecrets(Calendar())) as house,
        AsyncOpenAI(api_key="any-key", base_url=f"{house.url}/v1") as client,
    ):
        made = await client.beta.realtime.sessions.create(
            model="gpt-4o-realtime-preview", voice="sage", input_audio_format="g711_ulaw", modalities=["text"]
        )
        assert made.client_secret.expires_at == 1_800_000_060
        assert (made.voice, made.input_audio_format, made.modalities) == ("sage", "g711_ulaw", ["text"])
        async with (
            AsyncOpenAI(
                api_key=made.client_secret.value, websocket_base_url=house.door.removesuffix("/realtime")
            ) as page,
            page.beta.realtime.connect(model="whatever") as connection,
        ):
            created = await connection.recv()
            assert created.type == "session.created"
            assert created.session.model == "gpt-4o-realtime-preview"
            assert created.session.input_audio_format == "g711_ulaw"
            assert created.session.voice == "sage"


async def test_openais_own_client_makes_a_transcription_session_of_the_beta() -> None:
    """With its own word for how long the secret lives."""
    async with (
        House(client_secrets=ClientSecrets(Calendar())) as house,
        AsyncOpenAI(api_key="any-key", base_url=f"{house.url}/v1") as client,
    ):
        made = await client.beta.realtime.transcription_sessions.create(
            client_secret={"expires_at": {"anchor": "created_at", "seconds": 300}},
            input_audio_format="g711_alaw",
            input_audio_transcription={"model": "whisper-1", "language": "en"},
        )
        assert made.client_secret.expires_at == 1_800_000_300
        assert made.input_audio_format == "g711_alaw"
        assert made.input_audio_transcription
        assert made.input_audio_transcription.language == "en"
        async with house.call(**shows(made.client_secret.value)) as caller:
            session = caller.events[0]["session"]
            assert (session["type"], session["audio"]["input"]["format"]["type"]) == ("transcription", "audio/pcma")


async def test_a_flat_session_says_itself_how_long_its_secret_lives() -> None:
    """Within the same bounds."""
    async with House(client_secrets=ClientSecrets(Calendar())) as house:
        made = await house.post(FLAT, {"client_secret": {"expires_after": {"anchor": "created_at", "seconds": 10}}})
        assert made.json()["client_secret"]["expires_at"] == 1_800_000_010
        refused = await house.post(FLAT, {"client_secret": {"expires_after": {"seconds": 9}}})
        assert error_of(refused) == (400, "invalid_value", "client_secret.expires_after.seconds")


@pytest.mark.parametrize(
    ("path", "body", "declared"),
    [
        (MINT, {"session": {"type": "realtime"}}, ClientSecretCreateResponse),
        (MINT, {"session": {"type": "transcription"}}, ClientSecretCreateResponse),
        (FLAT, {}, SessionCreateResponse),
        (FLAT_TRANSCRIPTION, {}, TranscriptionSession),
    ],
)
async def test_what_is_made_is_what_openais_types_declare(path: str, body: Any, declared: type[BaseModel]) -> None:
    """Without conversions, and whole: whatever stands in the configuration is told."""
    async with House() as house:
        made = await house.post(path, body)
        read = declared.model_validate_json(made.content, strict=True)
        told = made.json().get("session", made.json())
        assert told["id"].startswith("sess_")
        assert told["object"] in ("realtime.session", "realtime.transcription_session")
        assert read.model_fields_set >= {"value", "expires_at", "session"} or "client_secret" in read.model_fields_set
        hears = told["audio"]["input"] if path == MINT else told
        assert hears["turn_detection"]["type"] == "server_vad"


async def test_what_holds_a_secret_stays_in_no_cache() -> None:
    """Nor is a page from elsewhere told that it may read it."""
    async with House() as house:
        for path in (MINT, FLAT, FLAT_TRANSCRIPTION):
            made = await house.post(path)
            assert made.status_code == 200
            assert made.headers["content-type"] == "application/json"
            assert made.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in made.headers


# --- when it stops -----------------------------------------------------------------------------------------------


async def test_a_secret_opens_until_it_expires_and_what_it_has_opened_goes_on() -> None:
    """To the second."""
    calendar = Calendar()
    async with House(client_secrets=ClientSecrets(calendar)) as house:
        secret = (await house.post(MINT, {"expires_after": {"anchor": "created_at", "seconds": 10}})).json()["value"]
        async with house.call(**shows(secret)) as early:
            calendar.unix_time_s += 9
            async with house.call(**shows(secret)) as late:
                assert await late.asks()
            calendar.unix_time_s += 1
            status, error = await refusal(house, **shows(secret))
            assert (status, error["code"]) == (401, "client_secret_expired")
            assert await early.asks()


@pytest.mark.parametrize("api_keys", [(), ("real-key",)])
async def test_a_forged_secret_opens_nothing(api_keys: tuple[str, ...]) -> None:
    """Even where any other key would do."""
    async with House(api_keys=api_keys) as house:
        secret = (await house.post(MINT, **REAL_KEY)).json()["value"]
        for forged in ("ek_", "ek_123456789012345678901", secret[:-1], secret + "x", "ek_" + secret[3:].swapcase()):
            for options in (shows(forged), browser(forged)):
                status, error = await refusal(house, **options)
                assert (status, error["code"]) == (401, "invalid_api_key"), forged


@pytest.mark.parametrize("api_keys", [(), ("real-key",)])
async def test_a_secret_opens_conversations_and_nothing_else(api_keys: tuple[str, ...]) -> None:
    """Above all it makes no other secrets."""
    async with House(api_keys=api_keys) as house:
        secret = (await house.post(MINT, **REAL_KEY)).json()["value"]
        for path in (MINT, FLAT, FLAT_TRANSCRIPTION):
            refused = await house.post(path, Authorization=f"Bearer {secret}")
            assert error_of(refused) == (401, "invalid_api_key", None)
        assert (await house.get("/v1/models", Authorization=f"Bearer {secret}")).status_code == 401


async def test_only_so_many_secrets_live_at_once() -> None:
    """Then the server says so, until some have expired."""
    calendar = Calendar()
    async with House(client_secrets=ClientSecrets(calendar, limit=2)) as house:
        first, _ = [(await house.post(MINT)).json()["value"] for _ in range(2)]
        for path in (MINT, FLAT, FLAT_TRANSCRIPTION):
            assert error_of(await house.post(path)) == (429, "rate_limit_exceeded", None)
        async with house.call(**shows(first)) as caller:
            assert await caller.asks()
        calendar.unix_time_s += 600
        assert (await house.post(MINT)).status_code == 200


# --- what is refused ---------------------------------------------------------------------------------------------


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
        for path in (MINT, FLAT, FLAT_TRANSCRIPTION):
            refused = await house.get(path)
            assert error_of(refused) == (405, "method_not_allowed", None)
            assert refused.headers["allow"] == "POST"


async def test_only_who_has_a_real_key_makes_secrets() -> None:
    """Where keys are asked for."""
    async with House(api_keys=("real-key",)) as house:
        for path in (MINT, FLAT, FLAT_TRANSCRIPTION):
            assert error_of(await house.post(path)) == (401, "invalid_api_key", None)
            assert error_of(await house.post(path, Authorization="Bearer guess")) == (401, "invalid_api_key", None)
            assert (await house.post(path, **REAL_KEY)).status_code == 200


async def test_a_page_from_elsewhere_makes_no_secrets() -> None:
    """Where no keys are asked for, everybody else may."""
    async with House() as house:
        for path in (MINT, FLAT, FLAT_TRANSCRIPTION):
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


# --- what is kept quiet ------------------------------------------------------------------------------------------


async def test_no_secret_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a good nor an expired nor a forged one, nor the real key, however much is logged."""
    caplog.set_level(logging.DEBUG)
    calendar = Calendar()
    async with House(api_keys=("canary-key",), client_secrets=ClientSecrets(calendar)) as house:
        made = await house.post(MINT, {"session": {"type": "realtime"}}, Authorization="Bearer canary-key")
        secret = made.json()["value"]
        for options in (shows(secret), browser(secret)):
            async with house.call(**options) as caller:
                assert await caller.asks()
        await house.holds(0)
        calendar.unix_time_s += 600
        for canary in (secret, "ek_canary"):
            assert (await refusal(house, **shows(canary)))[0] == 401
            assert (await refusal(house, **browser(canary)))[0] == 401
            assert (await house.post(MINT, Authorization=f"Bearer {canary}")).status_code == 401
    assert len(of_the_server(caplog)) > 5
    for record in of_the_server(caplog):
        for canary in (secret, secret.removeprefix("ek_"), "ek_canary", "canary-key"):
            assert canary not in str(vars(record))
