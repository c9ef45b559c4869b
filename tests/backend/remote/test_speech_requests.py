"""What a speech-to-speech backend is told, over the stream and by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote import speech_requests as requests
from realtime.engines.base import Message, ToolCall
from realtime.engines.speech_to_speech import Manner
from tests.backend.remote.speech_backend import HELLO, WEATHER, Bare, answered, event, talk, telling, text_of, words
from tests.fakes import voice


async def test_words_are_told_as_items_and_an_empty_turn() -> None:
    """Also calls and what came of them, in a conversation that goes on."""
    bare = Bare(words("Well."))
    async with talk(bare) as stream:
        call = ToolCall(call_id="call_1", name="get_weather", arguments="{}")
        said = (
            *HELLO,
            Message(role="assistant", text="Hi.", tool_calls=(call,)),
            Message(role="tool", text="18", call_id="call_1"),
        )
        await answered(stream, said)
        await answered(stream, ())
        assert bare.controls == [
            ("conversation.item.create", _message("user", "input_text", "Hello.")),
            ("conversation.item.create", _message("assistant", "text", "Hi.")),
            (
                "conversation.item.create",
                {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
            ),
            ("conversation.item.create", {"type": "function_call_output", "call_id": "call_1", "output": "18"}),
            ("response.create", {"conversation": "auto"}),
        ]
        ends = [request.frame for request in bare.streams[0] if request.HasField("frame")]
        assert [(frame.pcm, frame.end_of_input) for frame in ends] == [(b"", True)] * 2


async def test_that_only_words_are_wanted_is_told_at_once() -> None:
    """The contract's beginning has no place for it."""
    bare = Bare(telling(event("response.text.delta", delta="Well."), event("response.done")))
    async with talk(bare) as stream:
        assert text_of(await answered(stream, manner=Manner(aloud=False))) == "Well."
        assert [payload["output_modalities"] for name, payload in bare.controls if name == "session.update"] == [
            ["text"]
        ]


async def test_another_manner_is_told_once() -> None:
    """When it changes."""
    bare = Bare(words("Well."))
    async with talk(bare) as stream:
        await answered(stream)
        loud = Manner(instructions="Shout.", tools=(WEATHER,), tool_choice="get_weather", temperature=0.2, max_tokens=9)
        for _ in range(2):
            await answered(stream, HELLO, None, loud)
        updates = [payload for name, payload in bare.controls if name == "session.update"]
        assert updates == [
            {
                "instructions": "Shout.",
                "output_modalities": ["audio"],
                "tools": [
                    {
                        "type": "function",
                        "name": "get_weather",
                        "description": "The weather.",
                        "parameters": {"type": "object"},
                    }
                ],
                "tool_choice": {"type": "function", "name": "get_weather"},
                "parallel_tool_calls": True,
                "max_output_tokens": 9,
                "temperature": 0.2,
                "audio": {"output": {"speed": 1.0}},
            }
        ]


def kinds(*said: pb.AudioToAudioRequest) -> list[str]:
    """What each of them is."""
    return [request.control.event or str(request.WhichOneof("payload")) for request in said]


@pytest.mark.parametrize(
    ("told", "manner", "said", "sound", "expected"),
    [
        (None, Manner(), HELLO, None, ["config", "conversation.item.create", "frame"]),
        (None, Manner(), (), None, ["config", "response.create", "frame"]),
        (None, Manner(aloud=False), (), None, ["config", "session.update", "response.create", "frame"]),
        (Manner(), Manner(), (), Audio(voice(20, 16_000), 16_000), ["frame"]),
        (Manner(), Manner(), HELLO, Audio(voice(20, 16_000), 16_000), ["conversation.item.create", "frame"]),
        (Manner(), Manner(speed=2.0), HELLO, None, ["session.update", "conversation.item.create", "frame"]),
        (Manner(aloud=False), Manner(aloud=False), (), None, ["response.create", "frame"]),
    ],
)
def test_an_answer_is_asked_for_with_no_more_than_is_needed(
    told: Manner | None, manner: Manner, said: tuple[Message, ...], sound: Audio | None, expected: list[str]
) -> None:
    """How it is to be held where that is new, what was said, and a turn."""
    asked = list(requests.ask(told, manner, said, sound))
    assert kinds(*asked) == expected
    assert len(asked[-1].frame.pcm) == (20 * 16 * 2 if sound else 0)


@pytest.mark.parametrize(
    ("manner", "params"),
    [
        (
            Manner(temperature=0.2, max_tokens=9, speed=1.5),
            {"temperature": "0.2", "max_new_tokens": "9", "speed": "1.5"},
        ),
        (Manner(tools=(WEATHER,), tool_choice="required"), {"tool_choice": "required"}),
        (Manner(tools=(WEATHER,), parallel_tool_calls=False), {"parallel_tool_calls": "false"}),
        (Manner(tool_choice="none", parallel_tool_calls=False), {}),
    ],
)
def test_a_beginning_tells_only_what_is_not_usual(manner: Manner, params: dict[str, str]) -> None:
    """Backends that know no more than the contract need not understand it."""
    assert dict(requests.begin(manner).config.params) == {"turn_detection": "none", **params}


@pytest.mark.parametrize(
    ("samples", "frames"),
    [
        (0, [0]),
        (1, [1]),
        (requests.FRAME_SAMPLES, [requests.FRAME_SAMPLES]),
        (requests.FRAME_SAMPLES + 1, [requests.FRAME_SAMPLES, 1]),
    ],
)
def test_a_turn_ends_with_its_last_frame(samples: int, frames: list[int]) -> None:
    """And with no other."""
    told = list(requests.turn(np.zeros(samples, np.float32)))
    assert [len(request.frame.pcm) // 2 for request in told] == frames
    assert [request.frame.end_of_input for request in told] == [False] * (len(frames) - 1) + [True]


def test_a_call_without_words_is_no_message() -> None:
    call = ToolCall(call_id="call_1", name="get_weather", arguments="{}")
    told = list(requests.tell(Message(role="assistant", text="", tool_calls=(call, call))))
    assert [b'"function_call"' in request.control.payload for request in told] == [True, True]


def _message(role: str, kind: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
