"""Random walks in the beta's words: whatever happens, the contract is kept and the old client is not upset."""

from __future__ import annotations

import base64
from collections import Counter
from random import Random
from typing import Any

import pytest

from realtime.protocol import beta, reports
from realtime.protocol import server_events as said
from realtime.protocol.effects import Effect
from realtime.protocol.response import Output
from realtime.protocol.server_events import RateLimit
from tests.protocol.beta_client import OFFER, TOOL, BetaClient
from tests.protocol.beta_contract import SERVER_EVENTS, check_beta_event
from tests.protocol.client import Client
from tests.protocol.effort import EFFORT
from tests.protocol.old_client import OldClient
from tests.protocol.walk import STEPS as GA_STEPS
from tests.protocol.walk import Walker
from tests.protocol.walk import step as take_step

STEPS = 100
WALKS = 60 * EFFORT

EVERYTHING = {
    *SERVER_EVENTS.keys() - {"session.created", "conversation.created", "transcription_session.updated"},
    *(f"{status} {reason}" for status, reason in (("completed", None), ("failed", None))),
    *(f"cancelled {reason}" for reason in ("client_cancelled", "turn_detected")),
    "incomplete max_output_tokens",
    "cannot_update_voice",
    "conversation_already_has_active_response",
    "invalid_value",
    "item_not_found",
    "unknown_parameter",
} - {f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared")}


class Walk:
    """A client, a pipeline and a user that do anything at all."""

    def __init__(self, seed: int) -> None:
        self.client = BetaClient()
        self._random = Random(seed)
        self._live: dict[str, bool] = {}
        """The responses in progress, and whether they are spoken."""
        self._calls: dict[str, str] = {}
        """The call that a response is writing."""
        if self._random.random() < 0.5:
            self.client.update(input_audio_transcription={}, tools=[TOOL])

    def step(self) -> list[dict[str, Any]]:
        """The next thing that happens, and what the client is told."""
        told = self._happen()
        for event in told:
            if event["type"] == "response.created":
                self._live[event["response"]["id"]] = "audio" in event["response"]["modalities"]
            elif event["type"] == "response.done":
                del self._live[event["response"]["id"]]
                self._calls.pop(event["response"]["id"], None)
        return told

    def _happen(self) -> list[dict[str, Any]]:
        dice = self._random.random()
        if self._live and dice < 0.5:
            return self._reply(self._random.choice(sorted(self._live)))
        if dice < 0.65:
            return self.client.report(self._hearing())
        type_, fields = self._request()
        return self.client.send(type_, **fields)

    def _reply(self, response_id: str) -> list[dict[str, Any]]:
        dice = self._random.randrange(12)
        if response_id in self._calls and dice < 6:
            return self.client.report(self._calling(response_id, over=dice == 0))
        match dice:
            case 7 | 8:
                return self.client.finish(response_id, self._random.choice(["stop", "length"]))
            case 9:
                failed = reports.Failed(response_id=response_id, code="engine_failed", message="It broke.")
                return self.client.report(failed)
            case 10:
                limit = RateLimit(name="tokens", limit=9, remaining=5, reset_seconds=0.5)
                return self.client.report(reports.Allowance(response_id=response_id, limits=(limit,)))
            case 11 if response_id not in self._calls:
                call_id = f"call_{self._random.randrange(10**9)}"
                began = reports.CallBegan(response_id=response_id, call_id=call_id, name="get_weather")
                if told := self.client.report(began):  # nothing, while the response waits for words
                    self._calls[response_id] = call_id
                return told
        if self._live[response_id]:
            return self.client.say(response_id, "Well, ", self._random.randbytes(480))
        return self.client.put(response_id, "Well, ")

    def _calling(self, response_id: str, over: bool) -> reports.Report:
        if over:
            return reports.CallEnded(response_id=response_id, call_id=self._calls.pop(response_id))
        return reports.CallWrote(response_id=response_id, call_id=self._calls[response_id], text="{}")

    def _hearing(self) -> reports.Report:
        item_id = self._item()
        match self._random.randrange(7):
            case 0 | 1:
                return reports.SpeechBegan(audio_start_ms=0)
            case 2 | 3:
                return reports.SpeechEnded(audio_end_ms=900)
            case 4:
                return reports.NotHeard(item_id=item_id, code="engine_failed", message="It broke.")
            case 5:
                return reports.Heard(item_id=item_id, text="Hel")
        return reports.HeardAll(item_id=item_id, text="Hello.", speech_seconds=1.5)

    def _request(self) -> tuple[str, dict[str, Any]]:
        choose = self._random.choice
        match self._random.randrange(10):
            case 0:
                audio = base64.b64encode(bytes(choose([0, 1, 9600]))).decode()
                return "input_audio_buffer.append", {"audio": audio}
            case 1:
                return choose(["input_audio_buffer.commit", "input_audio_buffer.clear"]), {}
            case 2 | 3:
                return "session.update", {"session": self._some(self._session())}
            case 4:
                return "conversation.item.create", {"item": self._new_item()}
            case 5:
                return choose(["conversation.item.delete", "conversation.item.retrieve"]), {"item_id": self._item()}
            case 6:
                position = {"content_index": 0, "audio_end_ms": choose([0, 5, 10_000])}
                return "conversation.item.truncate", {"item_id": self._item()} | position
            case 7:
                return "response.cancel", {}
        return "response.create", {"response": self._some(self._response())}

    def _session(self) -> dict[str, Any]:
        choose = self._random.choice
        return {
            "modalities": choose([["text"], ["text", "audio"], ["audio"]]),
            "voice": choose(["alloy", "anna", "otto"]),
            "input_audio_format": choose(["pcm16", "g711_ulaw", "mp3"]),
            "input_audio_transcription": choose([None, {}, {"language": "en"}]),
            "turn_detection": choose(
                [None, {"type": "server_vad"}, {"create_response": False}, {"idle_timeout_ms": 5}]
            ),
            "tools": choose([[], [TOOL]]),
            "temperature": choose([0.8, 5]),
        }

    def _response(self) -> dict[str, Any]:
        choose = self._random.choice
        return {
            "modalities": choose([["text"], ["text", "audio"]]),
            "conversation": choose(["auto", "none"]),
            "input": [{"type": "item_reference", "id": self._item()}],
            "output_audio_format": choose(["pcm16", "g711_alaw"]),
            "tools": [TOOL],
        }

    def _new_item(self) -> dict[str, Any]:
        part: dict[str, str] = self._random.choice(
            [
                {"type": "input_text", "text": "Hello."},
                {"type": "input_audio", "audio": "AAAA"},
                {"type": "text", "text": "Good day."},
                {"type": "audio", "transcript": "Good day."},
            ]
        )
        role = "user" if part["type"].startswith("input") else "assistant"
        return {"type": "message", "role": role, "content": [part]}

    def _item(self) -> str:
        return self._random.choice([*self.client.old.items, *self.client.old.items, "nobody"])

    def _some(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if self._random.random() < 0.3}


@pytest.mark.parametrize("seed", range(WALKS))
def test_the_old_client_is_never_upset(seed: int) -> None:
    walk = Walk(seed)
    for _ in range(STEPS):
        walk.step()
    done = Counter(event["response"]["id"] for event in walk.client.told if event["type"] == "response.done")
    assert set(done.values()) <= {1}
    assert done.keys() <= walk.client.old.responses.keys()


def test_the_walks_come_everywhere() -> None:
    """A walk that no longer leads somewhere would not notice when something breaks there."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        walk = Walk(seed)
        for _ in range(STEPS):
            for event in walk.step():
                seen[event["type"]] += 1
                if event["type"] == "error":
                    seen[str(event["error"]["code"])] += 1
                if event["type"] == "response.done":
                    details = event["response"]["status_details"]
                    seen[f"{event['response']['status']} {details.get('reason')}"] += 1
    missed = EVERYTHING - seen.keys()
    assert not missed


class Overheard(Client):
    """A client of the other dialect; what it is told an old client is told too, in the beta's words."""

    def __init__(self) -> None:
        super().__init__(offer=OFFER)
        self.old = OldClient()
        self.open()

    def _read(self, output: Output) -> dict[str, Any] | Effect:
        if isinstance(output, said.ServerEvent):
            for text in beta.encode(output, lambda: "event_1"):
                self.old.hear(check_beta_event(text))
        return super()._read(output)


@pytest.mark.parametrize("seed", range(20 * EFFORT))
def test_what_a_client_of_the_other_dialect_brings_about_can_be_told_too(seed: int) -> None:
    """Its walks lead to places where one of the beta does not come: odd ids, odd items, damaged events."""
    client, walker = Overheard(), Walker(Random(seed))
    for _ in range(GA_STEPS):
        take_step(client, walker.next_input(client))
    assert client.old.items.keys() == set(client.order)
