"""What a client may put into the conversation, checked before anything changes."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol.faults import check_nesting
from realtime.protocol.items import (
    MAX_ID_CHARACTERS,
    PARTS_OF_ROLE,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
    Part,
)

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""As much as one append may carry."""

MAX_IMAGE_CHARACTERS = 20_000_000
"""15 MB of picture in base64: a photograph as telephones take it, and less than a message may have."""


def admit_item(item: Item, new_id: NewId, param: str, sees: bool) -> tuple[Item, bytes | None]:
    """The item as it enters the conversation, with an id, and the user's audio if it still has to be put into words.

    `sees`: whether the language model can see pictures.
    """
    if item.id == "root":
        raise InvalidRequest("An item's id cannot be 'root'.", param=f"{param}.id")
    if len(item.id) > MAX_ID_CHARACTERS:  # one that was translated from the beta has not been read as a GA item
        too_long = f"An item's id may have at most {MAX_ID_CHARACTERS} characters."
        raise InvalidRequest(too_long, param=f"{param}.id")
    admitted = msgspec.structs.replace(item, id=item.id or new_id("item"))
    match admitted:
        case Message():
            return _admit_message(admitted, param, sees)
        case FunctionCall():
            _check_arguments(admitted.arguments, f"{param}.arguments")
            call_id = admitted.call_id or new_id("call")
            return msgspec.structs.replace(admitted, call_id=call_id, status="completed"), None
        case FunctionCallOutput():
            return msgspec.structs.replace(admitted, status="completed"), None
        case McpCall():
            _check_arguments(admitted.arguments, f"{param}.arguments")
            return admitted, None
        case McpApprovalResponse():
            return admitted, None
        case McpListTools() | McpApprovalRequest():
            raise InvalidRequest(
                "Only the server makes items of this type.", code="unsupported_value", param=f"{param}.type"
            )


def _check_arguments(arguments: str, param: str) -> None:
    """Models are shown the calls that were made, and read no arguments but a JSON object; nothing stands for none."""
    if not arguments:
        return
    try:
        given = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as problem:
        raise InvalidRequest("The arguments of a call are a JSON object.", param=param) from problem
    if not isinstance(given, dict):
        raise InvalidRequest("The arguments of a call are a JSON object.", param=param)
    check_nesting(given, param)


def _admit_message(message: Message, param: str, sees: bool) -> tuple[Message, bytes | None]:
    audio = b"".join(
        _admit_part(part, message.role, f"{param}.content[{index}]", sees) for index, part in enumerate(message.content)
    )
    content = tuple(
        msgspec.structs.replace(part, audio=UNSET) if isinstance(part, InputAudio | OutputAudio) else part
        for part in message.content
    )
    return msgspec.structs.replace(message, content=content, status="completed"), audio or None


def _admit_part(part: Part, role: str, param: str, sees: bool) -> bytes:
    """The part's audio, if it still has to be put into words."""
    if not isinstance(part, PARTS_OF_ROLE[role]):
        allowed = ", ".join(str(kind.__struct_config__.tag) for kind in PARTS_OF_ROLE[role])
        raise InvalidRequest(f"A message of role '{role}' may contain: {allowed}.", param=f"{param}.type")
    if isinstance(part, InputImage):
        _admit_image(part, param, sees)
    if isinstance(part, InputAudio | OutputAudio) and part.audio and len(part.audio) > MAX_AUDIO_BYTES:
        too_long = f"An item may carry at most {MAX_AUDIO_BYTES} bytes of audio, not {len(part.audio)}."
        raise InvalidRequest(too_long, code="string_above_max_length", param=f"{param}.audio")
    if isinstance(part, InputAudio) and part.transcript is None:
        if not part.audio:
            raise InvalidRequest(
                "Audio content needs 'audio' or 'transcript'.",
                code="missing_required_parameter",
                param=f"{param}.audio",
            )
        return part.audio
    return b""


def _admit_image(image: InputImage, param: str, sees: bool) -> None:
    if not sees:
        raise InvalidRequest(
            "The language model of this server cannot see images.", code="unsupported_content_type", param=param
        )
    if not image.image_url.startswith(("data:image/", "https://", "http://")):
        raise InvalidRequest("An image is a data: URL or an http(s) address.", param=f"{param}.image_url")
    if len(image.image_url) > MAX_IMAGE_CHARACTERS:
        too_long = f"An image's URL may have at most {MAX_IMAGE_CHARACTERS} characters."
        raise InvalidRequest(too_long, code="string_above_max_length", param=f"{param}.image_url")
