"""Who is one client, and who is another."""

from __future__ import annotations

import pytest

from realtime.backend.clients import client_of, shown_key


def shows(key: str) -> list[tuple[str, str | bytes]]:
    return [("user-agent", "any"), ("authorization", key)]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.7:53212", "ipv4:10.0.0.7"),
        ("ipv6:%5B2001:db8::1%5D:53212", "ipv6:%5B2001:db8::1%5D"),
        ("unix:/run/voice.sock", "unix"),
        ("unix:", "unix"),
    ],
)
def test_without_keys_an_address_is_a_client(peer: str, address: str) -> None:
    """Whatever its port, and whatever it shows."""
    assert client_of(peer, (), keyed=False) == address
    assert client_of(peer, shows("Bearer made-up"), keyed=False) == address
    assert client_of(peer, (), keyed=True) == address


def test_with_keys_a_key_is_a_client() -> None:
    """Wherever it is shown, and however it is written; it is not kept."""
    here = client_of("ipv4:10.0.0.7:1", shows("Bearer sesame"), keyed=True)
    assert here == client_of("ipv4:10.0.0.8:2", shows("bearer  sesame "), keyed=True)
    assert here != client_of("ipv4:10.0.0.7:1", shows("Bearer simsim"), keyed=True)
    assert "sesame" not in str(here)


@pytest.mark.parametrize("header", ["", "sesame", "Basic sesame", b"Bearer sesame"])
def test_what_is_no_key_is_none(header: str | bytes) -> None:
    assert shown_key([("authorization", header)]) == ""
