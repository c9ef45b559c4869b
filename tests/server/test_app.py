"""What is answered over plain HTTP."""

from __future__ import annotations

import asyncio
import json
import threading

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from realtime.engines.base import Urgency
from realtime.engines.ensemble import Engines
from tests.fakes import FakeChat, fake_engines
from tests.server.house import PATIENCE_S, QUESTION, House, free_port, until

pytestmark = pytest.mark.usefixtures("server_logs")


async def test_the_models_are_listed_as_openai_lists_them() -> None:
    """The name sessions have, and those of the engines."""
    async with House(conversation={"model": "house-voice"}) as house:
        listed = (await house.get("/v1/models")).json()
        assert listed["object"] == "list"
        assert [model["id"] for model in listed["data"]] == ["house-voice", "fake-ears", "fake-mind", "fake-mouth"]
        assert all(model["object"] == "model" for model in listed["data"])


async def test_the_list_is_for_those_who_may_come_in() -> None:
    """The others are told so as OpenAI tells it."""
    async with House(api_keys=("secret",)) as house:
        refused = await house.get("/v1/models")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert (await house.get("/v1/models", Authorization="Bearer secret")).status_code == 200


async def test_a_server_is_healthy_and_ready() -> None:
    """And says how many talk with it."""
    async with House() as house:
        assert (await house.get("/healthz")).json()["status"] == "ok"
        assert (await house.get("/readyz")).json() == {"status": "ready", "conversations": 0}
        async with house.call(), house.call():
            assert (await house.get("/readyz")).json()["conversations"] == 2


async def test_a_server_that_loads_its_models_is_healthy_and_not_ready() -> None:
    """Its own name is known already."""
    loaded = threading.Event()

    def opening() -> Engines:
        assert loaded.wait(PATIENCE_S)
        return fake_engines()

    async with House(opening=opening, port=free_port()) as house:
        assert (await house.get("/healthz")).status_code == 200
        starting = await house.get("/readyz")
        assert (starting.status_code, starting.json()["status"]) == (503, "starting")
        assert [model["id"] for model in (await house.get("/v1/models")).json()["data"]] == ["realtime"]
        loaded.set()
        await until(lambda: house.ready)
        assert (await house.get("/readyz")).status_code == 200


async def test_a_server_that_drains_is_healthy_and_not_ready() -> None:
    """Whoever is connected can still ask; nobody new is let in."""
    chat = FakeChat(gate=asyncio.Event())
    async with (
        House(fake_engines(chat=chat)) as house,
        httpx.AsyncClient(base_url=house.url, trust_env=False) as client,
        house.call() as caller,
    ):
        await client.get("/readyz")
        await caller.says(*QUESTION)
        await caller.until("response.output_item.added")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(house.stop())

            async def unready() -> bool:
                return (await client.get("/readyz")).status_code == 503

            await until(unready)
            assert (await client.get("/readyz")).json()["status"] == "draining"
            assert (await client.get("/healthz")).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await house.get("/healthz")
            assert chat.gate
            chat.gate.set()


async def test_a_server_that_is_too_busy_refuses_newcomers_and_nobody_else() -> None:
    """When what somebody waits for has waited for too long, until it waits no more; alone, one may always come."""
    engines = fake_engines()
    async with House(engines, longest_wait_ms=20) as house:
        may_end = threading.Event()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(engines.scheduler.workers + 3):
                tasks.create_task(engines.scheduler.run(lambda: may_end.wait(PATIENCE_S), Urgency.FINAL))

            async def busy() -> bool:
                return bool((await house.get("/healthz")).json()["wait_ms"] > 20)

            await until(busy)
            assert (await house.get("/readyz")).status_code == 200
            async with house.call() as caller:
                unready = await house.get("/readyz")
                assert (unready.status_code, unready.json(), unready.headers["retry-after"]) == (
                    503,
                    {"status": "busy"},
                    "15",
                )
                assert (await house.get("/healthz")).json()["busy"] is True
                with pytest.raises(InvalidStatus) as refused:
                    async with house.call():
                        pass
                answer = refused.value.response
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "15")
                assert json.loads(answer.body or b"")["error"]["code"] == "server_busy"
                may_end.set()
                await caller.send("input_audio_buffer.clear")
                await caller.until("input_audio_buffer.cleared")


async def test_the_page_keeps_to_itself() -> None:
    """It loads nothing from elsewhere, may be framed by nobody, and may use the microphone."""
    async with House() as house:
        page = await house.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "<script" in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe" not in policy
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["permissions-policy"] == "microphone=(self)"
        assert "http://" not in page.text.replace("http://www.w3.org", "")


async def test_there_is_nothing_else() -> None:
    """And what there is not has the headers, too."""
    async with House() as house:
        for path in ("/nothing-here", "/../pyproject.toml", "/%2e%2e/pyproject.toml", "/v1/nothing"):
            missing = await house.get(path)
            assert missing.status_code == 404
            assert "content-security-policy" in missing.headers
        for path in ("/v1/nothing", "/nothing-here"):
            error = (await house.get(path)).json()["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", "not_found")
            assert error["message"]
