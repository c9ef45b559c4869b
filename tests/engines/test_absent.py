"""A server without language model and voice."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest

from realtime.engines.absent import NoChat, NoSynthesizer
from realtime.engines.base import Prompt, Speaking
from realtime.errors import NotServed
from tests.fakes import FakeSpeechToSpeech, fake_engines


async def test_who_asks_is_told_why() -> None:
    """Over whichever door."""
    with pytest.raises(NotServed, match=r"'speech_to_speech'.*language model"):
        async with aclosing(NoChat().answer(Prompt())) as parts:
            await anext(parts)
    with pytest.raises(NotServed, match=r"'speech_to_speech'.*voice"):
        async with aclosing(NoSynthesizer().speak("Hello.", Speaking())) as pieces:
            await anext(pieces)


async def test_only_models_that_are_there_are_listed() -> None:
    """With one that answers in place of two."""
    engines = fake_engines(speech_to_speech=FakeSpeechToSpeech())
    alone = replace(engines, chat=NoChat(), synthesizer=NoSynthesizer())
    assert alone.models == ("fake-ears", "fake-person")
    assert alone.busy is False
    await alone.close()
