"""Ears behind another door: our own, and a barer one that takes files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.transcriber import RemoteTranscriber, open_remote_transcriber, segments_of
from realtime.codecs.containers import read_audio
from realtime.engines.base import Listening, Segment
from realtime.errors import EngineBusy, EngineFailed, NotServed
from tests.backend.doorway import Doorway
from tests.backend.remote.remote_backend import Answer, BareBackend, at_work, workshop
from tests.backend.rooms import premises_of
from tests.fakes import FakeTranscriber, fake_engines, quiet, voice
from tests.server.house import until

SPEECH = np.concatenate((quiet(500, SPEECH_RATE_HZ), voice(1500, SPEECH_RATE_HZ), quiet(400, SPEECH_RATE_HZ)))

CAREFULLY = Listening(language="de", prompt="Wetter", keywords=("Köln", "Bonn"), words=True)

RESULT = pb.TranscriptResult(
    segments=[
        pb.TranscriptSegment(id=0, start=0, end=1_500_000_000, text="Good morning."),
        pb.TranscriptSegment(
            id=1,
            start=1_500_000_000,
            end=2_000_000_000,
            text="Who's there?",
            tokens=[7, 8],
            words=[
                pb.TranscriptWord(start=1_500_000_000, end=1_700_000_000, text="Who's"),
                pb.TranscriptWord(start=1_700_000_000, end=2_000_000_000, text="there?"),
            ],
        ),
    ],
    text="Good morning. Who's there?",
    language="en",
    duration=2.0,
)


async def opened(address: str, **options: Any) -> RemoteTranscriber:
    """As a server opens it: in a thread."""
    return await asyncio.to_thread(open_remote_transcriber, workshop(address, **options))


async def heard(transcriber: RemoteTranscriber, listening: Listening | None = None) -> list[Segment]:
    async with aclosing(transcriber.transcribe(SPEECH, listening or Listening())) as segments:
        return [segment async for segment in segments]


async def test_what_was_said_comes_back_with_its_times() -> None:
    """By our own door, which cuts the silence away before it listens; the hints arrive."""
    ears = FakeTranscriber(script=["Wie ist das Wetter?"])
    async with Doorway(premises_of(fake_engines(transcriber=ears))) as door:
        transcriber = await opened(door.address, languages=["en", "de"])
        assert transcriber.languages == {"en", "de"}
        (segment,) = await heard(transcriber, CAREFULLY)
        assert segment.text == "Wie ist das Wetter?"
        assert "".join(word.text for word in segment.words) == segment.text
        assert 0 <= segment.start_s < 0.6
        assert 1.5 < segment.end_s <= 2.4
        assert segment.words[0].start_s < segment.words[-1].end_s <= segment.end_s
        assert ears.asked[-1] == replace(ears.asked[-1], language="de", prompt="Wetter", keywords=("Köln", "Bonn"))
        assert not (await heard(transcriber, replace(CAREFULLY, words=False)))[0].words
        await transcriber.close()


async def test_silence_is_nothing() -> None:
    """Said or heard."""
    async with Doorway(premises_of(fake_engines(transcriber=FakeTranscriber(script=[""])))) as door:
        transcriber = await opened(door.address)
        assert await heard(transcriber) == []
        await transcriber.close()


@pytest.mark.parametrize("by", ["closing", "cancelling"])
async def test_giving_up_stops_the_work_far_away(by: str) -> None:
    """Nothing else could: it waits."""
    ears = FakeTranscriber(gate=asyncio.Event())
    async with Doorway(premises_of(fake_engines(transcriber=ears))) as door:
        transcriber = await opened(door.address)
        hearing = asyncio.get_running_loop().create_task(heard(transcriber))
        await until(lambda: bool(ears.heard))
        assert door.going_on == 1
        if by == "closing":
            await transcriber.close()
            with pytest.raises(EngineFailed):
                await hearing
        else:
            hearing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hearing
        await until(lambda: door.going_on == 0)
        await transcriber.close()


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(EngineFailed("Somebody said this."), EngineFailed), (EngineBusy("Too much to do."), EngineBusy)],
)
async def test_what_fails_there_fails_here(failure: Exception, kind: type[Exception]) -> None:
    """As the same kind of error, in words of ours; the next goes well."""
    ears = FakeTranscriber(script=[failure])
    async with Doorway(premises_of(fake_engines(transcriber=ears))) as door:
        transcriber = await opened(door.address)
        with pytest.raises(kind, match=door.address) as failed:
            await heard(transcriber)
        assert str(failure) not in str(failed.value)
        ears.script = ["Well."]
        assert [segment.text for segment in await heard(transcriber)] == ["Well."]
        await transcriber.close()


def live(result: pb.TranscriptResult) -> Answer:
    async def listen(requests: Any, context: Any) -> AsyncIterator[pb.TranscriptLiveResponse]:
        samples = 0
        async for request in requests:
            if request.HasField("config"):
                yield pb.TranscriptLiveResponse(ready=True)
            samples += len(request.audio.pcm)
        assert samples == len(SPEECH)
        yield pb.TranscriptLiveResponse(delta="Good")
        yield pb.TranscriptLiveResponse(final_result=result)

    return listen


async def test_blanks_and_times_are_put_in_our_way() -> None:
    """Whether or not the backend has words, segments, or only a text."""
    async with at_work(BareBackend({"AudioTranscriptionLive": live(RESULT)})) as address:
        transcriber = await opened(address)
        first, second = await heard(transcriber, Listening(words=True))
        assert (first.text, first.start_s, first.end_s, first.words) == ("Good morning.", 0, 1.5, ())
        assert (second.text, second.start_s, second.end_s) == (" Who's there?", 1.5, 2.0)
        assert [word.text for word in second.words] == [" Who's", " there?"]
        assert (second.language, second.tokens) == ("en", (7, 8))
        await transcriber.close()
    (only,) = segments_of(pb.TranscriptResult(text="Hello.", duration=1.25), Listening(language="en"))
    assert (only.text, only.start_s, only.end_s, only.language) == ("Hello.", 0, 1.25, "en")
    japanese = pb.TranscriptResult(
        text="はい。そうです。", segments=[pb.TranscriptSegment(text="はい。"), pb.TranscriptSegment(text="そうです。")]
    )
    assert [segment.text for segment in segments_of(japanese, Listening())] == ["はい。", "そうです。"]


async def test_another_backend_begins_anew_when_one_is_lost() -> None:
    """Nothing had been passed on yet."""

    async def lost(requests: Any, context: Any) -> AsyncIterator[pb.TranscriptLiveResponse]:
        yield pb.TranscriptLiveResponse(ready=True)
        await context.read()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "going down")

    async def listen(requests: Any, context: Any) -> AsyncIterator[pb.TranscriptLiveResponse]:
        yield pb.TranscriptLiveResponse(ready=True)
        while await context.read() is not grpc.aio.EOF:
            continue
        yield pb.TranscriptLiveResponse(final_result=RESULT)

    backends = [BareBackend({"AudioTranscriptionLive": answer}) for answer in (lost, listen)]
    async with at_work(*backends) as addresses:
        transcriber = await opened(addresses)
        for _ in range(2):
            assert len(await heard(transcriber)) == 2
        assert backends[1].calls.count("AudioTranscriptionLive") == 2
        await transcriber.close()


async def test_all_tries_together_have_one_deadline(tmp_path: Path) -> None:
    """A backend that is lost, another that takes files only, and the file: each has what is left of it."""
    left_s: list[float] = []

    async def spend(context: Any) -> None:
        left_s.append(context.time_remaining())
        await until(lambda: context.time_remaining() < left_s[-1] - 0.6)

    async def lost(requests: Any, context: Any) -> AsyncIterator[pb.TranscriptLiveResponse]:
        yield pb.TranscriptLiveResponse(ready=True)
        await spend(context)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "going down")

    async def none(requests: Any, context: Any) -> AsyncIterator[pb.TranscriptLiveResponse]:
        await spend(context)
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
        yield pb.TranscriptLiveResponse()

    async def transcribe(request: pb.TranscriptRequest, context: Any) -> pb.TranscriptResult:
        left_s.append(context.time_remaining())
        return RESULT

    answers = ({"AudioTranscriptionLive": live, "AudioTranscription": transcribe} for live in (lost, none))
    backends = [BareBackend(answer) for answer in answers]
    async with at_work(*backends) as addresses:
        transcriber = await opened(addresses, shared_directory=str(tmp_path), deadline_s=10)
        while len(left_s) < 3:  # whichever is asked first
            left_s.clear()
            transcriber._by_file = False
            await heard(transcriber)
        lost_s, none_s, file_s = left_s
        assert lost_s < 10.5
        assert none_s < lost_s - 0.2  # gRPC tells them to a few per cent
        assert file_s < none_s - 0.2
        await transcriber.close()


async def test_a_backend_that_takes_files_is_given_one(tmp_path: Path) -> None:
    """In the folder that both machines see, which the other may call something else; it is gone afterwards."""
    asked: list[pb.TranscriptRequest] = []

    async def transcribe(request: pb.TranscriptRequest, context: Any) -> pb.TranscriptResult:
        asked.append(request)
        assert Path(request.dst).parent == Path("/mnt/shared")
        audio = read_audio(tmp_path / Path(request.dst).name)
        assert (audio.rate_hz, len(audio.pcm)) == (SPEECH_RATE_HZ, len(SPEECH))
        return RESULT

    backend = BareBackend({"AudioTranscription": transcribe})
    async with at_work(backend) as address:
        folders = {"shared_directory": str(tmp_path), "shared_directory_there": "/mnt/shared"}
        transcriber = await opened(address, **folders)
        assert len(await heard(transcriber, CAREFULLY)) == 2
        assert len(await heard(transcriber, Listening(translate=True))) == 2
        assert (asked[0].language, asked[0].prompt) == ("de", "Wetter, Köln, Bonn")
        assert [request.translate for request in asked] == [False, True]
        assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
        await transcriber.close()
        transcriber = await opened(address)
        with pytest.raises(EngineFailed, match="shared_directory"):
            await heard(transcriber)
        with pytest.raises(NotServed, match="shared_directory"):
            await heard(transcriber, Listening(translate=True))
        await transcriber.close()


async def test_our_own_door_takes_files_too(tmp_path: Path) -> None:
    """From a folder that it permits."""
    async with Doorway(
        premises_of(fake_engines(transcriber=FakeTranscriber(script=["Hello there."])), tmp_path)
    ) as door:
        transcriber = await opened(door.address, shared_directory=str(tmp_path))
        transcriber._by_file = True
        assert [segment.text for segment in await heard(transcriber)] == ["Hello there."]
        await transcriber.close()


async def test_a_backend_that_never_says_it_is_ready_fails() -> None:
    """Or what it has heard."""

    async def silent(requests: Any, context: Any) -> AsyncIterator[pb.TranscriptLiveResponse]:
        while await context.read() is not grpc.aio.EOF:
            yield pb.TranscriptLiveResponse(ready=len(backend.calls) > 2)

    backend = BareBackend({"AudioTranscriptionLive": silent})
    async with at_work(backend) as address:
        transcriber = await opened(address)
        with pytest.raises(EngineFailed, match="ready to listen"):
            await heard(transcriber)
        with pytest.raises(EngineFailed, match="what it has heard"):
            await heard(transcriber)
        await transcriber.close()
