"""The invariants of the protocol (`witness`), after every step of walks that do anything at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from realtime.protocol import effects, reports
from tests.protocol.client import Client, Told
from tests.protocol.contract import events_said
from tests.protocol.effort import WALKS
from tests.protocol.replay import fault_in, shorten, walk
from tests.protocol.walk import STEPS, Input, Walker, begin, step

EVERYTHING = {
    *events_said().keys() - {"session.created", "conversation.created"},
    "session_expired",
    "a call was approved",
    "words came while the user spoke",
    "a call ended within its response",
    "a call ended after its response",
    "a response had several outputs",
    "a response began once its tools were told",
    "a response had no tools to call",
    *(kind.__name__ for kind in effects.Effect.__args__),
    *(kind.__name__ for kind in reports.Report.__args__),
    *(f"{status} {reason}" for status, reason in (("completed", None), ("failed", None))),
    *(f"cancelled {reason}" for reason in ("client_cancelled", "turn_detected")),
    *(f"incomplete {reason}" for reason in ("max_output_tokens", "content_filter")),
    "cannot_update_voice",
    "conversation_already_has_active_response",
    "input_audio_buffer_commit_empty",
    "input_audio_buffer_full",
    "invalid_base64",
    "invalid_event",
    "invalid_json",
    "invalid_tool_call_id",
    "invalid_type",
    "invalid_value",
    "item_id_in_use",
    "item_in_progress",
    "item_not_found",
    "missing_required_parameter",
    "response_cancel_not_active",
    "server_shutting_down",
    "unknown_parameter",
    "unsupported_content_type",
    "unsupported_event",
    "unsupported_value",
}


@pytest.mark.parametrize("seed", range(WALKS))
def test_the_invariants_hold_wherever_a_walk_leads(seed: int) -> None:
    failed = walk(seed)
    if failed:
        shortest = shorten(failed)
        told = "\n".join(f"    {given!r}" for given in shortest)
        raise AssertionError(f"walk {seed} fails after\n{told}") from fault_in(shortest)


def turning_points(client: Client, given: Input, told: Told) -> Iterator[str]:
    """What no single name tells."""
    witness = client.witness
    if isinstance(given, str | bytes) and "CallTool" in told.names:
        yield "a call was approved"
    for event in told.events:
        if event["type"].endswith("transcription.delta") and event["item_id"] not in witness.order:
            yield "words came while the user spoke"
        if event["type"] == "response.output_item.done" and isinstance(
            given, reports.ToolAnswered | reports.ToolFailed
        ):
            yield f"a call ended {'within' if event['response_id'] in witness.live else 'after'} its response"
        if event["type"] == "mcp_list_tools.completed" and "StartReply" in told.names:
            yield "a response began once its tools were told"
        if event["type"] == "response.done" and "tools_not_listed" in str(event["response"]["status_details"]):
            yield "a response had no tools to call"
        if event["type"] == "response.done" and len(event["response"]["output"]) > 2:
            yield "a response had several outputs"


def test_the_walks_come_everywhere() -> None:
    """A walk that no longer leads somewhere would not notice when something breaks there."""
    seen: Counter[str] = Counter()
    for seed in range(120):
        client, walker = begin(), Walker(Random(seed), servers=True)
        for _ in range(STEPS):
            given = walker.next_input(client)
            seen[type(given).__name__] += 1
            told = step(client, given)
            seen.update(turning_points(client, given, told))
            seen.update(told.names)
            seen.update(str(event["error"].get("code")) for event in told.events if event["type"] == "error")
            done = [event["response"] for event in told.events if event["type"] == "response.done"]
            seen.update(f"{response['status']} {response['status_details'].get('reason')}" for response in done)
    missed = EVERYTHING - seen.keys()
    assert not missed
