"""Conversations over a real WebSocket: who may come in, what may be said, and that nobody disturbs anybody else."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from realtime.engines.base import AnswerPart, Finish, Prompt, Token
from realtime.engines.ensemble import Engines
from realtime.server.websocket import MAX_MESSAGE_BYTES
from tests.fakes import FakeChat, FakeSynthesizer, fake_engines
from tests.protocol.beta_contract import check_beta_event
from tests.protocol.contract import check_event
from tests.server.house import PATIENCE_S, QUESTION, House, free_port, in_base64, refusal, until

pytestmark = pytest.mark.usefixtures("server_logs")

MIB = 1024 * 1024

BETA: dict[str, Any] = {"additional_headers": {"OpenAI-Beta": "realtime=v1"}}


def engines(chat: FakeChat | None = None) -> Engines:
    """Scripted ones whose voice is quick: here time is real."""
    return fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=5))


# --- who may come in ---------------------------------------------------------------------------------------------


async def test_openais_own_client_gets_through_a_turn_with_any_key_and_any_model() -> None:
    """As it would with OpenAI."""
    async with (
        House() as house,
        AsyncOpenAI(api_key="any-key-at-all", base_url=f"{house.url}/v1") as client,
        client.realtime.connect(model="gpt-realtime-2") as connection,
    ):
        created = await connection.recv()
        assert created.type == "session.created"
        assert created.session.type == "realtime"
        assert created.session.model == "gpt-realtime-2"
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        )
        for piece in QUESTION:
            await connection.input_audio_buffer.append(audio=in_base64(piece))
        said, sound = "", b""
        done = False
        while not done:
            event = await connection.recv()
            match event.type:
                case "conversation.item.input_audio_transcription.completed":
                    assert event.transcript == "What is the capital of France?"
                case "response.output_audio_transcript.delta":
                    said += event.delta
                case "response.output_audio.delta":
                    sound += base64.b64decode(event.delta)
                case "response.done":
                    assert event.response.status == "completed"
                    done = True
        assert said == "Paris. It lies on the Seine."
        assert len(sound) == 2 * 24 * 5 * len("Paris.It lies on the Seine.")


async def test_without_a_model_a_session_has_the_servers_own() -> None:
    """The name the operator chose."""
    async with House(conversation={"model": "house-voice"}) as house, house.call() as caller:
        assert caller.events[0]["session"]["model"] == "house-voice"


async def test_a_browser_shows_its_key_in_a_subprotocol() -> None:
    """And is told `realtime`, or it would hang up."""
    async with House(api_keys=("secret",)) as house:
        protocols = [Subprotocol(name) for name in ("realtime", "openai-insecure-api-key.secret", "openai-beta.x")]
        async with house.call(subprotocols=protocols) as caller:
            assert caller.line.subprotocol == "realtime"
            assert await caller.asks()
        protocols[1] = Subprotocol("openai-insecure-api-key.guess")
        assert (await refusal(house, subprotocols=protocols))[0] == 401


async def test_a_wrong_key_is_refused_and_says_so() -> None:
    """So is none, where one is asked for."""
    async with House(api_keys=("secret",)) as house:
        for headers in ({}, {"Authorization": "Bearer guess"}):
            status, error = await refusal(house, additional_headers=headers)
            assert (status, error["type"], error["code"]) == (401, "invalid_request_error", "invalid_api_key")
        async with house.call(additional_headers={"Authorization": "Bearer secret"}) as caller:
            assert await caller.asks()


async def test_a_page_from_elsewhere_is_not_let_in() -> None:
    """Nobody has sent it; the server's own page is, and whatever the operator lets in."""
    async with House(allowed_origins=("https://app.example",)) as house:
        status, error = await refusal(house, origin="https://elsewhere.example")
        assert (status, error["code"]) == (403, "origin_not_allowed")
        for origin in (house.url, "https://app.example"):
            async with house.call(origin=origin) as caller:
                assert await caller.asks()


async def test_a_client_may_ask_for_transcription_alone() -> None:
    """Other intents are refused."""
    async with House() as house:
        async with house.call("?intent=transcription") as caller:
            assert caller.events[0]["session"]["type"] == "transcription"
        status, error = await refusal(house, "?intent=opera")
        assert (status, error["param"]) == (400, "intent")


async def test_conversations_begin_at_one_door() -> None:
    """Whoever knocks elsewhere is told where."""
    async with House() as house:
        for path in ("/nowhere", "/calls/"):
            status, error = await refusal(house, path)
            assert (status, error["code"]) == (404, "not_found")
            assert "/v1/realtime" in error["message"]


async def test_there_are_no_calls_to_join() -> None:
    """`call_id` belongs to WebRTC and telephones."""
    async with House() as house:
        status, error = await refusal(house, "?call_id=rtc_1")
        assert (status, error["code"]) == (400, "unsupported_parameter")


async def test_nobody_is_let_in_before_the_models_are_loaded() -> None:
    """But told to come back."""
    loaded = threading.Event()

    def opening() -> Engines:
        assert loaded.wait(PATIENCE_S)
        return engines()

    async with House(opening=opening, port=free_port()) as house:
        status, error = await refusal(house)
        assert (status, error["type"], error["code"]) == (503, "server_error", "server_starting")
        loaded.set()
        await until(lambda: house.ready)
        async with house.call() as caller:
            assert await caller.asks()


async def test_no_more_are_let_in_than_the_house_holds() -> None:
    """Until somebody leaves."""
    async with House(max_conversations=2) as house, house.call() as first:
        async with house.call():
            status, error = await refusal(house)
            assert (status, error["type"], error["code"]) == (503, "server_error", "server_full")
            assert await first.asks()
        await house.holds(1)
        async with house.call() as third:
            assert await third.asks()


# --- what may be said --------------------------------------------------------------------------------------------


async def test_what_is_no_event_is_answered_with_an_error() -> None:
    """And the conversation goes on as if it had not been said."""
    deep = '{"type": "session.update", "session":' + '{"a":' * 50_000 + "1" + "}" * 50_001
    async with House() as house, house.call() as caller:
        for text, code in (
            ("", "invalid_json"),
            ("{", "invalid_json"),
            ('{"type": "response.create"', "invalid_json"),
            ("\x00\U0001f600", "invalid_json"),
            (deep, "invalid_json"),
            ("[1, 2, 3]", "invalid_event"),
            ("null", "invalid_event"),
            ("{}", "missing_required_parameter"),
            ('{"type": "make.coffee"}', "invalid_value"),
            ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_base64"),
        ):
            await caller.line.send(text)
            error = (await caller.until("error"))["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", code), text[:40]
        assert await caller.asks()


async def test_binary_frames_mean_nothing_here() -> None:
    """Which is said, and the conversation goes on."""
    async with House() as house, house.call() as caller:
        await caller.line.send(b'{"type": "response.create"}')
        assert (await caller.until("error"))["error"]["code"] == "invalid_event"
        assert await caller.asks()


async def test_one_append_may_be_too_long() -> None:
    """20 MB of base64: refused by its size, and the conversation goes on."""
    async with House() as house, house.call() as caller:
        await caller.send("input_audio_buffer.append", event_id="long", audio="A" * (20 * MIB + 4))
        error = (await caller.until("error"))["error"]
        assert (error["code"], error["param"], error["event_id"]) == ("string_above_max_length", "audio", "long")
        assert await caller.asks()


async def test_the_longest_append_is_heard_while_others_talk() -> None:
    """15 MiB, more than five minutes."""
    async with House() as house, house.call() as caller, house.call() as other:
        await caller.send("input_audio_buffer.append", audio="A" * (20 * MIB))
        assert await other.asks()
        assert await caller.asks()
        started = next(event for event in caller.events if event["type"] == "input_audio_buffer.speech_started")
        assert started["audio_start_ms"] > 15 * MIB / 48


async def test_a_message_without_bounds_ends_the_conversation() -> None:
    """With 1009, before it is read whole; nobody else notices."""
    async with House() as house, house.call() as other:
        async with house.call() as caller:
            with suppress(ConnectionClosed):
                await caller.line.send("x" * (MAX_MESSAGE_BYTES + 1))
            assert await caller.is_closed() == 1009
        await house.holds(1)
        assert await other.asks()


# --- how it ends -------------------------------------------------------------------------------------------------


async def test_a_client_that_vanishes_in_the_middle_of_a_reply_is_let_go() -> None:
    """The model stops writing, and the conversation beside it goes on."""
    chat = FakeChat(["One. Two. Three.", "I am still here."], gate=asyncio.Event())
    async with House(engines(chat)) as house, house.call() as other:
        async with house.call() as caller:
            await caller.says(*QUESTION)
            await caller.until("response.output_item.added")
            caller.line.transport.abort()
            await house.holds(1)
            assert chat.stopped == 1
        assert chat.gate
        chat.gate.set()
        assert await other.asks() == "I am still here."


@dataclass
class Chatterbox(FakeChat):
    """Never stops, and counts what was taken from it."""

    written: int = 0

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        self.prompts.append(prompt)
        if len(self.prompts) > 1:
            yield Token("Hello.")
            yield Finish(reason="stop")
            return
        try:
            while True:
                self.written += 1
                yield Token("x" * 100_000)
                await asyncio.sleep(0)
        finally:
            self.stopped += 1


async def test_a_client_that_stops_reading_is_disconnected(caplog: pytest.LogCaptureFixture) -> None:
    """After a while in which no more is made for it than its buffers hold; nobody else notices, and its place is free.

    Its connection is gone as well, though it never reads what was sent: the server can stop without waiting for that.
    """
    chat = Chatterbox()
    async with House(engines(chat), stalled_client_s=0.5) as house, house.call() as other:
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", int(house.url.rpartition(":")[2])))
            line.setblocking(False)
            async with house.call(sock=line, max_queue=1, ping_interval=None, close_timeout=0) as caller:
                caller.line.transport.pause_reading()
                await caller.send("response.create", response={"output_modalities": ["text"]})
                await until(lambda: chat.written > 2)
                assert await other.asks() == "Hello."
                await house.holds(1)
                assert chat.stopped == 1
                assert chat.written < 1000, "more was made than any buffer holds"
                await other.line.close()
                await house.stop()
                assert "client stopped reading" in caplog.text
                assert "graceful shutdown exceeded" not in caplog.text


async def test_leaving_ends_the_conversation() -> None:
    """Politely."""
    chat = FakeChat(gate=asyncio.Event())
    async with House(engines(chat)) as house:
        async with house.call() as caller:
            await caller.says(*QUESTION)
            await caller.until("response.output_item.added")
        await house.holds(0)
        assert chat.stopped == 1


async def test_a_bug_ends_one_conversation_and_is_logged_whole(caplog: pytest.LogCaptureFixture) -> None:
    """With 1011; nobody else notices."""
    broken = engines()
    async with House(broken) as house, house.call() as other, house.call() as caller:
        stream = broken.detector.stream()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(stream), "probability", lambda self, window: 1 / 0)
            await caller.says(*QUESTION)
            assert await caller.is_closed() == 1011
        assert await other.asks()
    (record,) = [record for record in caplog.records if "broke off" in record.getMessage()]
    assert record.levelname == "ERROR"


async def test_a_session_ends_when_its_time_is_up() -> None:
    """With 1001 and the reason; the client was told when, as it began, and its place is free again."""
    before_s = time.time()
    async with House(conversation={"max_session_s": 0.2}) as house, house.call() as caller:
        expires_at = caller.events[0]["session"]["expires_at"]
        assert before_s - 1 < expires_at < time.time() + 1
        assert await caller.is_closed() == 1001
        assert caller.line.close_reason == "session_expired"
        await house.holds(0)


# --- which dialect is spoken -------------------------------------------------------------------------------------


Check = Callable[[str], dict[str, Any]]


@pytest.mark.parametrize(
    ("options", "check"),
    [
        ({}, check_event),
        ({"additional_headers": {"OpenAI-Beta": "assistants=v2"}}, check_event),
        ({"subprotocols": ["realtime"]}, check_event),
        (BETA, check_beta_event),
        ({"subprotocols": ["realtime", "openai-beta.realtime-v1"]}, check_beta_event),
        ({"subprotocols": ["openai-beta.realtime-v1"]}, check_beta_event),
    ],
)
@pytest.mark.parametrize("query", ["", "?intent=transcription"])
async def test_a_client_is_greeted_in_the_dialect_it_asks_for(
    options: dict[str, Any], check: Check, query: str
) -> None:
    """By header or by subprotocol; no word of the one means the same in the other."""
    async with House() as house, connect(house.door + query, proxy=None, **options) as line:
        async with asyncio.timeout(PATIENCE_S):
            created = check(str(await line.recv()))
        assert created["event_id"].startswith("event_")
        assert created["session"]["id"].startswith("sess_")
        assert created["type"] == ("transcription_" if query and check is check_beta_event else "") + "session.created"
        assert line.subprotocol == next(iter(options.get("subprotocols", [])), None)


async def test_both_dialects_are_spoken_at_once() -> None:
    """Each client is told everything in its own words, and understood in them."""
    async with (
        House() as house,
        house.call() as ga,
        AsyncOpenAI(api_key="any-key", websocket_base_url=house.door.removesuffix("/realtime")) as client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview") as beta,
    ):
        await beta.session.update(session={"modalities": ["text"]})
        await beta.response.create()
        kinds = []
        async with asyncio.timeout(PATIENCE_S):
            while "response.done" not in kinds:
                kinds.append((await beta.recv()).type)
        assert "response.text.delta" in kinds
        assert "response.output_text.delta" not in kinds
        assert await ga.asks()


async def test_what_is_no_event_of_the_beta_is_answered_with_an_error() -> None:
    """And the conversation goes on."""
    async with House() as house, connect(house.door, proxy=None, **BETA) as line, asyncio.timeout(PATIENCE_S):
        for said in ("{", '{"type": "make.coffee", "event_id": "mine"}', b"{}"):
            await line.send(said)
            told = json.loads(await line.recv())
            while told["type"] != "error":
                told = json.loads(await line.recv())
            assert told["error"]["type"] == "invalid_request_error"
        await line.send('{"type": "response.create"}')
        while told["type"] != "response.done":
            told = json.loads(await line.recv())
        assert told["response"]["status"] == "completed"
