"""A client of the beta's first year, as far as it can be upset by what it is told, and in what order.

It keeps the conversation in a table by item id and looks up there whatever an event is about. An event without a name
or an id, one about an item it was not told of, a delta for a part that was not announced: it throws.
"""

from __future__ import annotations

from typing import Any


class Upset(AssertionError):
    """The old client would have thrown here, and so ended the program it is part of."""


class OldClient:
    """What such a client knows after what it was told."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.responses: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self._beside: set[str] = set()
        """Items of responses beside the conversation: only clients that ask for such responses hear of them."""

    def hear(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        if not (isinstance(event.get("event_id"), str) and isinstance(event.get("type"), str)):
            raise Upset(f"an event without a name: {event}")
        match event["type"].split("."):
            case ["conversation", "item", "created"]:
                self._create(event["item"])
            case ["conversation", "item", "truncated"]:
                self._item(event)
            case ["conversation", "item", "deleted"]:
                self._item(event)
                del self.items[event["item_id"]]
                self.deleted.add(event["item_id"])
            case ["conversation", "item", "input_audio_transcription", "completed"]:
                if event["item_id"] in self.items:
                    self._part(event)["transcript"] = event["transcript"]
            case ["response", "created"]:
                self.responses[event["response"]["id"]] = event["response"]
            case ["response", "done"]:
                self._finish(event["response"])
            case ["response", *what]:
                self._follow(what, event)

    def _create(self, item: dict[str, Any]) -> None:
        if item["id"] in self.items:
            raise Upset(f"an item is created twice: {item}")
        self.items[item["id"]] = item | {"content": [dict(part) for part in item.get("content", ())]}

    def _follow(self, what: list[str], event: dict[str, Any]) -> None:
        if event["response_id"] not in self.responses:
            raise Upset(f"about a response that was not created: {event}")
        match what:
            case ["output_item", "added"]:
                self._announce(event)
            case ["output_item", "done"]:
                if self._about_conversation(event["item"]["id"]):
                    self.items[event["item"]["id"]]["status"] = event["item"]["status"]
            case ["content_part", "added"]:
                if self._about_conversation(event["item_id"]):
                    self.items[event["item_id"]]["content"].append(dict(event["part"]))
            case ["text", "delta"]:
                self._grow(event, "text")
            case ["audio_transcript", "delta"]:
                self._grow(event, "transcript")
            case ["audio", "delta"]:
                self._grow(event, "audio")
            case ["function_call_arguments", "delta"]:
                if self._about_conversation(event["item_id"]):
                    item = self.items[event["item_id"]]
                    if item["type"] != "function_call":
                        raise Upset(f"arguments of what is no call: {event}")
                    item["arguments"] += event["delta"]

    def _announce(self, event: dict[str, Any]) -> None:
        response = self.responses[event["response_id"]]
        if response["conversation_id"] is None:
            self._beside.add(event["item"]["id"])

    def _about_conversation(self, item_id: str) -> bool:
        if item_id in self._beside or item_id in self.deleted:
            return False
        if item_id not in self.items:
            raise Upset(f"about an item that was not created: {item_id}")
        return True

    def _item(self, event: dict[str, Any]) -> dict[str, Any]:
        if event["item_id"] not in self.items:
            raise Upset(f"about an item that was not created: {event}")
        return self.items[event["item_id"]]

    def _part(self, event: dict[str, Any]) -> dict[str, Any]:
        content = self._item(event)["content"]
        if event["content_index"] >= len(content):
            raise Upset(f"about a part that was not added: {event}")
        part: dict[str, Any] = content[event["content_index"]]
        return part

    def _grow(self, event: dict[str, Any], field: str) -> None:
        if self._about_conversation(event["item_id"]):
            part = self._part(event)
            part[field] = part.get(field, "") + event["delta"]

    def _finish(self, response: dict[str, Any]) -> None:
        """What was told bit by bit is what is told in the end."""
        for item in response["output"]:
            if item["id"] in self.items:
                known = self.items[item["id"]]
                for heard, whole in zip(known["content"], item.get("content", ()), strict=True):
                    assert {field: heard.get(field) for field in whole} == whole
                assert known["status"] == item["status"] != "in_progress"
