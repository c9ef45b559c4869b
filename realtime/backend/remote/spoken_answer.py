"""What a speech-to-speech backend answers, in our words. No I/O.

The contract names six events; the fields of `meta` beyond `delta`, `name`, `arguments` and `cancelled` are those that
only some backends send. What is not known is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex

import msgspec

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.speech_requests import OUTPUT_RATE_HZ
from realtime.codecs.pcm16 import Pcm16Decoder
from realtime.engines.base import CallWhole, Finish, FinishReason, Token, Tool, ToolCallPart
from realtime.engines.speech_to_speech import SpokenPart
from realtime.engines.tool_schema import check_calls
from realtime.errors import EngineFailed
from realtime.structs import Frozen

_ENDINGS: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_CODE = re.compile(r"[a-z_]{1,64}")
"""What may be passed on of a failure: a message may hold what somebody said."""

_NO_TURN = "input_audio_buffer_commit_empty"
"""An empty turn says that what was told before is to be answered: some have begun to by themselves."""


class _CachedTokens(Frozen):
    cached_tokens: int = 0


class _Usage(Frozen):
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: _CachedTokens = _CachedTokens()


class _Meta(Frozen):
    """What is read of an event, whichever it is."""

    delta: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str | None = None
    cancelled: bool = False
    status: str = ""
    reason: str = ""
    usage: _Usage | None = None
    code: str = ""


@dataclass(slots=True)
class _Call:
    index: int
    name: str
    arguments: str = ""


class SpokenAnswer:
    """One answer, event by event, of the backend called `name`, which was given `tools`."""

    def __init__(self, name: str, tools: tuple[Tool, ...]) -> None:
        self._name = name
        self._tools = tools
        self._decoder = Pcm16Decoder()
        self._calls: dict[str, _Call] = {}
        """Those that are being made, by the backend's own ids."""
        self._calls_begun = 0
        self.ended = False
        """Whether nothing more of it will come."""

    def parts(self, event: pb.AudioToAudioResponse) -> Iterator[SpokenPart]:
        """What `event` adds to the answer. Raises `EngineFailed` where it tells of a failure, or makes no sense."""
        match event.event:
            case "response.audio.delta":
                yield Audio(self._decoder.decode(event.pcm), event.sample_rate or OUTPUT_RATE_HZ)
            case "response.audio_transcript.delta" | "response.text.delta":
                yield Token(self._read(event).delta)
            case "response.function_call_arguments.delta":
                yield from self._more_of_call(self._read(event))
            case "response.function_call_arguments.done":
                yield from self._end_call(self._read(event))
            case "response.done":
                self.ended = True
                yield self._finish(self._read(event))
            case "error":
                code = self._read(event).code
                if code == _NO_TURN:
                    return
                raise EngineFailed(f"{self._name} failed" + (f" ({code})" if _CODE.fullmatch(code) else ""))

    def _more_of_call(self, meta: _Meta) -> Iterator[ToolCallPart]:
        if meta.call_id not in self._calls:
            if not meta.name:
                return  # its end will tell all
            yield self._begin_call(meta)
        call = self._calls[meta.call_id]
        call.arguments += meta.delta
        yield ToolCallPart(index=call.index, arguments=meta.delta)

    def _begin_call(self, meta: _Meta) -> ToolCallPart:
        call = self._calls[meta.call_id] = _Call(self._calls_begun, meta.name)
        self._calls_begun += 1
        return ToolCallPart(index=call.index, call_id=meta.call_id or f"call_{token_hex(12)}", name=meta.name)

    def _end_call(self, meta: _Meta) -> Iterator[ToolCallPart | CallWhole]:
        if meta.call_id not in self._calls:
            if not meta.name:
                raise EngineFailed(f"{self._name} called a function without naming it")
            yield self._begin_call(meta)
        call = self._calls.pop(meta.call_id)
        whole = (call.arguments if meta.arguments is None else meta.arguments) or "{}"
        check_calls(self._tools, [(call.name, whole)])
        if not whole.startswith(call.arguments):
            raise EngineFailed(f"{self._name} told two different arguments of one call")
        yield ToolCallPart(index=call.index, arguments=whole[len(call.arguments) :])
        yield CallWhole(index=call.index)

    def _finish(self, meta: _Meta) -> Finish:
        if meta.cancelled or meta.status in ("cancelled", "failed"):
            raise EngineFailed(f"{self._name} broke off its answer")
        usage = meta.usage or _Usage()
        return Finish(
            reason=_ENDINGS.get(meta.reason, "tool_calls" if self._calls_begun else "stop"),
            prompt_tokens=usage.input_tokens,
            cached_tokens=usage.input_token_details.cached_tokens,
            completion_tokens=usage.output_tokens,
        )

    def _read(self, event: pb.AudioToAudioResponse) -> _Meta:
        try:
            return _meta(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise EngineFailed(f"{self._name} sent an event that cannot be read") from problem


def was_cancelled(event: pb.AudioToAudioResponse) -> bool:
    """Whether it says that an answer has been cancelled."""
    try:
        return event.event == "response.done" and _meta(event).cancelled
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _meta(event: pb.AudioToAudioResponse) -> _Meta:
    return msgspec.json.decode(event.meta or b"{}", type=_Meta)
