"""Predict, PredictStream, TokenizeString and Detokenize on a scripted language model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
import structlog

from realtime.backend.language.room import Language
from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.absent import NoChat
from realtime.engines.base import Chat, Read, Thought, Token, ToolCallPart
from realtime.engines.sampling import Likelihood
from realtime.errors import ContextTooLong, EngineFailed, InvalidRequest, NotServed
from tests.backend.doorway import Doorway, refusal
from tests.backend.language.languages import OpenChat
from tests.backend.rooms import everything, premises_of
from tests.fakes import FakeChat, fake_engines
from tests.server.house import until

CALLING = (
    ToolCallPart(index=0, call_id="call_1", name="clock"),
    ToolCallPart(index=0, arguments='{"zone":'),
    ToolCallPart(index=1, call_id="call_2", name="date", arguments="{}"),
    ToolCallPart(index=0, arguments='"UTC"}'),
)


def asked(**fields: Any) -> pb.PredictOptions:
    return pb.PredictOptions(
        **{"Messages": [pb.Message(role="user", content="Where?")], "UseTokenizerTemplate": True, **fields}
    )


def room(chat: Chat) -> Language:
    return Language(premises_of(fake_engines(chat=chat)))


def likely(token: str) -> Likelihood:
    other = Likelihood(token="!", log_probability=-2.0, utf8=(33,))
    return Likelihood(token=token, log_probability=-0.5, utf8=tuple(token.encode()), alternatives=(other,))


async def test_the_whole_answer_comes_with_its_counts() -> None:
    reply = await room(FakeChat(["In Paris."])).predict(asked())
    assert reply == pb.Reply(
        message=b"In Paris.", tokens=2, prompt_tokens=12, chat_deltas=[pb.ChatDelta(content="In Paris.")]
    )


async def test_a_stream_has_a_reply_for_each_piece_and_the_counts_at_last() -> None:
    *pieces, last = await everything(room(FakeChat(["In Paris."])).predict_stream(asked()))
    assert [piece.message for piece in pieces] == [b"In", b" Paris."]
    assert [piece.chat_deltas[0].content for piece in pieces] == ["In", " Paris."]
    assert last == pb.Reply(tokens=2, prompt_tokens=12)


async def test_a_text_that_is_gone_on_with_is_no_chat() -> None:
    chat = FakeChat(["In Paris."])
    prompt = pb.PredictOptions(Prompt="Where?")
    assert (await room(chat).predict(prompt)).chat_deltas == []
    pieces = await everything(room(chat).predict_stream(prompt))
    assert [(piece.message, len(piece.chat_deltas)) for piece in pieces] == [(b"In", 0), (b" Paris.", 0), (b"", 0)]
    assert chat.prompts[0].text == "Where?"


async def test_calls_are_no_words() -> None:
    reply = await room(FakeChat([CALLING])).predict(asked())
    assert reply.message == b""
    assert reply.chat_deltas[0].tool_calls == [
        pb.ToolCallDelta(index=0, id="call_1", name="clock", arguments='{"zone":"UTC"}'),
        pb.ToolCallDelta(index=1, id="call_2", name="date", arguments="{}"),
    ]


async def test_calls_come_piece_by_piece_in_a_stream() -> None:
    *pieces, last = await everything(room(FakeChat([CALLING])).predict_stream(asked()))
    calls = [call for piece in pieces for delta in piece.chat_deltas for call in delta.tool_calls]
    assert calls == [
        pb.ToolCallDelta(index=0, id="call_1", name="clock"),
        pb.ToolCallDelta(index=0, arguments='{"zone":'),
        pb.ToolCallDelta(index=1, id="call_2", name="date", arguments="{}"),
        pb.ToolCallDelta(index=0, arguments='"UTC"}'),
    ]
    assert all(piece.message == b"" for piece in pieces)
    assert last.tokens == 4


async def test_thoughts_are_told_apart() -> None:
    script = (Read(prompt_tokens=3, cached_tokens=0), Thought("Hm. "), Thought("France?"), Token("Paris."))
    reply = await room(FakeChat([script])).predict(asked())
    assert reply.message == b"Paris."
    assert reply.chat_deltas == [pb.ChatDelta(content="Paris.", reasoning_content="Hm. France?")]
    pieces = await everything(room(FakeChat([script])).predict_stream(asked()))
    assert [delta.reasoning_content for piece in pieces for delta in piece.chat_deltas] == ["Hm. ", "France?", ""]


async def test_probabilities_are_told_as_openai_does() -> None:
    script = (Token("Pa", (likely("Pa"),)), Token("ris", (likely("ris"),)))
    reply = await room(FakeChat([script])).predict(asked(Logprobs=1))
    other = {"token": "!", "logprob": -2.0, "bytes": [33]}
    assert json.loads(reply.logprobs)["content"] == [
        {"token": "Pa", "logprob": -0.5, "bytes": [80, 97], "top_logprobs": [other]},
        {"token": "ris", "logprob": -0.5, "bytes": [114, 105, 115], "top_logprobs": [other]},
    ]
    pieces = await everything(room(FakeChat([script])).predict_stream(asked(Logprobs=1)))
    assert [len(json.loads(piece.logprobs)["content"]) for piece in pieces if piece.logprobs] == [1, 1]


async def test_bad_input_is_refused_before_the_model_is_asked() -> None:
    chat = FakeChat()
    with pytest.raises(InvalidRequest, match="'Tools'"):
        await room(chat).predict(asked(Tools="{"))
    with pytest.raises(InvalidRequest, match="'Prompt'"):
        await everything(room(chat).predict_stream(pb.PredictOptions()))
    assert chat.prompts == []


async def test_tokens_of_a_text_and_of_a_conversation() -> None:
    chat = OpenChat()
    told = await room(chat).tokenize_string(pb.PredictOptions(Prompt="Hi"))
    assert (told.length, list(told.tokens)) == (2, [72, 105])
    assert (await room(chat).tokenize_string(pb.PredictOptions())).length == 0
    template = await room(chat).tokenize_string(asked(Prompt="not this"))
    assert bytes(template.tokens) == b"user: Where?\n"
    plain = await room(chat).tokenize_string(asked(Prompt="this", UseTokenizerTemplate=False))
    assert bytes(plain.tokens) == b"this"


async def test_the_text_of_tokens() -> None:
    assert (await room(OpenChat()).detokenize(pb.DetokenizeRequest(tokens=[72, 105]))).content == "Hi"
    with pytest.raises(InvalidRequest, match="'tokens'"):
        await room(OpenChat()).detokenize(pb.DetokenizeRequest(tokens=[-1]))


async def test_a_model_behind_another_server_keeps_its_tokens_to_itself() -> None:
    with pytest.raises(NotServed, match=r"'TokenizeString'.*'fake-mind'"):
        await room(FakeChat()).tokenize_string(pb.PredictOptions(Prompt="Hi"))
    with pytest.raises(NotServed, match="template"):
        await room(FakeChat()).tokenize_string(asked())
    with pytest.raises(NotServed, match="'Detokenize'"):
        await room(FakeChat()).detokenize(pb.DetokenizeRequest(tokens=[1]))


async def test_a_server_that_answers_speech_with_speech_has_no_language_model() -> None:
    for call in (room(NoChat()).predict(asked(Tools="{")), room(NoChat()).tokenize_string(pb.PredictOptions())):
        with pytest.raises(NotServed, match="no language model of its own"):
            await call


async def test_what_is_logged_bears_the_clients_name_for_the_call() -> None:
    chat = FakeChat()
    await asyncio.create_task(room(chat).predict(asked(CorrelationId="x" * 1000)))
    assert structlog.contextvars.get_contextvars() == {}  # it was that call's own
    pieces = room(chat).predict_stream(asked(CorrelationId="mine"))
    await anext(pieces)
    assert structlog.contextvars.get_contextvars() == {"correlation_id": "mine"}
    await pieces.aclose()


# --- over a channel ----------------------------------------------------------------------------------------------


async def test_pieces_come_in_order_while_they_are_written() -> None:
    chat = FakeChat(["one two three"], gate=asyncio.Event())
    async with Doorway(premises_of(fake_engines(chat=chat))) as door:
        pieces = aiter(door.stub.PredictStream(asked()))
        assert (await anext(pieces)).message == b"one"
        assert chat.gate
        chat.gate.set()  # only now is more of it written
        rest = await everything(pieces)
    assert [reply.message for reply in rest] == [b" two", b" three", b""]
    assert rest[-1].tokens == 3


async def test_a_client_that_cancels_stops_the_model() -> None:
    chat = FakeChat(["one two three"], gate=asyncio.Event())
    async with Doorway(premises_of(fake_engines(chat=chat))) as door:
        stream = door.stub.PredictStream(asked())
        await stream.read()
        whole = door.stub.Predict(asked())
        await until(lambda: len(chat.prompts) == 2)
        stream.cancel()
        whole.cancel()
        await until(lambda: chat.stopped == 2)
        await until(lambda: not door.going_on)


async def test_what_was_written_before_a_failure_is_kept() -> None:
    chat = FakeChat(["one two"], fails=EngineFailed("the fake mind went blank"))
    async with Doorway(premises_of(fake_engines(chat=chat))) as door:
        stream = door.stub.PredictStream(asked())
        assert (await stream.read()).message == b"one"
        assert await refusal(stream.read()) == (grpc.StatusCode.INTERNAL, "the fake mind went blank")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (pb.PredictOptions(), grpc.StatusCode.INVALID_ARGUMENT),
        (asked(Tools="{"), grpc.StatusCode.INVALID_ARGUMENT),
        (asked(TopP=3), grpc.StatusCode.OUT_OF_RANGE),
        (asked(), grpc.StatusCode.INVALID_ARGUMENT),  # which the model finds too long
    ],
)
async def test_what_is_wrong_has_its_status_and_the_server_goes_on(
    request_: pb.PredictOptions, code: grpc.StatusCode
) -> None:
    chat = FakeChat([ContextTooLong("900 tokens, and there is room for 500"), "Paris."])
    async with Doorway(premises_of(fake_engines(chat=chat))) as door:
        assert (await refusal(door.stub.Predict(request_)))[0] is code
        chat.script = ["Paris."]
        assert (await door.stub.Predict(asked())).message == b"Paris."
