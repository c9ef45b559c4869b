"""What is said to a speech-to-speech backend.

The contract names four controls; a backend that knows no more is enough. What only some understand, most of `params`
and `response.create`, can be done without.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from realtime.audio import Audio, Pcm, silence
from realtime.backend.pb import backend_pb2 as pb
from realtime.codecs.pcm16 import Pcm16
from realtime.engines.base import Message, Tool
from realtime.engines.speech_to_speech import Manner

Json: TypeAlias = dict[str, Any]

INPUT_RATE_HZ = 16_000
OUTPUT_RATE_HZ = 24_000

FRAME_SAMPLES = INPUT_RATE_HZ // 2
"""Large enough that frames are few, small enough that another stream on the connection need not wait."""


def ask(
    told: Manner | None, manner: Manner, said: tuple[Message, ...], sound: Audio | None
) -> Iterator[pb.AudioToAudioRequest]:
    """All that asks for an answer to `said` and then `sound`, which has `INPUT_RATE_HZ`.

    `told` is how the conversation was held so far; None at its beginning.
    """
    if told is None:
        yield begin(manner)
        told = replace(manner, aloud=True)  # a beginning cannot say that only words are wanted
    if told != manner:
        yield change(manner)
    for message in said:
        yield from tell(message)
    if not (said or sound):
        yield answer_anyway()
    yield from turn(sound.pcm if sound else silence(0, INPUT_RATE_HZ))


def begin(manner: Manner) -> pb.AudioToAudioRequest:
    """A conversation, and how it is to be held."""
    tools = [_tool(tool) for tool in manner.tools]
    return pb.AudioToAudioRequest(
        config=pb.AudioToAudioConfig(
            input_sample_rate=INPUT_RATE_HZ,
            output_sample_rate=OUTPUT_RATE_HZ,
            system_prompt=manner.instructions,
            voice=manner.voice or "",
            tools=json.dumps(tools) if tools else "",
            params=_params(manner),
        )
    )


def change(manner: Manner) -> pb.AudioToAudioRequest:
    """How it is to be held from now on. The voice stays: no backend need be able to change it."""
    session: Json = {
        "instructions": manner.instructions,
        "output_modalities": ["audio" if manner.aloud else "text"],
        "tools": [{"type": "function", **_tool(tool)["function"]} for tool in manner.tools],
        "tool_choice": _tool_choice(manner.tool_choice),
        "parallel_tool_calls": manner.parallel_tool_calls,
        "max_output_tokens": manner.max_tokens or "inf",
        "audio": {"output": {"speed": manner.speed}},
    }
    if manner.temperature is not None:
        session["temperature"] = manner.temperature
    return control("session.update", session)


def tell(message: Message) -> Iterator[pb.AudioToAudioRequest]:
    """Something that the backend does not know of the conversation."""
    if message.role == "tool":
        yield _item(type="function_call_output", call_id=message.call_id, output=message.text)
        return
    if message.text:
        kind = "text" if message.role == "assistant" else "input_text"
        yield _item(type="message", role=message.role, content=[{"type": kind, "text": message.text}])
    for call in message.tool_calls:
        yield _item(type="function_call", call_id=call.call_id, name=call.name, arguments=call.arguments)


def answer_anyway() -> pb.AudioToAudioRequest:
    """Answer, though nothing new was said. Who does not know it understands an empty `turn` that follows it."""
    return control("response.create", {"conversation": "auto"})


def turn(pcm: Pcm) -> Iterator[pb.AudioToAudioRequest]:
    """A turn of the user's, at `INPUT_RATE_HZ`, which is over and to be answered; an empty one where it was words."""
    for start in range(0, max(1, len(pcm)), FRAME_SAMPLES):
        end = start + FRAME_SAMPLES
        frame = pb.AudioToAudioFrame(pcm=Pcm16().encode(pcm[start:end]), end_of_input=end >= len(pcm))
        yield pb.AudioToAudioRequest(frame=frame)


def control(event: str, payload: Json | None = None) -> pb.AudioToAudioRequest:
    """Anything else."""
    told = b"" if payload is None else json.dumps(payload).encode()
    return pb.AudioToAudioRequest(control=pb.AudioToAudioControl(event=event, payload=told))


def _params(manner: Manner) -> dict[str, str]:
    """What the contract has no field for. The backend is to answer when it is told to, not when it hears silence."""
    params = {"turn_detection": "none"}
    if manner.temperature is not None:
        params["temperature"] = f"{manner.temperature:g}"
    if manner.max_tokens is not None:
        params["max_new_tokens"] = str(manner.max_tokens)
    if manner.speed != 1.0:
        params["speed"] = f"{manner.speed:g}"
    if manner.tools and manner.tool_choice != "auto":
        params["tool_choice"] = manner.tool_choice
    if manner.tools and not manner.parallel_tool_calls:
        params["parallel_tool_calls"] = "false"
    return params


def _tool_choice(choice: str) -> str | Json:
    return choice if choice in ("auto", "none", "required") else {"type": "function", "name": choice}


def _tool(tool: Tool) -> Json:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def _item(**fields: Any) -> pb.AudioToAudioRequest:
    return control("conversation.item.create", fields)
