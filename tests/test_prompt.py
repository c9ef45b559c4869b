"""A conversation as a chat model reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.engines.base import Message, ToolCall
from realtime.prompt import prompt_for
from realtime.protocol.config import MaxTokens, PcmFormat
from realtime.protocol.effects import StartReply
from realtime.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    Item,
    McpApprovalResponse,
    OutputAudio,
    OutputText,
)
from realtime.protocol.items import Message as MessageItem

REPLY = StartReply(
    response_id="resp_1",
    instructions="",
    items=(),
    modality="audio",
    max_output_tokens="inf",
    output_format=PcmFormat(),
    voice="alloy",
    speed=1.0,
)


def messages(*items: Item, instructions: str = "") -> tuple[Message, ...]:
    """What the model is told of these items."""
    return prompt_for(replace(REPLY, items=items, instructions=instructions)).messages


def test_the_instructions_come_first_and_the_items_in_their_order() -> None:
    """Whoever said or wrote them."""
    assert messages(
        MessageItem(role="user", content=(InputAudio(transcript="Hello."),)),
        MessageItem(role="assistant", content=(OutputAudio(transcript="Hi!"),)),
        MessageItem(role="user", content=(InputText(text="And now?"),)),
        MessageItem(role="assistant", content=(OutputText(text="Nothing."),)),
        MessageItem(role="system", content=(InputText(text="The user is called Ada."),)),
        instructions="Be brief.",
    ) == (
        Message(role="system", text="Be brief."),
        Message(role="user", text="Hello."),
        Message(role="assistant", text="Hi!"),
        Message(role="user", text="And now?"),
        Message(role="assistant", text="Nothing."),
        Message(role="system", text="The user is called Ada."),
    )


def test_an_item_without_words_is_left_out() -> None:
    """A reply that was cut off before its first word, speech that could not be understood, and no instructions."""
    assert (
        messages(
            MessageItem(role="user", content=(InputAudio(),)),
            MessageItem(role="user", content=(InputAudio(transcript=""),)),
            MessageItem(role="assistant", content=(OutputAudio(transcript=""),)),
            MessageItem(role="assistant", status="incomplete", content=()),
        )
        == ()
    )


def test_parts_of_one_item_are_one_message() -> None:
    """A line each, those without words left out."""
    parts = (InputText(text="Look:"), InputAudio(), InputAudio(transcript="this one."))
    assert messages(MessageItem(role="user", content=parts)) == (Message(role="user", text="Look:\nthis one."),)


def test_a_function_call_and_its_output_know_each_other() -> None:
    """By the id of the call; the arguments stay the text they are."""
    assert messages(
        FunctionCall(name="clock", arguments='{"zone": "CET"}', call_id="call_7"),
        FunctionCallOutput(call_id="call_7", output="noon"),
    ) == (
        Message(
            role="assistant",
            text="",
            tool_calls=(ToolCall(call_id="call_7", name="clock", arguments='{"zone": "CET"}'),),
        ),
        Message(role="tool", text="noon", call_id="call_7"),
    )


@pytest.mark.parametrize(
    ("approve", "reason", "told"),
    [
        (True, "Small ones only.", ["The user allows this call. Small ones only."]),
        (True, None, []),
        (False, "Too dear.", ["The user does not allow this call. Too dear."]),
        (False, None, ["The user does not allow this call."]),
    ],
)
def test_why_a_call_may_be_made_or_not_is_read_by_the_model(approve: bool, reason: str | None, told: list[str]) -> None:
    """The call itself says that it was made."""
    decision = McpApprovalResponse(approval_request_id="mcpr_1", approve=approve, reason=reason)
    assert messages(decision) == tuple(Message(role="system", text=text) for text in told)


@pytest.mark.parametrize(("asked", "given"), [("inf", None), (1, 1), (4096, 4096)])
def test_the_model_is_told_how_much_it_may_write(asked: MaxTokens, given: int | None) -> None:
    """Nothing, when there is no limit."""
    assert prompt_for(replace(REPLY, max_output_tokens=asked)).max_tokens == given
