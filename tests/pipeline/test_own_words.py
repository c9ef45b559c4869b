"""An answer that is heard by its own microphone."""

from __future__ import annotations

import pytest

from realtime.pipeline.own_words import OwnWords

SAID = "The Seine flows through Paris and on to the sea, and all of it is very beautiful in spring."


def said(text: str = SAID, word_s: float = 0.3) -> OwnWords:
    """A word every 300 ms; the last is over at 5.4 s."""
    words, own = text.split(), OwnWords()
    for index, word in enumerate(words):
        own.add(f" {word}" if index else word, (index + 1) * word_s)
    own.add("", 60.0)
    return own


@pytest.mark.parametrize(
    "heard", ["flows through Paris", "Flows through, Paris. End on to", "through", "the sane flows threw Paris and"]
)
def test_what_is_being_said_is_heard_again(heard: str) -> None:
    """Misheard in part."""
    assert said().are(heard, 1.8)


@pytest.mark.parametrize(
    "heard", ["Stop.", "No.", "and", "Wait, wait.", "What about London?", "Please stop talking about it.", ""]
)
def test_what_is_not_being_said_is_the_users(heard: str) -> None:
    """So are words that are in every answer."""
    assert not said().are(heard, 1.8)


def test_what_was_said_long_ago_does_not_come_back() -> None:
    assert said().are("flows through Paris", 2.8)
    assert not said().are("flows through Paris", 3.8)


def test_what_nobody_asks_about_is_not_kept_for_ever() -> None:
    """Ten minutes of answers in a session that doubts no speech; the end of the last is still known."""
    own = OwnWords()
    for second in range(600):
        own.add("flows through Paris ", second + 1.0)
        own.add("", second + 1.0)
    assert 1 < len(own._said) <= 61
    assert own.are("flows through Paris", 600.0)


def test_nothing_was_said() -> None:
    assert not OwnWords().are("flows through Paris", 0.0)
