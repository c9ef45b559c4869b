"""What sessions begin with."""

from __future__ import annotations

import pytest

from realtime.errors import InvalidRequest
from realtime.protocol.offer import Offer
from realtime.server.opening_config import asked_beforehand, asked_in_query
from realtime.settings import ConversationSettings

OFFER = Offer(voices=frozenset({"heart"}))

SETTINGS = ConversationSettings(model="house-voice", instructions="Be brief.")


def test_without_wishes_a_session_is_as_the_operator_wants_it() -> None:
    """Whether it begins now or later."""
    for config in (asked_in_query(SETTINGS, {}), asked_beforehand(SETTINGS, OFFER, {"type": "realtime"})):
        assert (config.type, config.model, config.instructions) == ("realtime", "house-voice", "Be brief.")


def test_a_model_may_be_asked_for() -> None:
    """By any name; no name is none."""
    assert asked_in_query(SETTINGS, {"model": "gpt-realtime"}).model == "gpt-realtime"
    assert asked_in_query(SETTINGS, {"model": ""}).model == "house-voice"
    assert asked_beforehand(SETTINGS, OFFER, {"type": "realtime", "model": "gpt-realtime"}).model == "gpt-realtime"


def test_a_session_may_only_listen() -> None:
    """Then it transcribes."""
    later = {"type": "transcription", "audio": {"input": {"transcription": {"language": "en"}}}}
    for config in (asked_in_query(SETTINGS, {"intent": "transcription"}), asked_beforehand(SETTINGS, OFFER, later)):
        assert config.type == "transcription"
        assert config.audio.input.transcription


@pytest.mark.parametrize("intent", ["", "conversation", "Transcription"])
def test_other_intents_are_refused(intent: str) -> None:
    """By name."""
    with pytest.raises(InvalidRequest) as refused:
        asked_in_query(SETTINGS, {"intent": intent})
    assert refused.value.param == "intent"


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({}, "session.type"),
        ({"type": "opera"}, "session.type"),
        ({"type": "realtime", "instructions": 4}, "session.instructions"),
        ({"type": "realtime", "audio": {"output": {"speed": 9}}}, "session.audio.output.speed"),
        ({"type": "realtime", "audio": {"output": {"voice": "nobody"}}}, "session.audio.output.voice"),
        ({"type": "transcription", "instructions": "Sing."}, "session.instructions"),
    ],
)
def test_what_cannot_be_is_refused_beforehand(session: dict[str, object], param: str) -> None:
    """As it would be in a session."""
    with pytest.raises(InvalidRequest) as refused:
        asked_beforehand(SETTINGS, OFFER, session)
    assert refused.value.param == param
