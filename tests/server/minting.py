"""Where client secrets are made, how they are shown, and how a refusal is read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.typing import Subprotocol

MINT = "/v1/realtime/client_secrets"
FLAT = "/v1/realtime/sessions"
FLAT_TRANSCRIPTION = "/v1/realtime/transcription_sessions"
MINTS = (MINT, FLAT, FLAT_TRANSCRIPTION)
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
