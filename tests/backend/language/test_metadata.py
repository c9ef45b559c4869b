"""ModelMetadata and GetMetrics on a scripted language model."""

from __future__ import annotations

import pytest

from realtime.backend.language.metadata import Metadata
from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import Chat
from realtime.engines.load import Work
from realtime.engines.tokenizer import CallForm
from realtime.errors import NotServed
from tests.backend.language.languages import OpenChat
from tests.backend.rooms import premises_of
from tests.fakes import FakeChat, fake_engines


def room(chat: Chat) -> Metadata:
    return Metadata(premises_of(fake_engines(chat=chat)))


async def test_a_template_that_lets_the_model_think_says_so() -> None:
    told = await room(OpenChat(thinks=True)).model_metadata(pb.ModelOptions(Model="ignored"))
    assert told == pb.ModelMetadataResponse(supports_thinking=True, rendered_template="user: Hello.\n<think>")
    assert not (await room(OpenChat()).model_metadata(pb.ModelOptions())).supports_thinking


async def test_how_a_call_is_written() -> None:
    form = CallForm(opening="<call>", closing="</call>", name_field="name", arguments_field="args")
    told = await room(OpenChat(call_form=form)).model_metadata(pb.ModelOptions())
    assert told.tool_format == pb.ToolFormatMarkers(
        format_type="tag_with_json",
        per_call_start="<call>",
        per_call_end="</call>",
        name_field="name",
        args_field="args",
    )
    assert not (await room(OpenChat()).model_metadata(pb.ModelOptions())).HasField("tool_format")


async def test_the_last_answer_is_counted_and_nobodys_words_are_told() -> None:
    work = Work(slot=3, prompt_tokens=20, tokens=7, tokens_per_s=31.5)
    told = await room(OpenChat(work=work)).get_metrics(pb.MetricsRequest())
    assert told == pb.MetricsResponse(
        slot_id=3, tokens_per_second=31.5, tokens_generated=7, prompt_tokens_processed=20, prompt_json_for_slot=""
    )


async def test_before_there_was_any_there_is_nothing_to_count() -> None:
    assert await room(OpenChat()).get_metrics(pb.MetricsRequest()) == pb.MetricsResponse()


async def test_a_model_behind_another_server_tells_nothing() -> None:
    with pytest.raises(NotServed, match=r"template.*'fake-mind'"):
        await room(FakeChat()).model_metadata(pb.ModelOptions())
    with pytest.raises(NotServed, match="'fake-mind' does not tell"):
        await room(FakeChat()).get_metrics(pb.MetricsRequest())
