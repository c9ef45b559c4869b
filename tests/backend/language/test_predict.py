"""Predict, PredictStream, tokens and metadata on the embedded language model, over a real channel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import Urgency
from realtime.engines.llama_cpp import LlamaCpp, open_llama_cpp
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.models.store import ModelStore
from realtime.settings import DEFAULT_INSTRUCTIONS
from tests.backend.doorway import Doorway, refusal
from tests.backend.rooms import everything, premises_of
from tests.engines.llama import conversation, parts_of, words_of
from tests.fakes import fake_engines
from tests.server.house import until

pytestmark = pytest.mark.model

TOOLS = json.dumps(
    [
        {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}
        for name, description, parameters in (
            (
                "get_weather",
                "Get the current weather in a city.",
                {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            ),
            (
                "set_light",
                "Turn the light in a room on or off.",
                {"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]},
            ),
        )
    ]
)
HELLO = "<|im_end|>\n<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n"
SLOTS = 4
THEIRS = SLOTS // 2
"""What programs may have of the model."""
STORY = pb.PredictOptions(Prompt="Once upon a time", Tokens=300)


@pytest.fixture(scope="module")
def llama(model_store: ModelStore) -> Iterator[LlamaCpp]:
    shop = Workshop(
        model_path=model_store.path,
        scheduler=Scheduler(1),
        threads=1,
        options={"slots": SLOTS, "context_tokens": 1024, "waiting_limit": 0, "grammars": True},
    )
    engine = open_llama_cpp(shop)
    yield engine
    asyncio.run(engine.close())


@asynccontextmanager
async def serving(llama: LlamaCpp) -> AsyncIterator[Doorway]:
    """Over when the model has stopped writing for this test's event loop."""
    async with Doorway(premises_of(fake_engines(chat=llama))) as door:
        yield door
        await until(lambda: llama._writers.idle == SLOTS)
        await llama._writers.run(int, Urgency.PARTIAL)


def asked(question: str, **fields: Any) -> pb.PredictOptions:
    said = [pb.Message(role="system", content=DEFAULT_INSTRUCTIONS), pb.Message(role="user", content=question)]
    return pb.PredictOptions(Messages=said, UseTokenizerTemplate=True, **fields)


async def test_a_question_is_answered_and_counted(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        reply = await door.stub.Predict(asked("What is the capital of France?", Logprobs=2))
        text = reply.message.decode()
        assert "Paris" in text
        assert reply.chat_deltas == [pb.ChatDelta(content=text)]
        assert reply.prompt_tokens > 20
        assert reply.tokens > 3
        assert reply.timing_token_generation > reply.tokens  # milliseconds
        assert reply.timing_prompt_processing > 1
        told = json.loads(reply.logprobs)["content"]
        assert "".join(token["token"] for token in told) == text
        assert all(len(token["top_logprobs"]) == 2 for token in told)


async def test_a_stream_is_the_same_answer_in_pieces(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        question = asked("What is the capital of France?")
        *pieces, last = await everything(door.stub.PredictStream(question))
        whole = await door.stub.Predict(question)
        assert len(pieces) > 3
        assert b"".join(piece.message for piece in pieces) == whole.message
        assert (last.message, last.tokens, last.prompt_tokens) == (b"", whole.tokens, whole.prompt_tokens)
        assert last.timing_token_generation > 0


async def test_a_function_is_called(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        reply = await door.stub.Predict(asked("What is the weather in Paris?", Tools=TOOLS))
        (call,) = reply.chat_deltas[0].tool_calls
        assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Paris"})
        assert call.id
        assert reply.message == b""
        forced = await door.stub.Predict(
            asked("Hello.", Tools=TOOLS, ToolChoice='{"function": {"name": "get_weather"}}')
        )
        assert forced.chat_deltas[0].tool_calls[0].name == "get_weather"


async def test_grammar_stops_seeds_and_limits_hold(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        grammar = await door.stub.Predict(asked("Is the sky blue?", Grammar='root ::= "yes" | "no"'))
        assert grammar.message in (b"yes", b"no")
        stopped = await door.stub.Predict(pb.PredictOptions(Prompt="The capital of France is", StopPrompts=["Paris"]))
        assert stopped.message == b" "
        wild = pb.PredictOptions(Prompt="Once upon a time", Temperature=1.5, Seed=7, Tokens=8)
        said = [(await door.stub.Predict(wild)).message for _ in range(2)]
        assert said[0] == said[1]
        assert (await door.stub.Predict(wild)).tokens == 8


async def test_a_client_that_cancels_stops_the_model(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        streams = [door.stub.PredictStream(STORY) for _ in range(THEIRS)]
        for stream in streams:
            await stream.read()
        assert llama._writers.idle == SLOTS - THEIRS
        for stream in streams:
            stream.cancel()
        await until(lambda: llama._writers.idle == SLOTS)
        assert llama.work
        assert llama.work.tokens < 200  # of 300


async def test_one_too_many_is_refused_and_no_conversation_is_kept_out(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        streams = [door.stub.PredictStream(STORY) for _ in range(THEIRS)]
        for stream in streams:
            await stream.read()
        code, _ = await refusal(door.stub.Predict(asked("Hello.")))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        parts = await parts_of(llama, conversation("What is the capital of France?"))
        assert "Paris" in words_of(parts)
        assert llama.wait_s == 0
        for stream in streams:
            stream.cancel()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (pb.PredictOptions(Prompt="word " * 1200), r"has 120\d tokens.*takes 1024"),
        (asked("word " * 1200), r"has 120\d tokens.*there is room for"),
        (asked("Hello.", Grammar="root ::= ("), "'grammar' cannot be read"),
    ],
)
async def test_what_the_model_refuses_is_the_clients_fault(
    llama: LlamaCpp, request_: pb.PredictOptions, said: str
) -> None:
    async with serving(llama) as door:
        with pytest.raises(grpc.aio.AioRpcError, match=said) as refused:
            await door.stub.Predict(request_)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_tokens_there_and_back(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        told = await door.stub.TokenizeString(pb.PredictOptions(Prompt="Grüße, 世界!"))
        assert told.length == len(told.tokens) > 3
        assert (await door.stub.Detokenize(pb.DetokenizeRequest(tokens=told.tokens))).content == "Grüße, 世界!"
        code, message = await refusal(door.stub.Detokenize(pb.DetokenizeRequest(tokens=[10_000_000])))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "'tokens'" in message
        rendered = await door.stub.TokenizeString(asked("Hello."))
        read = (await door.stub.Detokenize(pb.DetokenizeRequest(tokens=rendered.tokens))).content
        assert read == f"<|im_start|>system\n{DEFAULT_INSTRUCTIONS}{HELLO}"


async def test_what_the_model_is(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        told = await door.stub.ModelMetadata(pb.ModelOptions())
        assert not told.supports_thinking
        assert "<|im_start|>user\nHello.<|im_end|>" in told.rendered_template
        assert (told.tool_format.format_type, told.tool_format.per_call_start) == ("tag_with_json", "<tool_call>")
        assert told.media_marker == ""


async def test_what_the_model_did_last(llama: LlamaCpp) -> None:
    async with serving(llama) as door:
        reply = await door.stub.Predict(asked("What is the capital of Italy?"))
        told = await door.stub.GetMetrics(pb.MetricsRequest())
        assert told.tokens_generated == reply.tokens
        assert 0 < told.prompt_tokens_processed <= reply.prompt_tokens
        assert told.tokens_per_second == pytest.approx(
            1000 * (reply.tokens - 1) / reply.timing_token_generation, rel=0.2
        )
        assert told.slot_id in range(SLOTS)
        assert told.prompt_json_for_slot == ""
