"""Secrets that live for minutes, on a clock moved by hand."""

from __future__ import annotations

import re

import pytest

from realtime.protocol.config import SessionConfig, first_config, merge_update
from realtime.server.client_secrets import ClientSecrets, SecretExpired, TooManySecrets
from realtime.server.refusals import WrongKey
from tests.server.minting import Calendar

CONFIG = first_config("house-voice", "Be brief.")


def test_a_secret_opens_what_it_was_minted_for() -> None:
    """As often as it is shown; another opens something else."""
    secrets = ClientSecrets(Calendar())
    one = secrets.mint(CONFIG, 600)
    other = secrets.mint(first_config("other-voice", ""), 600)
    for _ in range(3):
        assert secrets.redeem(one.value) == CONFIG
    assert secrets.redeem(other.value).model == "other-voice"


def test_a_secret_looks_like_one_of_openais() -> None:
    """And no two are alike."""
    secrets = ClientSecrets(Calendar())
    minted = {secrets.mint(CONFIG, 600).value for _ in range(100)}
    assert len(minted) == 100
    assert all(re.fullmatch(r"ek_[A-Za-z0-9]{21}", value) for value in minted)


@pytest.mark.parametrize(
    "update",
    [
        {"type": "realtime", "instructions": 'Say "Grüße".\n', "audio": {"input": {"turn_detection": None}}},
        {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"voice": {"id": "x"}}}},
        {"type": "realtime", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}]},
        {"type": "realtime", "tool_choice": "none", "temperature": 0.7, "max_output_tokens": 12, "tracing": "auto"},
    ],
)
def test_every_choice_is_kept(update: dict[str, object]) -> None:
    """Whatever its type."""
    chosen: SessionConfig = merge_update(CONFIG, update)
    assert chosen != CONFIG
    secrets = ClientSecrets(Calendar())
    assert secrets.redeem(secrets.mint(chosen, 600).value) == chosen


def test_a_secret_expires_when_it_said() -> None:
    """Not a second earlier, and it says so."""
    calendar = Calendar()
    secrets = ClientSecrets(calendar)
    secret = secrets.mint(CONFIG, 10)
    assert secret.expires_at == 1_800_000_010
    calendar.unix_time_s = 1_800_000_009.99
    assert secrets.redeem(secret.value) == CONFIG
    calendar.unix_time_s = 1_800_000_010.0
    with pytest.raises(SecretExpired):
        secrets.redeem(secret.value)


@pytest.mark.parametrize("forge", [lambda good: good[:-1], lambda good: good + "x", str.lower, lambda _: "ek_"])
def test_a_forged_secret_opens_nothing(forge: object) -> None:
    """However near it comes."""
    secrets = ClientSecrets(Calendar())
    good = secrets.mint(CONFIG, 600).value + "A"
    assert callable(forge)
    with pytest.raises(WrongKey):
        secrets.redeem(forge(good[:-1]))


def test_only_so_many_are_kept() -> None:
    """A living one is never given up for a new one; of those that have expired, the oldest is."""
    calendar = Calendar()
    secrets = ClientSecrets(calendar, limit=3)
    short, shorter, long = (secrets.mint(CONFIG, lifetime_s) for lifetime_s in (20, 10, 600))
    with pytest.raises(TooManySecrets):
        secrets.mint(CONFIG, 600)
    assert secrets.redeem(shorter.value) == CONFIG
    calendar.unix_time_s += 30
    secrets.mint(CONFIG, 600)
    with pytest.raises(WrongKey):
        secrets.redeem(shorter.value)
    with pytest.raises(SecretExpired):
        secrets.redeem(short.value)
    secrets.mint(CONFIG, 600)
    with pytest.raises(TooManySecrets):
        secrets.mint(CONFIG, 600)
    assert secrets.redeem(long.value) == CONFIG


def test_secrets_are_shown_nowhere() -> None:
    """Neither by what was minted nor by what is kept."""
    secrets = ClientSecrets(Calendar())
    secret = secrets.mint(CONFIG, 600)
    for shown in (repr(secret), str(secret), f"{secret}", repr(secrets), repr(vars(secrets))):
        assert secret.value not in shown
        assert secret.value.removeprefix("ek_") not in shown
