"""Whose voice it is: `VoiceEmbed`, `VoiceVerify`, `VoiceAnalyze`. Files are any that `Files.read_audio` reads."""

from __future__ import annotations

from time import perf_counter
from typing import Final

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.speakers.voices import voiceprint
from realtime.engines.speaker import FARTHEST, distance
from realtime.errors import InvalidRequest, NotServed

ACTIONS: Final = ("age", "gender", "emotion")


class Speakers:
    """Tells whose voice it is."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def voice_embed(self, request: pb.VoiceEmbedRequest) -> pb.VoiceEmbedResponse:
        """The voiceprint of the speech in `audio`, of length 1.

        Raises `InvalidRequest` for a file with less speech than a voice can be told from, and as `Files.read_audio`
        does. Cancelling withdraws the question.
        """
        speaker = await self._premises.on_demand.speaker()
        found = await voiceprint(self._premises, request.audio, "audio", speaker)
        return pb.VoiceEmbedResponse(embedding=found, model=speaker.model)

    async def voice_verify(self, request: pb.VoiceVerifyRequest) -> pb.VoiceVerifyResponse:
        """Whether `audio1` and `audio2` are one person's: their cosine distance is less than `threshold`, which is the
        model's own when it is 0. Confidence falls from 100, for the same voice, to 0 at the threshold.

        Raises `NotServed` for `anti_spoofing`, else as `voice_embed` does. Cancelling withdraws the question.
        """
        began = perf_counter()
        if not 0 <= request.threshold <= FARTHEST:
            raise InvalidRequest(
                f"'threshold' must be a cosine distance, 0 to {FARTHEST:g}, not {request.threshold:g}.",
                param="threshold",
            )
        if request.anti_spoofing:
            raise NotServed("'anti_spoofing': there is no model that tells a played voice from a live one.")
        speaker = await self._premises.on_demand.speaker()
        one = await voiceprint(self._premises, request.audio1, "audio1", speaker)
        other = await voiceprint(self._premises, request.audio2, "audio2", speaker)
        threshold, apart = request.threshold or speaker.same_below, distance(one, other)
        return pb.VoiceVerifyResponse(
            verified=apart < threshold,
            distance=apart,
            threshold=threshold,
            confidence=100 * max(0.0, 1 - apart / threshold),
            model=speaker.model,
            processing_time_ms=(perf_counter() - began) * 1000,
        )

    async def voice_analyze(self, request: pb.VoiceAnalyzeRequest) -> pb.VoiceAnalyzeResponse:
        """Nothing: always raises `NotServed`, or `InvalidRequest` for actions that the contract does not know."""
        for action in request.actions:
            if action not in ACTIONS:
                message = f"'actions' may hold {', '.join(ACTIONS)}, not {action!r}."
                raise InvalidRequest(message, param="actions")
        raise NotServed("There is no model that tells age, gender or emotion from a voice, and none can be configured.")
