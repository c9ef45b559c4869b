"""What a listener says into an answer: to stop it, or only to show that somebody is listening.

`bench/make_interjections.py` makes them, in the voice of the questions. Each is 16 kHz mono, with 200 ms of silence
before and after the voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import msgspec

from realtime.audio import Audio
from realtime.codecs.containers import read_audio


@dataclass(frozen=True, slots=True)
class Interjection:
    """What is said, in words and as sound."""

    name: str
    kind: Literal["interruption", "backchannel"]
    text: str
    audio: Audio


class _Listed(msgspec.Struct, frozen=True):
    file: str
    kind: Literal["interruption", "backchannel"]
    text: str
    voice: str
    licence: str


def load_interjections() -> list[Interjection]:
    """All of them, interruptions first."""
    folder = files(__name__)
    listed = msgspec.json.decode(folder.joinpath("interjections.json").read_bytes(), type=list[_Listed])
    return [
        Interjection(
            each.file.removesuffix(".flac"), each.kind, each.text, read_audio(folder.joinpath(each.file).read_bytes())
        )
        for each in listed
    ]
