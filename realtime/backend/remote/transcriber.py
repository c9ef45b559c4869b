"""A transcriber behind somebody's `AudioTranscriptionLive`, or else behind `AudioTranscription` and a shared folder.

The contract's own call takes a file. The newer one takes the sound itself, so it is asked first; a backend that does
not have it is given a file where both machines see the same folder.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from grpc.aio import EOF

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.channels import Channels, TwoWay
from realtime.backend.remote.deadline import Deadline
from realtime.backend.remote.reachable import open_channels
from realtime.backend.remote.refusals import NotOffered, Unreachable
from realtime.backend.remote.shared import FileConnection, SharedDirectory, open_shared
from realtime.engines.base import Listening, Segment, Word
from realtime.engines.registry import Workshop
from realtime.errors import EngineFailed, NotServed

PIECE_SAMPLES = SPEECH_RATE_HZ
"""In a message: 64 kB."""

LOG_PROBABILITY = -0.1
"""Of every word: the contract has no word for it, and this is what clear speech has."""

_NS = 1_000_000_000


class RemoteTranscriberOptions(FileConnection):
    """`[transcriber]` with `engine = "grpc://host:port"`."""

    model: str = "remote"
    """What the model is called here."""
    languages: tuple[str, ...] = ("en",)
    """ISO-639-1 codes of what the backend understands, which it cannot be asked for."""


class RemoteTranscriber:
    """Ears elsewhere."""

    rate_hz = SPEECH_RATE_HZ

    def __init__(
        self, channels: Channels, options: RemoteTranscriberOptions, shared: SharedDirectory | None = None
    ) -> None:
        self.model = options.model
        self.languages = frozenset(options.languages)
        self._channels = channels
        self._deadline_s = options.deadline_s
        self._shared = shared
        self._by_file = False
        """Whether the backend is known to take files only."""

    async def transcribe(self, speech: Pcm, listening: Listening) -> AsyncGenerator[Segment, None]:
        """The segments, once all of them are there. Cancelling, or closing it, stops the work far away at once.

        Raises `EngineBusy` when every backend has too much to do, `NotServed` where it should translate and cannot,
        `EngineFailed` for everything else.
        """
        for segment in segments_of(await self._result(speech, listening), listening):
            yield segment

    async def close(self) -> None:
        """Hang up. Cancelling leaves some channels open."""
        await self._channels.close()

    async def _result(self, speech: Pcm, listening: Listening) -> pb.TranscriptResult:
        if listening.translate and not self._shared:
            raise NotServed(
                "what is said cannot be translated by a transcriber at 'grpc://': only the call for files knows how, "
                "which needs the option `shared_directory`"
            )
        deadline = Deadline(self._deadline_s)
        if not (self._by_file or listening.translate):
            try:
                return await self._live_twice(speech, listening, deadline)
            except NotOffered as problem:
                if not self._shared:
                    raise EngineFailed(
                        f"{problem}, and without the option `shared_directory` it cannot be given a file"
                    ) from problem
                self._by_file = True
        return await self._from_file(speech, listening, deadline)

    async def _live_twice(self, speech: Pcm, listening: Listening, deadline: Deadline) -> pb.TranscriptResult:
        """Of a backend that is lost on the way nothing has been passed on: another may begin anew."""
        try:
            return await self._live(speech, listening, deadline)
        except Unreachable:
            return await self._live(speech, listening, deadline)

    async def _live(self, speech: Pcm, listening: Listening, deadline: Deadline) -> pb.TranscriptResult:
        config = pb.TranscriptLiveConfig(
            language=_language(listening), sample_rate=self.rate_hz, params=_hints(listening)
        )
        opening = pb.TranscriptLiveRequest(config=config)
        name = "AudioTranscriptionLive"
        async with self._channels.two_way(name, opening, greeted=True, deadline_s=deadline.left_s) as stream:
            if stream.greeting is EOF or not stream.greeting.ready:
                raise EngineFailed(f"the backend at {stream.address} does not say that it is ready to listen")
            for begin in range(0, len(speech), PIECE_SAMPLES):
                await stream.send(pb.TranscriptLiveRequest(audio=_audio(speech[begin : begin + PIECE_SAMPLES])))
            await stream.end()
            return await _final(stream)

    async def _from_file(self, speech: Pcm, listening: Listening, deadline: Deadline) -> pb.TranscriptResult:
        assert self._shared
        async with self._shared.file(Audio(speech, self.rate_hz)) as file:
            request = pb.TranscriptRequest(
                dst=file.there,
                language=_language(listening),
                translate=listening.translate,
                temperature=listening.temperature,
                prompt=", ".join(filter(None, (listening.prompt, *listening.keywords))),
                timestamp_granularities=[
                    *(["segment"] if listening.timestamps else []),
                    *(["word"] if listening.words else []),
                ],
            )
            name = "AudioTranscription"
            result: pb.TranscriptResult = await self._channels.unary(name, request, deadline_s=deadline.left_s)
            return result


async def _final(stream: TwoWay) -> pb.TranscriptResult:
    """What was heard in the end; what was guessed on the way is passed over."""
    async with aclosing(stream.replies()) as replies:
        async for reply in replies:
            if reply.HasField("final_result"):
                result: pb.TranscriptResult = reply.final_result
                return result
    raise EngineFailed(f"the backend at {stream.address} does not say what it has heard")


def _audio(pcm: Pcm) -> pb.TranscriptLiveAudio:
    """Fifty times cheaper than a message of floats: on the wire, packed floats are their bytes."""
    packed = pb.AudioTransformFrame(audio_pcm=pcm.astype("<f4", copy=False).tobytes()).SerializeToString()
    return pb.TranscriptLiveAudio.FromString(packed)


def _language(listening: Listening) -> str:
    """The one that may be spoken, if there is but one: the contract has no word for several."""
    return listening.language or (listening.languages[0] if len(listening.languages) == 1 else "")


def _hints(listening: Listening) -> dict[str, str]:
    """Only what there is to say: a backend may refuse what it does not know."""
    hints = {"prompt": listening.prompt, "keywords": ",".join(listening.keywords)}
    return {name: value for name, value in hints.items() if value}


def segments_of(result: pb.TranscriptResult, listening: Listening) -> Iterator[Segment]:
    """The segments of a result in our words; a result without any is one. What was not said is none."""
    language = result.language or listening.language
    told = result.segments or [pb.TranscriptSegment(end=round(result.duration * _NS), text=result.text)]
    texts = _in_context([segment.text for segment in told], result.text)
    for segment, text in zip(told, texts, strict=True):
        if not text.strip():
            continue
        spoken = segment.words if listening.words else []
        words = zip(spoken, _in_context([word.text for word in spoken], text), strict=True)
        yield Segment(
            text=text,
            start_s=segment.start / _NS,
            end_s=segment.end / _NS,
            log_probability=LOG_PROBABILITY,
            words=tuple(
                Word(text=said, start_s=word.start / _NS, end_s=word.end / _NS, log_probability=LOG_PROBABILITY)
                for word, said in words
            ),
            language=language,
            tokens=tuple(segment.tokens),
        )


def _in_context(pieces: list[str], whole: str) -> list[str]:
    """The pieces of `whole`, each with the blank that stands before it there: backends often strip them."""
    placed: list[str] = []
    end = 0
    for piece in pieces:
        bare = piece.strip()
        start = whole.find(bare, end)
        if start < 0:  # not the same words: then blanks part them
            placed.append(f" {bare}" if placed else bare)
            continue
        placed.append(f" {bare}" if start > 0 and whole[start - 1].isspace() else bare)
        end = start + len(bare)
    return placed


def open_remote_transcriber(workshop: Workshop) -> RemoteTranscriber:
    """Reach the backend; raises `ModelUnavailable` or `BadConfiguration` where that cannot be. Blocks."""
    options = workshop.read_options(RemoteTranscriberOptions, "grpc")
    return RemoteTranscriber(open_channels(workshop, options), options, open_shared(options))
