"""What a speech-to-speech backend answers, over the stream and by itself."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.audio import Audio
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.spoken_answer import SpokenAnswer, was_cancelled
from realtime.engines.base import CallWhole, Finish, ToolCallPart
from realtime.engines.speech_to_speech import Manner, SpokenPart
from realtime.errors import EngineFailed
from tests.backend.remote.speech_backend import WEATHER, Bare, answered, event, talk, telling, text_of
from tests.server.house import until

CALLED = "response.function_call_arguments"


@pytest.mark.parametrize(
    "events",
    [
        (event(f"{CALLED}.done", call_id="c1", name="get_weather", arguments='{"a": 1}'),),
        (
            event(f"{CALLED}.delta", call_id="c1", name="get_weather", delta='{"a"'),
            event(f"{CALLED}.delta", call_id="c1", delta=": 1}"),
            event(f"{CALLED}.done", call_id="c1", name="get_weather"),
        ),
        (
            event(f"{CALLED}.delta", call_id="c1", delta='{"a"'),
            event(f"{CALLED}.done", call_id="c1", name="get_weather", arguments='{"a": 1}'),
        ),
    ],
)
async def test_a_call_however_it_is_told(events: tuple[pb.AudioToAudioResponse, ...]) -> None:
    """At once, piece by piece, or with its name last."""
    async with talk(Bare(telling(*events, event("response.done")))) as stream:
        parts = await answered(stream, manner=Manner(tools=(WEATHER,)))
        calls = [part for part in parts if isinstance(part, ToolCallPart)]
        assert (calls[0].call_id, calls[0].name) == ("c1", "get_weather")
        assert "".join(part.arguments for part in calls) == '{"a": 1}'
        assert parts[-2:] == [CallWhole(index=0), Finish(reason="tool_calls")]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (event("error", message="Somebody said: my secret."), "failed"),
        (event("error", message="Somebody said: my secret.", code="engine_failed"), r"failed \(engine_failed\)"),
        (event("response.done", cancelled=True), "broke off its answer"),
        (event("response.audio_transcript.delta", delta=3), "cannot be read"),
        (event(f"{CALLED}.done", arguments="{}"), "without naming it"),
        (event(f"{CALLED}.done", name="boil", arguments="{}"), "no tool it was given"),
        (event(f"{CALLED}.done", name="get_weather", arguments="[]"), "no JSON object"),
    ],
)
async def test_what_goes_wrong_far_away_is_told_without_anybodys_words(
    told: pb.AudioToAudioResponse, problem: str
) -> None:
    """And the stream is over: what the backend makes of the conversation is not known."""
    bare = Bare(telling(event("response.audio_transcript.delta", delta="Well"), told))
    async with talk(bare) as stream:
        with pytest.raises(EngineFailed, match=problem) as failed:
            await answered(stream, manner=Manner(tools=(WEATHER,)))
        assert "secret" not in str(failed.value)
        assert not await stream.ready()
        await until(lambda: bare.over == 1)


async def test_what_is_not_known_is_passed_over() -> None:
    """Other backends say more; what ours says of an empty turn is no failure."""
    bare = Bare(
        telling(
            event("response.created", id="resp_1"),
            event("error", code="input_audio_buffer_commit_empty", message="Too small."),
            event("response.audio_transcript.delta", delta="Well.", item_id="item_1"),
            event("response.audio.delta", b"\0\x40" * 160, 16_000),
            event("response.done", usage={"input_tokens": 7, "output_tokens": 3, "total_tokens": 10}),
        )
    )
    async with talk(bare) as stream:
        parts = await answered(stream)
        assert text_of(parts) == "Well."
        assert [part.rate_hz for part in parts if isinstance(part, Audio)] == [16_000]
        assert parts[-1] == Finish(reason="stop", prompt_tokens=7, completion_tokens=3)


def parts_of(*events: pb.AudioToAudioResponse) -> list[SpokenPart]:
    answer = SpokenAnswer("the far one", (WEATHER,))
    return [part for told in events for part in answer.parts(told)]


def test_calls_side_by_side() -> None:
    """Each keeps its place; one without an id is given its own, one without arguments has none."""
    first, second, *rest = parts_of(
        event(f"{CALLED}.delta", call_id="c1", name="get_weather", delta="{"),
        event(f"{CALLED}.done", name="get_weather"),
        event(f"{CALLED}.delta", call_id="c1", delta="}"),
        event(f"{CALLED}.done", call_id="c1"),
    )
    assert (first, second) == (
        ToolCallPart(index=0, call_id="c1", name="get_weather"),
        ToolCallPart(index=0, arguments="{"),
    )
    begun = rest[0]
    assert isinstance(begun, ToolCallPart)
    assert (begun.index, begun.name, str(begun.call_id).startswith("call_")) == (1, "get_weather", True)
    assert rest[1:] == [
        ToolCallPart(index=1, arguments="{}"),
        CallWhole(index=1),
        ToolCallPart(index=0, arguments="}"),
        ToolCallPart(index=0, arguments=""),
        CallWhole(index=0),
    ]


def test_arguments_that_contradict_each_other() -> None:
    """What was said of them first is with the client already."""
    with pytest.raises(EngineFailed, match="two different arguments"):
        parts_of(
            event(f"{CALLED}.delta", call_id="c1", name="get_weather", delta='{"a"'),
            event(f"{CALLED}.done", call_id="c1", arguments='{"b": 1}'),
        )


@pytest.mark.parametrize(
    ("meta", "finish"),
    [
        ({}, Finish(reason="stop")),
        ({"reason": "max_output_tokens"}, Finish(reason="length")),
        ({"reason": "content_filter"}, Finish(reason="content_filter")),
        ({"reason": "of its own", "status": "completed"}, Finish(reason="stop")),
        (
            {"usage": {"input_tokens": 5, "input_token_details": {"cached_tokens": 4}}},
            Finish(reason="stop", prompt_tokens=5, cached_tokens=4),
        ),
    ],
)
def test_an_answer_comes_to_its_end(meta: dict[str, Any], finish: Finish) -> None:
    answer = SpokenAnswer("the far one", ())
    assert not answer.ended
    assert list(answer.parts(event("response.done", **meta))) == [finish]
    assert answer.ended


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_an_end_that_is_none(status: str) -> None:
    """Also without the contract's own word for it."""
    with pytest.raises(EngineFailed, match="broke off its answer"):
        parts_of(event("response.done", status=status))


UNREADABLE = b'{"delta": 3}', b'{"delta": "\xff"}', b"{", b'{"x": ' + b"[" * 100_000


@pytest.mark.parametrize("meta", UNREADABLE, ids=["type", "utf-8", "cut", "deep"])
def test_what_cannot_be_read_fails_and_confirms_nothing(meta: bytes) -> None:
    done = pb.AudioToAudioResponse(event="response.done", meta=meta)
    with pytest.raises(EngineFailed, match="cannot be read"):
        parts_of(done)
    assert not was_cancelled(done)


@pytest.mark.parametrize(
    ("told", "cancelled"),
    [
        (event("response.done", cancelled=True), True),
        (event("response.done", cancelled=False), False),
        (event("response.done"), False),
        (event("response.audio_transcript.delta", cancelled=True), False),
    ],
)
def test_only_an_end_says_that_an_answer_was_cancelled(told: pb.AudioToAudioResponse, cancelled: bool) -> None:
    assert was_cancelled(told) == cancelled
