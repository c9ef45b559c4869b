"""Updates of a configuration, as a client would write them; all begin with `DEFAULT` unless another is given."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.errors import InvalidRequest
from realtime.protocol.config import ServerVad, SessionConfig, merge_update

DEFAULT = SessionConfig(model="parrot")


def update(before: SessionConfig = DEFAULT, **session: Any) -> SessionConfig:
    """What comes of an update with these fields."""
    return merge_update(before, {"type": "realtime", **session})


def tuned(before: SessionConfig = DEFAULT, **audio_input: Any) -> SessionConfig:
    """What comes of one of the microphone's settings."""
    return update(before, audio={"input": audio_input})


def vad(before: SessionConfig = DEFAULT, **knobs: Any) -> ServerVad:
    """The turn detection that comes of one of its knobs."""
    detection = tuned(before, turn_detection=knobs).audio.input.turn_detection
    assert isinstance(detection, ServerVad)
    return detection


def fault_of(session: dict[str, Any], before: SessionConfig = DEFAULT) -> tuple[str, str | None]:
    """The code and the field of the error with which an update is refused."""
    with pytest.raises(InvalidRequest) as caught:
        merge_update(before, session)
    return caught.value.reason, caught.value.param
