"""What a transcriber makes of speech."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a segment."""

    text: str
    """With the blank before it: joined, the words of a segment are its text."""
    start_s: float
    end_s: float
    log_probability: float
    """Natural logarithm of its probability, ≤ 0."""
    tokens: tuple[int, ...] = ()
    """The model's own ids of what it wrote, where the engine can tell which are whose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of speech put into words. Segments of one transcription follow one another in time."""

    text: str
    """With the blank before it where it continues a sentence, so that segments can be joined as they are."""
    start_s: float
    end_s: float
    log_probability: float
    """Mean natural logarithm of the tokens' probabilities, ≤ 0."""
    words: tuple[Word, ...] = ()
    """Its words, if they were asked for."""
    language: str | None = None
    """ISO-639-1 code of what was spoken, where the engine can tell."""
    tokens: tuple[int, ...] = ()
    """The model's own ids of what it wrote, where the engine can tell."""
