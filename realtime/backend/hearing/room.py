"""What is said: `AudioTranscription`, `AudioTranscriptionStream`, `VAD`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from realtime.audio import SPEECH_RATE_HZ, Audio
from realtime.backend.floats import floats_of
from realtime.backend.hearing.recordings import Recording, recording_in, recording_of
from realtime.backend.hearing.transcripts import language_of, transcript
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.speakers.voices import label, talk_in, who_can_part, who_speaks
from realtime.engines.base import Listening, Segment, Transcriber, Urgency
from realtime.engines.clustering import Grouping
from realtime.engines.speaker import SpeakerEncoder
from realtime.errors import InvalidRequest
from realtime.pipeline.diarize import Tidiness, Turn
from realtime.pipeline.recorded import transcribed
from realtime.pipeline.stretches import CLIP_S, Stretch

GRANULARITIES: Final = ("segment", "word")

VAD_SILENCE_MS, VAD_PADDING_MS = 100, 30
"""As LocalAI's own detector has them."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A recording to be put into words."""

    recording: Recording
    clips: list[Stretch]
    """In samples of it at the transcriber's rate."""
    transcriber: Transcriber
    listening: Listening
    speaker: SpeakerEncoder | None
    """Who is to be asked who speaks."""

    def segments(self) -> AsyncGenerator[Segment, None]:
        sound = self.recording.sounds[self.transcriber.rate_hz]
        return transcribed(sound, self.clips, self.transcriber, self.listening)

    async def whole(self, heard: list[Segment]) -> pb.TranscriptResult:
        """All of it, with its speakers if they are wanted: of each segment the one who speaks longest in it."""
        if not self.speaker:
            return transcript(heard, self.recording.duration_s)
        rate_hz = self.speaker.rate_hz
        grouping = Grouping(same_below=self.speaker.same_group_below)
        turns = await who_speaks(await talk_in(self.recording, rate_hz), self.speaker, grouping, Tidiness())
        return transcript(heard, self.recording.duration_s, [_speaker(segment, turns, rate_hz) for segment in heard])


class Hearing:
    """Puts recordings into words."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_transcription(self, request: pb.TranscriptRequest) -> pb.TranscriptResult:
        """What is said in the file `dst`: any that `Files.read_audio` reads, of any length it allows.

        Segments are a sentence or so long if `timestamp_granularities` are named, speakers are to be told apart, or the
        sound lasts longer than `CLIP_S`; else all of it is one. `word` adds the words, `diarize` the speakers:
        `SPEAKER_00` and so on as they are first heard. `threads` and `stream` change nothing. Raises `InvalidRequest`
        for a language the model does not understand and for what else cannot be, `NotLoaded` for a `ModelIdentity` that
        `LoadModel` was not given, `NotServed` for a translation by a model that cannot translate and, before anything
        is heard, for speakers where the voice encoder cannot part them. Cancelling abandons the clip that is heard.
        """
        job = await self._read(request)
        async with aclosing(job.segments()) as segments:
            heard = [segment async for segment in segments]
        return await job.whole(heard)

    async def audio_transcription_stream(
        self, request: pb.TranscriptRequest
    ) -> AsyncGenerator[pb.TranscriptStreamResponse, None]:
        """The same as it becomes known, segment by segment; joined, the deltas are the text of the last message, which
        is the whole. Closing it abandons the clip that is heard.
        """
        job = await self._read(request)
        heard: list[Segment] = []
        async with aclosing(job.segments()) as segments:
            async for segment in segments:
                heard.append(segment)
                yield pb.TranscriptStreamResponse(delta=segment.text)
        yield pb.TranscriptStreamResponse(final_result=await job.whole(heard))

    async def vad(self, request: pb.VADRequest) -> pb.VADResponse:
        """Where somebody speaks in `audio`, samples at 16 kHz: seconds from its beginning. Who still speaks when it
        ends does so up to 0. Cancelling stops it between two half minutes of the sound.
        """
        engines = self._premises.engines
        rate_hz = engines.detector.rate_hz
        sound = Audio(await asyncio.to_thread(floats_of, request, "audio"), SPEECH_RATE_HZ)
        recording = await recording_of(sound, set(), engines.detector, engines.scheduler)
        found = await recording.spoken(rate_hz, silence_ms=VAD_SILENCE_MS, padding_ms=VAD_PADDING_MS)
        return pb.VADResponse(
            segments=[
                pb.VADSegment(start=one.start / rate_hz, end=0 if one.is_open else one.end / rate_hz) for one in found
            ]
        )

    async def _read(self, request: pb.TranscriptRequest) -> _Job:
        """The file of a request, and how to listen to it."""
        self._premises.identity.check(request.ModelIdentity)
        transcriber = self._premises.engines.transcriber
        listening = _listening(request, transcriber)
        speaker = await who_can_part(self._premises.on_demand) if request.diarize else None
        rates_hz = {transcriber.rate_hz, *([speaker.rate_hz] if speaker else ())}
        recording = await recording_in(self._premises, request.dst, "dst", rates_hz)
        if request.diarize or recording.duration_s > CLIP_S:
            listening = replace(listening, timestamps=True)
        return _Job(recording, await recording.clips(transcriber.rate_hz), transcriber, listening, speaker)


def _listening(request: pb.TranscriptRequest, transcriber: Transcriber) -> Listening:
    """How to listen, but for how long the segments are."""
    if not 0 <= request.temperature <= 1:
        message = f"'temperature' must be 0 to 1, not {request.temperature:g}."
        raise InvalidRequest(message, param="temperature")
    for wanted in request.timestamp_granularities:
        if wanted not in GRANULARITIES:
            message = f"'timestamp_granularities' may hold {' and '.join(GRANULARITIES)}, not {wanted!r}."
            raise InvalidRequest(message, param="timestamp_granularities")
    return Listening(
        language=language_of(request.language, transcriber, "language"),
        prompt=request.prompt,
        words="word" in request.timestamp_granularities,
        timestamps=bool(request.timestamp_granularities),
        translate=request.translate,
        temperature=request.temperature,
        urgency=Urgency.UNATTENDED,
    )


def _speaker(segment: Segment, turns: Sequence[Turn], rate_hz: int) -> str:
    """Who speaks longest in a segment or, where nobody seems to, nearest to it."""
    if not turns:
        return ""

    def overlap_s(turn: Turn) -> float:
        """Less than 0 where there is a gap."""
        return min(segment.end_s, turn.end / rate_hz) - max(segment.start_s, turn.start / rate_hz)

    longest: dict[int, float] = {}
    for turn in turns:
        longest[turn.speaker] = longest.get(turn.speaker, 0) + max(0.0, overlap_s(turn))
    speaker = max(longest, key=lambda number: longest[number])
    if not longest[speaker]:
        speaker = max(turns, key=overlap_s).speaker
    return label(speaker)
