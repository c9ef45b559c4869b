"""What a client may put into the conversation, checked before anything changes."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from realtime.errors import InvalidRequest
from realtime.ids import NewId
from realtime.protocol.config import CustomVoice
from realtime.protocol.items import PARTS_OF_ROLE, InputAudio, InputImage, Item, Message, OutputAudio, Part

MAX_AUDIO_BYTES = 15 * 1024 * 1024
"""As much as one append may carry."""

OPENAI_VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
"""Names that clients of OpenAI send; each is spoken by the server's own voice unless an engine has one of that name."""


def admit_voice(voice: object, voices: frozenset[str], param: str) -> None:
    """Refuse a voice this server cannot speak with."""
    name = voice.id if isinstance(voice, CustomVoice) else voice
    if name not in voices | OPENAI_VOICES:
        known = ", ".join(sorted(voices | OPENAI_VOICES))
        raise InvalidRequest(f"Invalid value: {name!r}. Supported voices are: {known}.", param=param)


def admit_item(item: Item, new_id: NewId, param: str) -> tuple[Item, bytes | None]:
    """The item as it enters the conversation, with an id, and the user's audio if it still has to be put into words."""
    if item.id == "root":
        raise InvalidRequest("An item's id cannot be 'root'.", param=f"{param}.id")
    admitted = msgspec.structs.replace(item, id=item.id or new_id("item"), status="completed")
    if not isinstance(admitted, Message):
        return admitted, None
    audio = b"".join(
        _admit_part(part, admitted.role, f"{param}.content[{index}]") for index, part in enumerate(admitted.content)
    )
    content = tuple(
        msgspec.structs.replace(part, audio=UNSET) if isinstance(part, InputAudio | OutputAudio) else part
        for part in admitted.content
    )
    return msgspec.structs.replace(admitted, content=content), audio or None


def _admit_part(part: Part, role: str, param: str) -> bytes:
    """The part's audio, if it still has to be put into words."""
    if not isinstance(part, PARTS_OF_ROLE[role]):
        allowed = ", ".join(str(kind.__struct_config__.tag) for kind in PARTS_OF_ROLE[role])
        raise InvalidRequest(f"A message of role '{role}' may contain: {allowed}.", param=f"{param}.type")
    if isinstance(part, InputImage):
        raise InvalidRequest(
            "The language model of this server cannot see images.", code="unsupported_content_type", param=param
        )
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
