"""The clients most tests begin with."""

from __future__ import annotations

import pytest

from tests.protocol.client import Client
from tests.protocol.shop import FREE, SHOP


@pytest.fixture
def client() -> Client:
    """One with server VAD, as sessions are by default."""
    client = Client()
    client.open()
    return client


@pytest.fixture
def push_to_talk() -> Client:
    """One that says itself when a turn is over."""
    client = Client()
    client.open()
    client.tune(turn_detection=None)
    return client


@pytest.fixture
def captioned(client: Client) -> Client:
    """One that is told the user's words."""
    client.tune(transcription={"model": "whisper-1"})
    return client


@pytest.fixture
def shop(client: Client) -> Client:
    """One whose model may use the shop's tools without asking."""
    client.update(tools=[FREE])
    client.list_tools("buy", "look")
    return client


@pytest.fixture
def careful(client: Client) -> Client:
    """One that is asked before each call of the shop's tools."""
    client.update(tools=[SHOP])
    client.list_tools("buy")
    return client
