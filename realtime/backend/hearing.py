"""What is said: `AudioTranscription`, `AudioTranscriptionStream`, `VAD`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.backend.detection import at_rate, speech_probabilities
from realtime.backend.floats import floats_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.backend.transcripts import language_of, transcript
from realtime.backend.voices import listen_to, who_speaks
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Segment, Transcriber, Urgency
from realtime.engines.clustering import Grouping
from realtime.engines.speaker import SpeakerEncoder
from realtime.errors import InvalidRequest
from realtime.pipeline.diarize import Tidiness, Turn
from realtime.pipeline.recorded import transcribed
from realtime.pipeline.stretches import CLIP_S, Stretch, clips, stretches

GRANULARITIES: Final = ("segment", "word")

VAD_SILENCE_MS, VAD_PADDING_MS = 100, 30
"""As LocalAI's own detector has them."""


@dataclass(frozen=True, slots=True)
class _Recording:
    """A file to be put into words."""

    sound: Pcm
    """At the transcriber's rate."""
    clips: list[Stretch]
    """Where somebody speaks, in samples of it."""
    transcriber: Transcriber
    listening: Listening
    audio: Audio
    speaker: SpeakerEncoder | None
    """Who is to be asked who speaks."""

    def segments(self) -> AsyncGenerator[Segment, None]:
        return transcribed(self.sound, self.clips, self.transcriber, self.listening)


class Hearing:
    """Puts recordings into words."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def audio_transcription(self, request: pb.TranscriptRequest) -> pb.TranscriptResult:
        """What is said in the file `dst`: any that `Files.read_audio` reads, of any length it allows.

        Segments are a sentence or so long if `timestamp_granularities` are named, speakers are to be told apart, or the
        sound lasts longer than `CLIP_S`; else all of it is one. `word` adds the words, `diarize` the speakers:
        `SPEAKER_00` and so on as they are first heard. `threads` and `stream` change nothing. Raises `InvalidRequest`
        for a language the model does not understand and for what else cannot be, `NotServed` for a translation by a
        model that cannot translate. Cancelling abandons the clip that is heard.
        """
        recording = await self._read(request)
        async with aclosing(recording.segments()) as segments:
            heard = [segment async for segment in segments]
        return await self._transcript(recording, heard)

    async def audio_transcription_stream(
        self, request: pb.TranscriptRequest
    ) -> AsyncGenerator[pb.TranscriptStreamResponse, None]:
        """The same as it becomes known, segment by segment; joined, the deltas are the text of the last message, which
        is the whole. Closing it abandons the clip that is heard.
        """
        recording = await self._read(request)
        heard: list[Segment] = []
        async with aclosing(recording.segments()) as segments:
            async for segment in segments:
                heard.append(segment)
                yield pb.TranscriptStreamResponse(delta=segment.text)
        yield pb.TranscriptStreamResponse(final_result=await self._transcript(recording, heard))

    async def vad(self, request: pb.VADRequest) -> pb.VADResponse:
        """Where somebody speaks in `audio`, samples at 16 kHz: seconds from its beginning. Who still speaks when it
        ends does so up to 0. Cancelling stops it between two half minutes of the sound.
        """
        engines = self._premises.engines
        sound = await asyncio.to_thread(floats_of, request, "audio")
        if engines.detector.rate_hz != SPEECH_RATE_HZ:
            audio = await asyncio.to_thread(resample, Audio(sound, SPEECH_RATE_HZ), engines.detector.rate_hz)
            sound = audio.pcm
        likely = await speech_probabilities(sound, engines.detector, engines.scheduler)
        found = await asyncio.to_thread(stretches, likely, len(sound), engines.detector, VAD_SILENCE_MS, VAD_PADDING_MS)
        rate_hz = engines.detector.rate_hz
        return pb.VADResponse(
            segments=[
                pb.VADSegment(start=one.start / rate_hz, end=0 if one.is_open else one.end / rate_hz) for one in found
            ]
        )

    async def _read(self, request: pb.TranscriptRequest) -> _Recording:
        """The file of a request, and how to listen to it."""
        engines = self._premises.engines
        transcriber, detector = engines.transcriber, engines.detector
        listening = _listening(request, transcriber)
        speaker = await self._premises.on_demand.speaker() if request.diarize else None
        audio = await self._premises.files.read_audio(request.dst, "dst")
        is_long = audio.duration_ms > CLIP_S * 1000
        timestamps = listening.timestamps or is_long or request.diarize
        listening = replace(listening, timestamps=timestamps)
        near = await asyncio.to_thread(resample, audio, detector.rate_hz)
        likely = await speech_probabilities(near.pcm, detector, engines.scheduler)
        spoken = await asyncio.to_thread(stretches, likely, len(near.pcm), detector)
        heard = clips(spoken, likely, detector)
        if transcriber.rate_hz != detector.rate_hz:
            near = await asyncio.to_thread(resample, audio, transcriber.rate_hz)
            heard = [at_rate(clip, detector.rate_hz, transcriber.rate_hz) for clip in heard]
        return _Recording(near.pcm, heard, transcriber, listening, audio, speaker)

    async def _transcript(self, recording: _Recording, heard: list[Segment]) -> pb.TranscriptResult:
        """All of it, with its speakers if they are wanted: of each segment the one who speaks longest in it."""
        duration_s = recording.audio.duration_ms / 1000
        if not recording.speaker:
            return transcript(heard, duration_s)
        rate_hz = recording.speaker.rate_hz
        engines = self._premises.engines
        listened = await listen_to(recording.audio, rate_hz, engines.detector, engines.scheduler)
        grouping = Grouping(same_below=recording.speaker.same_group_below)
        turns = await who_speaks(listened, recording.speaker, grouping, Tidiness())
        return transcript(heard, duration_s, [_speaker(segment, turns, rate_hz) for segment in heard])


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
    return f"SPEAKER_{speaker:02}"
