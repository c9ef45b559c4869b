"""Transcripts as the contract has them: times are nanoseconds, durations seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import Segment, Transcriber, Word
from realtime.errors import InvalidRequest
from realtime.languages import language_code

NANOSECONDS = 1_000_000_000


def nanoseconds(seconds: float) -> int:
    """`seconds`, never less than none."""
    return max(0, round(seconds * NANOSECONDS))


def words_of(words: Iterable[Word]) -> list[pb.TranscriptWord]:
    """Each without the blank before it."""
    return [
        pb.TranscriptWord(start=nanoseconds(word.start_s), end=nanoseconds(word.end_s), text=word.text.strip())
        for word in words
    ]


def transcript(segments: Sequence[Segment], duration_s: float, speakers: Sequence[str] = ()) -> pb.TranscriptResult:
    """All that was said, in order; `speakers` are those of the segments, one for each, if they are known."""
    return pb.TranscriptResult(
        segments=[
            pb.TranscriptSegment(
                id=number,
                start=nanoseconds(segment.start_s),
                end=nanoseconds(segment.end_s),
                text=segment.text.strip(),
                tokens=segment.tokens,
                speaker=speakers[number] if speakers else "",
                words=words_of(segment.words),
            )
            for number, segment in enumerate(segments)
        ],
        text="".join(segment.text for segment in segments),
        language=next((segment.language for segment in segments if segment.language), ""),
        duration=duration_s,
    )


def language_of(name: str, transcriber: Transcriber, field: str) -> str | None:
    """The ISO-639-1 code of the language called `name` (`de`, `de-AT`), or None to find out (empty, or `auto`).

    Raises `InvalidRequest` for one that the transcriber does not know.
    """
    language = language_code(name)
    if language in ("", "auto"):
        return None
    if language not in transcriber.languages:
        known = ", ".join(sorted(transcriber.languages))
        message = f"'{field}': {transcriber.model!r} does not understand {name!r}; it understands {known}."
        raise InvalidRequest(message, param=field)
    return language
