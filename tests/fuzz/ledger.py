"""Who has sent what, and whether each of it was answered: with one error that names it, or with what it asks for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from realtime.protocol import client_events as asked
from realtime.protocol.wire import UnreadableEvent
from realtime.server.dialects import Dialect

ANSWERS: dict[type[asked.ClientEvent], frozenset[str]] = {
    asked.SessionUpdate: frozenset({"session.updated", "transcription_session.updated"}),
    asked.AudioCommit: frozenset({"input_audio_buffer.committed"}),
    asked.AudioClear: frozenset({"input_audio_buffer.cleared"}),
    asked.ItemCreate: frozenset({"conversation.item.added", "conversation.item.created"}),
    asked.ItemRetrieve: frozenset({"conversation.item.retrieved"}),
    asked.ItemTruncate: frozenset({"conversation.item.truncated"}),
    asked.ItemDelete: frozenset({"conversation.item.deleted"}),
    asked.ResponseCreate: frozenset({"response.created"}),
    asked.ResponseCancel: frozenset({"response.done"}),
}
"""What says that an event was taken, in either dialect. The others have no answer, or no other than an error."""


class Ledger:
    """One burst of messages, and what was told until all of them were handled."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._wrong: Counter[str | None] = Counter()
        """Messages that cannot be read, by the event id an error about each has to carry."""
        self._taken: list[tuple[type[asked.ClientEvent], str | None]] = []

    def sends(self, text: str) -> None:
        """The client sends that."""
        try:
            event = self._dialect.decode(text)
        except UnreadableEvent:
            self._wrong[_name_in(text)] += 1
        else:
            self._taken.append((type(event), event.event_id))

    def check(self, told: Iterable[dict[str, Any]]) -> None:
        """`told` is all that the client was told since the burst began, and says of the whole burst what it must."""
        names = Counter(event["type"] for event in told)
        errors = Counter(event["error"]["event_id"] for event in told if event["type"] == "error")
        assert not [event for event in told if '"server_error"' in json.dumps(event)], "a bug was told as a failure"
        for event_id, count in self._wrong.items():
            assert errors[event_id] >= count, f"{count} unreadable events {event_id!r}, {errors[event_id]} errors"
        allowed = self._wrong + Counter(event_id for _, event_id in self._taken)
        assert errors <= allowed, f"errors that nobody asked for: {errors - allowed}"
        refused = errors - self._wrong
        for kind, event_id in self._taken:
            if refused[event_id]:
                refused[event_id] -= 1
            elif kind in ANSWERS:
                answer = next((name for name in sorted(ANSWERS[kind]) if names[name]), None)
                assert answer, f"neither an error nor an answer to {kind.__name__} {event_id!r}"
                names[answer] -= 1
            else:
                assert kind is asked.AudioAppend, f"{kind.__name__} was neither refused nor answered"


def is_about(event: dict[str, Any], event_id: str) -> bool:
    """Whether `event` is an error about the client's event of that name."""
    return bool(event["type"] == "error" and event["error"]["event_id"] == event_id)


def _name_in(text: str) -> str | None:
    """The event id that the client has given, as another reader of JSON sees it; None for what is no JSON."""
    try:
        event = json.loads(text, parse_constant=_refuse)
        event_id = event.get("event_id") if isinstance(event, dict) else None
        if not isinstance(event_id, str):
            return None
        event_id.encode()  # half an emoji is no name; elsewhere in the event it hides none
    except (ValueError, RecursionError):
        return None
    return event_id if len(event_id) <= 512 else None


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON's")
