"""What a client may say, held against OpenAI's library: every field is known, if only to be refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types import realtime as openai
from openai.types import responses
from openai.types.realtime import (
    realtime_audio_config_input,
    realtime_audio_formats,
    realtime_audio_input_turn_detection,
    realtime_conversation_item_assistant_message,
    realtime_conversation_item_user_message,
    realtime_response_create_audio_output,
    realtime_tools_config_union,
    realtime_tracing_config,
)
from pydantic import BaseModel

from realtime.protocol import client_events as asked
from realtime.protocol import config, items, tools
from tests.protocol.client import Client
from tests.protocol.contract import CLIENT_EVENTS

OURS: dict[str, type[msgspec.Struct]] = {
    str(event.__struct_config__.tag): event for event in asked.ClientEvent.__args__
}

PAIRS: list[tuple[type[BaseModel], type[msgspec.Struct]]] = [
    *((CLIENT_EVENTS[type_], OURS[type_]) for type_ in sorted(OURS)),
    (openai.RealtimeSessionCreateRequest, config.SessionConfig),
    (openai.RealtimeAudioConfig, config.AudioConfig),
    (openai.RealtimeAudioConfigInput, config.AudioInput),
    (openai.RealtimeAudioConfigOutput, config.AudioOutput),
    (openai.AudioTranscription, config.Transcription),
    (realtime_audio_config_input.NoiseReduction, config.NoiseReduction),
    (realtime_audio_input_turn_detection.ServerVad, config.ServerVad),
    (realtime_audio_input_turn_detection.SemanticVad, config.SemanticVad),
    (realtime_audio_formats.AudioPCM, config.PcmFormat),
    (realtime_audio_formats.AudioPCMU, config.PcmuFormat),
    (realtime_audio_formats.AudioPCMA, config.PcmaFormat),
    (openai.RealtimeResponseCreateParams, asked.ResponseParams),
    (openai.RealtimeResponseCreateAudioOutput, asked.ResponseAudio),
    (realtime_response_create_audio_output.Output, asked.ResponseAudioOutput),
    (openai.RealtimeFunctionTool, tools.FunctionTool),
    (realtime_tools_config_union.Mcp, tools.McpTool),
    (realtime_tools_config_union.McpAllowedToolsMcpToolFilter, tools.ToolFilter),
    (realtime_tools_config_union.McpRequireApprovalMcpToolApprovalFilter, tools.ApprovalFilter),
    (openai.RealtimeTranscriptionSessionAudioInput, config.AudioInput),
    (openai.RealtimeTruncationRetentionRatio, config.RetentionRatio),
    (realtime_tracing_config.TracingConfiguration, config.TracingLabels),
    (openai.RealtimeReasoning, config.Reasoning),
    (responses.ResponsePrompt, config.PromptReference),
    (openai.RealtimeMcpListTools, items.McpListTools),
    (openai.RealtimeMcpToolCall, items.McpCall),
    (openai.RealtimeMcpApprovalRequest, items.McpApprovalRequest),
    (openai.RealtimeMcpApprovalResponse, items.McpApprovalResponse),
    (openai.RealtimeConversationItemFunctionCall, items.FunctionCall),
    (openai.RealtimeConversationItemFunctionCallOutput, items.FunctionCallOutput),
    (openai.RealtimeConversationItemUserMessage, items.Message),
    (openai.RealtimeConversationItemAssistantMessage, items.Message),
    (openai.RealtimeConversationItemSystemMessage, items.Message),
]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS, ids=lambda kind: kind.__name__)
def test_every_field_of_openais_library_is_known(theirs: type[BaseModel], ours: type[msgspec.Struct]) -> None:
    known = {*ours.__struct_fields__, ours.__struct_config__.tag_field}
    assert set(theirs.model_fields) <= known


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            realtime_conversation_item_user_message.Content,
            (items.InputText, items.InputAudio, items.InputImage),
        ),
        (realtime_conversation_item_assistant_message.Content, (items.OutputText, items.OutputAudio)),
    ],
)
def test_every_field_of_a_content_part_is_known(
    theirs: type[BaseModel], ours: tuple[type[msgspec.Struct], ...]
) -> None:
    known = {"type"}.union(*(part.__struct_fields__ for part in ours))
    assert set(theirs.model_fields) <= known


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"output_modalities": []}, "invalid_value", "response.output_modalities"),
        ({"output_modalities": ["audio", "text"]}, "invalid_value", "response.output_modalities"),
        ({"output_modalities": ["smell"]}, "invalid_value", "response.output_modalities[0]"),
        ({"conversation": "mine"}, "invalid_value", "response.conversation"),
        ({"max_output_tokens": 0}, "invalid_value", "response.max_output_tokens"),
        ({"max_output_tokens": 4097}, "invalid_value", "response.max_output_tokens"),
        ({"max_output_tokens": "many"}, "invalid_value", "response.max_output_tokens"),
        ({"metadata": {str(index): "" for index in range(17)}}, "invalid_value", "response.metadata"),
        ({"metadata": {"key": 1}}, "invalid_type", "response.metadata[...]"),
        ({"metadata": {"key": "x" * 513}}, "invalid_value", "response.metadata[...]"),
        ({"metadata": {"k" * 65: "x"}}, "invalid_value", "response.metadata"),
        ({"audio": {"output": {"format": {"type": "x"}}}}, "invalid_value", "response.audio.output.format.type"),
        ({"audio": {"input": {}}}, "unknown_parameter", "response.audio.input"),
        ({"input": [{"type": "memo"}]}, "invalid_value", "response.input[0].type"),
        ({"temperature": 2.1}, "invalid_value", "response.temperature"),
        ({"tool_choice": "perhaps"}, "invalid_value", "response.tool_choice"),
    ],
)
def test_a_wrong_choice_for_a_response_is_named(
    response: dict[str, Any], code: str, param: str, client: Client
) -> None:
    assert client.send("response.create", response=response).fault == (code, param)


@pytest.mark.parametrize(
    "response",
    [
        {"max_output_tokens": 1},
        {"max_output_tokens": 4096},
        {"max_output_tokens": "inf"},
        {"metadata": {f"{index:064}": "x" * 512 for index in range(16)}},
        {"tool_choice": "auto"},
        {"tool_choice": "none", "parallel_tool_calls": False},
        {"audio": {}},
        {"audio": {"output": {}}},
    ],
)
def test_a_choice_at_its_limit_is_accepted(response: dict[str, Any], client: Client) -> None:
    assert client.send("response.create", response=response).names == ["response.created", "StartReply"]


@pytest.mark.parametrize("param", ["content_index", "audio_end_ms"])
def test_a_position_before_the_start_is_named(param: str, client: Client) -> None:
    positions = {"content_index": 0, "audio_end_ms": 0} | {param: -1}
    assert client.send("conversation.item.truncate", item_id="a", **positions).fault == ("invalid_value", param)
