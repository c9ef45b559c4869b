from __future__ import annotations

import pytest

from realtime.caller.address import is_here, realtime_url
from realtime.caller.errors import Unreachable


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("ws://localhost:8000/v1/realtime", "ws://localhost:8000/v1/realtime"),
        ("localhost:8000", "ws://localhost:8000/v1/realtime"),
        ("http://localhost:8000/", "ws://localhost:8000/v1/realtime"),
        ("https://voice.example/v1", "wss://voice.example/v1/realtime"),
        ("https://voice.example/v1?tier=1", "wss://voice.example/v1/realtime?tier=1"),
    ],
)
def test_an_address_may_be_given_in_short(given: str, called: str) -> None:
    assert realtime_url(given) == called


def test_the_model_is_part_of_the_address() -> None:
    assert realtime_url("localhost:1?a=b", "big one") == "ws://localhost:1/v1/realtime?a=b&model=big+one"


@pytest.mark.parametrize("url", ["", "ftp://localhost", "ws://", "http://[", "localhost:eighty", "localhost:0"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(Unreachable, match="not the address of a server"):
        realtime_url(url)


@pytest.mark.parametrize(
    ("address", "here"),
    [("ws://localhost:1", True), ("ws://127.0.0.9", True), ("ws://[::1]:1", True), ("ws://voice.example", False)],
)
def test_no_proxy_leads_to_this_machine(address: str, here: bool) -> None:
    assert is_here(address) is here
