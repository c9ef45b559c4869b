"""The server is told to stop while somebody is being answered. Time is real here, so answers are short."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from realtime.engines.ensemble import Engines
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines
from tests.server.house import PATIENCE_S, QUESTION, Caller, House, free_port, until

pytestmark = pytest.mark.usefixtures("server_logs")


async def test_a_running_reply_is_spoken_to_its_end() -> None:
    """Then the conversation is closed with 1001, which tells a client to call again; one that is idle at once."""
    chat = FakeChat(["This will be said."])
    engines = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=50))
    async with House(engines, conversation={"lead_ms": 0}) as house, house.call() as idle, house.call() as caller:
        await caller.says(*QUESTION)
        await caller.until("response.output_audio.delta")
        signal.raise_signal(signal.SIGTERM)
        assert await idle.is_closed() == 1001
        assert not house.running.done()
        response = (await caller.until("response.done"))["response"]
        assert response["status"] == "completed"
        assert response["output"][0]["content"][0]["transcript"] == "This will be said."
        assert await caller.is_closed() == 1001
        await asyncio.wait([house.running], timeout=PATIENCE_S)
        assert house.running.done()


async def test_a_reply_that_takes_too_long_is_not_waited_for() -> None:
    """When its time is over, the conversation ends with 1001 all the same, and with it the model's work."""
    chat = FakeChat(gate=asyncio.Event())
    async with House(fake_engines(chat=chat), drain_s=0.2) as house, house.call() as caller:
        await caller.says(*QUESTION)
        await caller.until("response.output_item.added")
        signal.raise_signal(signal.SIGTERM)
        assert await caller.is_closed() == 1001
        await asyncio.wait([house.running], timeout=PATIENCE_S)
        assert (house.running.done(), chat.stopped) == (True, 1)


async def test_a_second_ctrl_c_stops_at_once() -> None:
    """However much longer replies might have gone on."""
    chat = FakeChat(gate=asyncio.Event())
    async with House(fake_engines(chat=chat), drain_s=3600) as house, house.call() as caller:
        await caller.says(*QUESTION)
        await caller.until("response.output_item.added")
        signal.raise_signal(signal.SIGINT)
        await until_draining(caller)
        signal.raise_signal(signal.SIGINT)
        await until(house.running.done)
        assert await caller.is_closed() == 1012
        assert chat.stopped == 1


async def until_draining(caller: Caller) -> None:
    """Wait until the conversation, which has its response already, knows that there will be no other."""
    code = None
    async with asyncio.timeout(PATIENCE_S):
        while code != "server_shutting_down":
            await caller.send("response.create")
            code = (await caller.until("error"))["error"]["code"]
            assert code in ("conversation_already_has_active_response", "server_shutting_down")


async def test_a_server_told_to_stop_while_it_loads_is_never_ready() -> None:
    """It ends when the models, which cannot be interrupted, are loaded; nobody is told to open its address."""
    loaded = threading.Event()

    def opening() -> Engines:
        assert loaded.wait(PATIENCE_S)
        return fake_engines()

    async with House(opening=opening, port=free_port()) as house, asyncio.TaskGroup() as tasks:
        tasks.create_task(house.stop())
        await asyncio.sleep(0)
        loaded.set()
        await asyncio.wait([house.running])
        assert not house.ready


async def test_a_server_without_a_conversation_stops_at_once() -> None:
    """And nobody can call any more."""
    async with House(drain_s=3600) as house:
        await house.stop()
        with pytest.raises(ConnectionRefusedError):
            async with house.call():
                pass
