"""The clients most tests begin with."""

from __future__ import annotations

import pytest

from tests.protocol.client import Client


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
