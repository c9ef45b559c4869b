"""Who spoke when: `Diarize`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from math import inf
from typing import Final

from realtime.audio import Pcm
from realtime.backend.hearing.detection import at_rate
from realtime.backend.hearing.recordings import recording_in
from realtime.backend.hearing.transcripts import language_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.speakers.voices import Talk, label, talk_in, who_can_part, who_speaks
from realtime.engines.base import Listening, Transcriber, Urgency
from realtime.engines.clustering import Grouping
from realtime.engines.speaker import FARTHEST, SpeakerEncoder
from realtime.errors import InvalidRequest
from realtime.pipeline.diarize import Tidiness, Turn, clips_of
from realtime.pipeline.recorded import transcribed
from realtime.pipeline.stretches import CLIP_S

MOST_SPEAKERS: Final = 100


class Diarization:
    """Answers it."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def diarize(self, request: pb.DiarizeRequest) -> pb.DiarizeResponse:
        """Who speaks when in the file `dst`, in seconds; speakers are `SPEAKER_00` and so on as they are first heard.

        `num_speakers` is how many there are, and goes before `min_speakers` and `max_speakers`; 0 is not known.
        `clustering_threshold` is the mean cosine distance below which voices are one person's. Turns shorter than
        `min_duration_on` are left out, and pauses shorter than `min_duration_off`, in seconds, do not part a speaker's
        turns; 0 is the default of each. `include_text` adds what is said, in `language`, or in the one it sounds like.
        `threads` changes nothing.

        Raises `InvalidRequest` for what cannot be, and as `Files.read_audio` does. Cancelling stops it at the step that
        is running, a tenth of a second or a turn's words.
        """
        engines = self._premises.engines
        listening = Listening(
            language=language_of(request.language, engines.transcriber, "language") if request.include_text else None,
            urgency=Urgency.UNATTENDED,
        )
        tidiness = _tidiness(request)
        _check_numbers(request)
        speaker = await who_can_part(self._premises.on_demand)
        rates_hz = {speaker.rate_hz, *([engines.transcriber.rate_hz] if request.include_text else ())}
        recording = await recording_in(self._premises, request.dst, "dst", rates_hz)
        talk = await talk_in(recording, speaker.rate_hz)
        spoken = await who_speaks(talk, speaker, _grouping(request, speaker), tidiness)
        texts, language = [""] * len(spoken), request.language
        if request.include_text:
            sound = recording.sounds[engines.transcriber.rate_hz]
            texts, language = await _words(sound, talk, spoken, engines.transcriber, listening)
        return pb.DiarizeResponse(
            segments=[
                pb.DiarizeSegment(
                    id=number,
                    start=turn.start / talk.rate_hz,
                    end=turn.end / talk.rate_hz,
                    speaker=label(turn.speaker),
                    text=text,
                )
                for number, (turn, text) in enumerate(zip(spoken, texts, strict=True))
            ],
            num_speakers=len({turn.speaker for turn in spoken}),
            duration=recording.duration_s,
            language=language,
        )


async def _words(
    sound: Pcm, talk: Talk, spoken: Sequence[Turn], transcriber: Transcriber, listening: Listening
) -> tuple[list[str], str]:
    """What is said in each turn of `sound`, which is the talk's at the transcriber's rate, and in which language: the
    first turn's is taken for that of all.
    """
    longest = round(CLIP_S * talk.rate_hz)
    texts: list[str] = []
    for turn in spoken:
        clips = [at_rate(clip, talk.rate_hz, transcriber.rate_hz) for clip in clips_of(turn, talk.spoken, longest)]
        text = ""
        async with aclosing(transcribed(sound, clips, transcriber, listening)) as segments:
            async for segment in segments:
                text += segment.text
                listening = replace(listening, language=listening.language or segment.language)
        texts.append(text.strip())
    return texts, listening.language or ""


def _grouping(request: pb.DiarizeRequest, speaker: SpeakerEncoder) -> Grouping:
    """How many speakers there may be, and when two voices are one person's."""
    return Grouping(
        same_below=request.clustering_threshold or speaker.same_group_below,
        least=request.num_speakers or request.min_speakers or 1,
        most=request.num_speakers or request.max_speakers or None,
    )


def _check_numbers(request: pb.DiarizeRequest) -> None:
    for field in ("num_speakers", "min_speakers", "max_speakers"):
        if not 0 <= getattr(request, field) <= MOST_SPEAKERS:
            message = f"'{field}' must be 0 to {MOST_SPEAKERS}, not {getattr(request, field)}."
            raise InvalidRequest(message, param=field)
    if request.max_speakers and request.min_speakers > request.max_speakers:
        message = f"'min_speakers' {request.min_speakers} is more than 'max_speakers' {request.max_speakers}."
        raise InvalidRequest(message, param="min_speakers")
    if not 0 <= request.clustering_threshold <= FARTHEST:
        raise InvalidRequest(
            f"'clustering_threshold' must be a cosine distance, 0 to {FARTHEST:g}, "
            f"not {request.clustering_threshold:g}.",
            param="clustering_threshold",
        )


def _tidiness(request: pb.DiarizeRequest) -> Tidiness:
    """What is too short to be told."""
    usual = Tidiness()
    for field in ("min_duration_on", "min_duration_off"):
        if not 0 <= getattr(request, field) < inf:
            raise InvalidRequest(f"'{field}' must be seconds, 0 or more.", param=field)
    return Tidiness(
        shortest_ms=request.min_duration_on * 1000 or usual.shortest_ms,
        pause_ms=request.min_duration_off * 1000 or usual.pause_ms,
    )
