"""The reply that a turn will have, asked for before the turn is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from realtime.protocol import reports
from realtime.protocol.conversation import text_of
from realtime.protocol.effects import StartReply
from realtime.protocol.items import Message
from tests.protocol.client import Client, snapshot

DANCE = {"type": "function", "name": "dance", "description": "Dance.", "parameters": {"type": "object"}}


def said(start: StartReply) -> list[str]:
    return [text_of(item) for item in start.items if isinstance(item, Message)]


@pytest.mark.parametrize("session", [{}, {"instructions": "Be brief."}, {"tools": [DANCE], "temperature": 0.5}])
def test_it_is_the_reply_that_comes(client: Client, session: dict[str, object]) -> None:
    """The same but for the names of things, after any number of turns."""
    client.update(**session)
    for words in ("Hello.", "And again?"):
        client.begin_speech()
        foreseen = client.session.foresee(words)
        item_id = client.end_speech().event("input_audio_buffer.committed")["item_id"]
        coming = client.hear_all(item_id, words).effect(StartReply)
        assert foreseen
        assert said(foreseen) == said(coming)
        assert foreseen.items[:-1] == coming.items[:-1]
        assert replace(foreseen, response_id=coming.response_id, items=coming.items) == coming
        client.finish(coming.response_id)


def test_asking_changes_nothing(client: Client) -> None:
    client.begin_speech()
    before = snapshot(client.session)
    assert client.session.foresee("Hello.")
    assert snapshot(client.session) == before


def is_silent(client: Client) -> None:
    """The user is."""
    client.turn()


def answers_when_asked(client: Client) -> None:
    client.tune(turn_detection={"type": "server_vad", "create_response": False})
    client.begin_speech()


def is_about_to_stop(client: Client) -> None:
    client.begin_speech()
    client.report(reports.Draining())


def is_answering(client: Client) -> None:
    """And the user, who talks over it, does not stop it."""
    client.tune(turn_detection={"type": "server_vad", "interrupt_response": False})
    client.create()
    client.begin_speech()


def has_not_heard_all(client: Client) -> None:
    """What was said before has no words yet."""
    client.tune(turn_detection={"type": "server_vad", "create_response": False})
    client.speak()
    client.tune(turn_detection={"type": "server_vad", "create_response": True})
    client.begin_speech()


def is_over(client: Client) -> None:
    client.begin_speech()
    client.report(reports.HungUp())


@pytest.mark.parametrize(
    "become", [is_silent, answers_when_asked, is_about_to_stop, is_answering, has_not_heard_all, is_over]
)
def test_there_is_none_where_none_will_come(become: Callable[[Client], None], client: Client) -> None:
    become(client)
    assert client.session.foresee("Hello.") is None


def test_who_says_nothing_is_not_answered(client: Client) -> None:
    client.begin_speech()
    assert client.session.foresee(" ") is None
    assert client.session.foresee("Hello.")
