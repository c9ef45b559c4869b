"""How a client of `AudioTranscriptionLive` wants to be listened to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from realtime.errors import InvalidRequest
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Knobs
from realtime.structs import Strict


class LiveParams(Strict):
    """`TranscriptLiveConfig.params`, by the names that the Realtime protocol has for them."""

    turn_detection: Literal["semantic_vad", "server_vad"] | None = None
    """How the end of an utterance is found: by how complete it sounds, or by silence alone. None is the first if there
    is a turn detector."""
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    """Of `semantic_vad`."""
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Of `server_vad`, and so are the next two."""
    silence_duration_ms: Annotated[int, Meta(ge=100, le=10_000)] | None = None
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=5_000)] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] = "medium"
    """How long to wait before words are given: the longer, the surer they are."""
    prompt: str = ""
    keywords: str = ""
    """Words and names likely to occur, with commas between them."""
    noise_reduction: Literal["near_field", "far_field"] | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How to listen."""

    language: str | None
    rate_hz: int
    """Of the sound that comes."""
    params: LiveParams

    def knobs(self, has_turn_detector: bool) -> Knobs:
        """How utterances are told apart; raises `InvalidRequest` for what does not go together."""
        params = self.params
        kind = params.turn_detection or ("semantic_vad" if has_turn_detector else "server_vad")
        if kind == "semantic_vad" and not has_turn_detector:
            raise _misfit("turn_detection", "this server has no turn detector; 'server_vad' needs none")
        foreign = (
            ("threshold", "silence_duration_ms", "prefix_padding_ms") if kind == "semantic_vad" else ("eagerness",)
        )
        for name in foreign:
            if getattr(params, name) is not None:
                raise _misfit(name, f"{kind!r} has none")
        if kind == "semantic_vad":
            return EAGERNESS["medium" if params.eagerness in (None, "auto") else str(params.eagerness)]
        default = Knobs()
        return Knobs(
            threshold=default.threshold if params.threshold is None else params.threshold,
            silence_ms=params.silence_duration_ms or default.silence_ms,
            prefix_ms=default.prefix_ms if params.prefix_padding_ms is None else params.prefix_padding_ms,
        )


def _misfit(name: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"'config.params.{name}': {why}.", param=f"config.params.{name}")
