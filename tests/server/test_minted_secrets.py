"""Client secrets that were made: how long they open something, what they do not open, and that no log has them."""

from __future__ import annotations

import logging

import pytest

from realtime.server.client_secrets import ClientSecrets
from tests.server.house import House, refusal
from tests.server.minting import MINT, MINTS, REAL_KEY, Calendar, browser, error_of, of_the_server, shows

pytestmark = pytest.mark.usefixtures("server_logs")


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
        for path in MINTS:
            refused = await house.post(path, Authorization=f"Bearer {secret}")
            assert error_of(refused) == (401, "invalid_api_key", None)
        assert (await house.get("/v1/models", Authorization=f"Bearer {secret}")).status_code == 401


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
