"""What stands in the place of engines that a server does without, because one engine hears, thinks and speaks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from realtime.audio import Audio
from realtime.engines.base import Ability, AnswerPart, Prompt, Speaking
from realtime.errors import NotServed

_WHY = "this server answers speech with speech (setting 'speech_to_speech') and has no {} of its own"


class NoChat:
    """No language model. Raises `NotServed` when it is asked."""

    model = ""
    abilities: frozenset[Ability] = frozenset()

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        """Raises `NotServed`."""
        yield await _refuse("language model")

    async def close(self) -> None:
        """Nothing to close."""


class NoSynthesizer:
    """No voice. Raises `NotServed` when it is asked."""

    model = ""
    rate_hz = 24_000
    voices: tuple[str, ...] = ()

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        """Raises `NotServed`."""
        yield await _refuse("voice")

    async def close(self) -> None:
        """Nothing to close."""


async def _refuse(engine: str) -> Any:
    raise NotServed(_WHY.format(engine))
