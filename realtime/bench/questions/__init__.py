"""The spoken questions: short everyday ones, by a voice that is none of the server's own.

`bench/make_questions.py` makes them, `bench/break_questions.py` finds where to break them off. Each is 16 kHz mono,
with 200 ms of silence before and after the voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import msgspec

from realtime.audio import Audio
from realtime.codecs.containers import read_audio


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, in words and as sound."""

    name: str
    text: str
    audio: Audio
    breaks_ms: tuple[int, ...] = ()
    """Between which words it may be broken off."""


class _Listed(msgspec.Struct, frozen=True):
    file: str
    text: str
    voice: str
    licence: str
    breaks_ms: tuple[int, ...] = ()


def load_questions() -> list[Question]:
    """All of them, the shortest first."""
    folder = files(__name__)
    listed = msgspec.json.decode(folder.joinpath("questions.json").read_bytes(), type=list[_Listed])
    return [
        Question(
            each.file.removesuffix(".flac"),
            each.text,
            read_audio(folder.joinpath(each.file).read_bytes()),
            each.breaks_ms,
        )
        for each in listed
    ]
