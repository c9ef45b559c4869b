"""Words of sound that is there already."""

from __future__ import annotations

from contextlib import aclosing

import numpy as np
import pytest

from realtime.engines.base import Listening, Segment
from realtime.errors import EngineFailed
from realtime.pipeline.recorded import transcribed
from realtime.pipeline.stretches import Stretch
from tests.fakes import FakeTranscriber

SOUND = np.zeros(10 * 16_000, np.float32)
CLIPS = [Stretch(16_000, 32_000), Stretch(64_000, 96_000), Stretch(112_000, 128_000)]


async def heard(transcriber: FakeTranscriber, listening: Listening | None = None) -> list[Segment]:
    return [segment async for segment in transcribed(SOUND, CLIPS, transcriber, listening or Listening())]


async def test_segments_come_by_their_time_and_join_to_the_text() -> None:
    transcriber = FakeTranscriber(["One.|Two.", "", " Three four. "])
    segments = await heard(transcriber, Listening(words=True))
    assert [segment.text for segment in segments] == ["One.", " Two.", " Three four."]
    assert [(segment.start_s, segment.end_s) for segment in segments] == [(1, 1.5), (1.5, 2), (7, 8)]
    assert [(word.text, word.start_s, word.end_s) for word in segments[2].words][1] == (" four.", 7.5, 8)
    assert [len(clip) for clip in transcriber.heard] == [16_000, 32_000, 16_000]


@pytest.mark.parametrize(("language", "text"), [("zh", "你好。世界。"), ("de", "你好。 世界。")])
async def test_only_where_sentences_are_parted_by_blanks_there_is_one(language: str, text: str) -> None:
    segments = await heard(FakeTranscriber(["你好。", "世界。", ""]), Listening(language=language))
    assert "".join(segment.text for segment in segments) == text


async def test_the_first_language_that_is_found_is_that_of_all() -> None:
    class Polyglot(FakeTranscriber):
        async def transcribe(self, speech, listening):  # type: ignore[no-untyped-def]
            async with aclosing(super().transcribe(speech, listening)) as segments:
                async for segment in segments:
                    yield Segment(text=segment.text, start_s=0, end_s=1, log_probability=0, language="de")

    transcriber = Polyglot(["Eins.", "Zwei.", "Drei."])
    await heard(transcriber)
    assert [asked.language for asked in transcriber.asked] == [None, "de", "de"]


async def test_closing_goes_no_further() -> None:
    transcriber = FakeTranscriber(["One.", "Two.", "Three."])
    async with aclosing(transcribed(SOUND, CLIPS, transcriber, Listening())) as segments:
        assert (await anext(segments)).text == "One."
    assert len(transcriber.heard) == 1


async def test_what_fails_is_told() -> None:
    with pytest.raises(EngineFailed):
        await heard(FakeTranscriber(["One.", EngineFailed("deaf")]))
