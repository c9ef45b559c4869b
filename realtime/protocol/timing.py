"""Where the time of an answer went. An extension: OpenAI's API has no such event, and it is sent only if asked for."""

from __future__ import annotations

from realtime.protocol.server_events import ServerEvent
from realtime.structs import Frozen


class Waterfall(Frozen):
    """The stages of one answer in their order, in milliseconds that add up to the total.

    A stage is null where there was none. One that was over before the turn was, because the answer was got ready
    unheard while the user was silent, is 0.
    """

    endpoint_ms: float | None
    """From the user's last voiced sample until the turn was decided; null when it did not end by itself."""
    transcription_ms: float
    """Until there was everything to answer to: the words of the user's audio."""
    queueing_ms: float
    """Until the model was asked, and what was waited on the way for engines that others were using."""
    first_token_ms: float
    """Until the model wrote."""
    first_sentence_ms: float | None
    """Until there was enough to be said; null in writing."""
    first_sound_ms: float | None
    """Until that was sound; null in writing."""
    send_ms: float
    """Until the first sound, or text, was handed to the network."""
    total_ms: float
    speculated: bool
    """Whether the answer was begun before the turn was decided."""


class ResponseTiming(ServerEvent, kw_only=True, tag="response.timing"):
    """Sent once, after the first sound of a response, or the first text of one in writing."""

    response_id: str
    item_id: str
    timing: Waterfall
