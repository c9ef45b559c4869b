"""The project's copy of the contract is the contract, field by field, and what it adds collides with nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from realtime.backend.pb import backend_pb2 as pb
from tests.backend.contract import contract_pool, contract_service
from tools.describe_contract import DESCRIBED, describe

OURS = pb.DESCRIPTOR.services_by_name["Backend"]

ADDED = {"AudioTranscriptionLive", "Detokenize"}
"""Calls of later versions of the contract."""

ADDED_FIELDS = {
    "TranscriptRequest": {"ModelIdentity": (11, FieldDescriptor.TYPE_STRING, False, False, None, None, None)}
}
"""And fields, message by message, as `described` has them."""


def described(message: Descriptor) -> dict[str, Any]:
    """All of a message that shows on the wire, or to whoever writes it."""
    return {
        "fields": {
            field.name: (
                field.number,
                field.type,
                field.is_repeated,
                field.has_presence,
                field.message_type.full_name if field.message_type else None,
                field.enum_type.full_name if field.enum_type else None,
                field.containing_oneof.name if field.containing_oneof else None,
            )
            for field in message.fields
        },
        "enums": {enum.name: [(value.name, value.number) for value in enum.values] for enum in message.enum_types},
        "nested": {nested.name: described(nested) for nested in message.nested_types},
    }


def messages() -> list[str]:
    """The contract's, by name."""
    return sorted(contract_pool().FindFileByName("backend.proto").message_types_by_name)


PUBLISHED = Path(__file__).parents[3] / "shared" / "contracts" / "backend.proto"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the contract itself does not lie beside the checkout")
def test_what_is_known_of_the_contract_is_what_is_published() -> None:
    """Byte for byte."""
    assert DESCRIBED.read_bytes() == describe(PUBLISHED)


def test_every_message_is_the_same() -> None:
    """Names, numbers, types, presence, enums and maps; and nothing beside them but the fields that are known."""
    contract = contract_pool().FindFileByName("backend.proto").message_types_by_name
    ours = pb.DESCRIPTOR.message_types_by_name
    assert messages()
    assert ADDED_FIELDS.keys() <= set(messages())
    for name in messages():
        published = described(contract[name])
        added = ADDED_FIELDS.get(name, {})
        assert not added.keys() & published["fields"].keys(), name
        assert described(ours[name]) == {**published, "fields": {**published["fields"], **added}}, name


def test_every_call_is_the_same() -> None:
    """What it takes, what it gives, and which way messages stream."""
    for method in contract_service().methods:
        own = OURS.methods_by_name[method.name]
        assert own.full_name == method.full_name
        assert own.input_type.full_name == method.input_type.full_name
        assert own.output_type.full_name == method.output_type.full_name
        assert (own.client_streaming, own.server_streaming) == (method.client_streaming, method.server_streaming)


def test_what_is_added_is_named() -> None:
    """Nothing comes in unseen."""
    assert {method.name for method in OURS.methods} - {method.name for method in contract_service().methods} == ADDED
    added = set(pb.DESCRIPTOR.message_types_by_name) - set(messages())
    used = {
        message.name
        for name in ADDED
        for message in (OURS.methods_by_name[name].input_type, OURS.methods_by_name[name].output_type)
    }
    assert used <= added | set(messages())
    assert all(name.startswith(("TranscriptLive", "Detokenize")) for name in added)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Reply", {"message": b"Hi", "tokens": 3, "timing_token_generation": 1.5, "chat_deltas": [{"content": "Hi"}]}),
        ("TranscriptWord", {"start": 1_500_000_000, "end": 2**40, "text": "là"}),
        ("AudioToAudioResponse", {"event": "response.audio.delta", "pcm": b"\0\xff", "sequence": 7}),
    ],
)
def test_bytes_mean_the_same_to_both(name: str, values: dict[str, Any]) -> None:
    """A message written with one copy reads back with the other."""
    theirs = GetMessageClass(contract_pool().FindMessageTypeByName(f"backend.{name}"))
    written = getattr(pb, name)(**values).SerializeToString()
    assert theirs.FromString(written) == theirs(**values)
