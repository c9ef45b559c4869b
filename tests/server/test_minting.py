"""Client secrets over HTTP: how they are made, and what they open."""

from __future__ import annotations

from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types.beta.realtime import SessionCreateResponse, TranscriptionSession
from openai.types.realtime import ClientSecretCreateResponse
from pydantic import BaseModel

from realtime.server.client_secrets import ClientSecrets
from tests.server.house import House
from tests.server.minting import FLAT, FLAT_TRANSCRIPTION, MINT, MINTS, Calendar, browser, error_of, shows

pytestmark = pytest.mark.usefixtures("server_logs")


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
        for path in MINTS:
            made = await house.post(path)
            assert made.status_code == 200
            assert made.headers["content-type"] == "application/json"
            assert made.headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in made.headers
