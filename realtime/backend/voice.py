"""What is spoken: `TTS`, `TTSStream`, `SoundGeneration`.

A text is said as a conversation's answer is, by the same engine and through the same stages: the samples are the same.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol, runtime_checkable

import numpy as np

from realtime.audio import Audio, Pcm
from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.codecs.pcm16 import Pcm16
from realtime.engines.base import Speaking, Synthesizer, Urgency
from realtime.errors import InvalidRequest, NotServed
from realtime.languages import language_code
from realtime.pipeline.read_aloud import read_aloud

LONGEST_TEXT = 40_000
"""Characters: three quarters of an hour of speech."""

_NO_SOUND: Pcm = np.zeros(0, np.float32)


@runtime_checkable
class KnowsLanguages(Protocol):
    """A synthesizer that says which languages it speaks; one that does not is given a text in any."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO-639-1 codes."""
        ...


class Voice:
    """Speaks texts."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def tts(self, request: pb.TTSRequest) -> pb.Result:
        """Say `text` and write it to `dst`, a WAV file of 16-bit samples at the voice's own rate.

        `voice` is one of the engine's, its first if none is named; `model` is not looked at. Raises `InvalidRequest`
        for a voice or a language that is not there, and for a text with nothing to say; what `Files.writable` raises
        for `dst`. Cancelling writes nothing and stops the voice after the step that runs.
        """
        synthesizer, speaking = self._asked(request)
        await self._premises.files.check_writable(request.dst, "dst")
        async with aclosing(read_aloud(request.text, synthesizer, speaking, synthesizer.rate_hz)) as pieces:
            spoken = [_NO_SOUND] + [piece.pcm async for piece in pieces]
        sound = Audio(np.concatenate(spoken), synthesizer.rate_hz)
        if not len(sound.pcm):
            raise _nothing_to_say()
        await self._premises.files.write_wav(request.dst, "dst", sound)
        return pb.Result(success=True, message=f"{sound.duration_ms / 1000:.2f} s of speech at {sound.rate_hz} Hz")

    async def tts_stream(self, request: pb.TTSRequest) -> AsyncGenerator[pb.Reply, None]:
        """`text` as it is said: first the rate, as `message` `{"sample_rate": …}`, then `audio`, 16-bit little-endian
        samples of one channel. Nothing is written.

        Raises as `tts` does. Cancelling, or closing it, stops the voice after the step that runs.
        """
        synthesizer, speaking = self._asked(request)
        codec = Pcm16()
        begun = False
        async with aclosing(read_aloud(request.text, synthesizer, speaking, synthesizer.rate_hz)) as pieces:
            async for piece in pieces:
                if not len(piece.pcm):
                    continue
                if not begun:
                    begun = True
                    yield pb.Reply(message=json.dumps({"sample_rate": synthesizer.rate_hz}).encode())
                yield pb.Reply(audio=codec.encode(piece.pcm))
        if not begun:
            raise _nothing_to_say()

    async def sound_generation(self, request: pb.SoundGenerationRequest) -> pb.Result:
        """Raises `NotServed`: no engine of this project makes sound that is not speech."""
        raise NotServed(
            "'SoundGeneration': this server has no engine for music and noises; name a backend that has one in the "
            "setting 'grpc.routes': SoundGeneration = \"grpc://…\""
        )

    def _asked(self, request: pb.TTSRequest) -> tuple[Synthesizer, Speaking]:
        """Who is to speak, and how."""
        synthesizer = self._premises.engines.synthesizer
        if not request.text.strip():
            raise InvalidRequest("'text' is empty.", code="missing_required_parameter", param="text")
        if len(request.text) > LONGEST_TEXT:
            message = f"'text' has {len(request.text)} characters; {LONGEST_TEXT} are the most."
            raise InvalidRequest(message, param="text")
        # An engine without any stands for a voice that this server does without, and says so when it is to speak.
        if request.voice and synthesizer.voices and request.voice not in synthesizer.voices:
            there = ", ".join(synthesizer.voices)
            raise InvalidRequest(f"There is no voice {request.voice!r}; there are: {there}.", param="voice")
        _check_language(request.language, synthesizer)
        return synthesizer, Speaking(voice=request.voice or None, urgency=Urgency.UNATTENDED)


def _check_language(name: str, synthesizer: Synthesizer) -> None:
    if not name.strip() or not isinstance(synthesizer, KnowsLanguages):
        return
    if language_code(name) not in synthesizer.languages:
        spoken = ", ".join(sorted(synthesizer.languages))
        message = f"'language': {synthesizer.model!r} does not speak {name!r}; it speaks {spoken}."
        raise InvalidRequest(message, param="language")


def _nothing_to_say() -> InvalidRequest:
    return InvalidRequest("'text' holds nothing that can be said.", param="text")
