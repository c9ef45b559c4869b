"""What words say about whether they are all of a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.wording import sense_of
from tests.protocol.effort import examples


@pytest.mark.parametrize(
    "text",
    [
        "Do I need an umbrella when I go out this afternoon?",
        "which ocean lies between Europe and America.",
        " I would rather go on Friday, if that is possible!  ",
        'She said, "I am not sure that I can come."',
        "It isn’t what I’d asked you to bring.",
    ],
)
def test_a_sentence_is_a_whole(text: str) -> None:
    """Case, quotation marks and blanks around it do not matter."""
    assert sense_of(text, "en") == "whole"


@pytest.mark.parametrize("text", ["What is the capital?", "Yes, please.", "No.", "Why is the sky blue?", "Stop!"])
def test_a_sentence_of_few_words_is_a_brief_one(text: str) -> None:
    """It may be the beginning of a longer one."""
    assert sense_of(text, "en") == "brief"


@pytest.mark.parametrize("words", [5, 6])
def test_from_six_words_on_a_whole_is_not_brief(words: int) -> None:
    """However long they are."""
    assert sense_of("go " * words + ".", "en") == ("brief" if words == 5 else "whole")


@pytest.mark.parametrize(
    "text",
    ["Can you tell me what this is for?", "Yes, I do.", "I really do not think that it was so.", "How long did?"],
)
def test_a_sentence_with_an_end_that_is_seldom_one_is_like_a_brief_one(text: str) -> None:
    """However many words it has; without a sign behind it, it is open."""
    assert sense_of(text, "en") == "brief"
    assert sense_of(text[:-1], "en") == "open"


@pytest.mark.parametrize(
    "text",
    [
        "What is the...",
        "What is the capital of?",
        "How many days are there in the.",
        "I have rice, two eggs and",
        "Can you tell me a sh-",
        "And yet,",
        "I lost my keys somewhere between…",
        "My view on this was that I’m",
        "Where can I find, um,",
        'He said "because',
        "THE",
    ],
)
def test_what_must_go_on_is_open(text: str) -> None:
    """Whatever sign the transcriber has put behind it: it takes nearly everything for a sentence."""
    assert sense_of(text, "en") == "open"


@pytest.mark.parametrize("text", ["", "   ", "...", "?", "we had everything before us", "so had I said it would rain"])
def test_what_has_no_words_or_no_sign_says_nothing(text: str) -> None:
    """Not every transcriber writes signs."""
    assert sense_of(text, "en") is None


@pytest.mark.parametrize("language", [None, "", "de", "xx", "EN"])
@pytest.mark.parametrize("text", ["Do I need an umbrella this afternoon?", "Ich habe das", "What is the"])
def test_nothing_is_made_of_a_language_that_is_not_known(text: str, language: str | None) -> None:
    """The same letters may be another word in it."""
    assert sense_of(text, language) is None


@examples
@given(st.text(max_size=60), st.sampled_from(["the", "and", "of", "um", "Because", "i'm"]))
def test_an_open_word_at_the_end_is_open_whatever_came_before(text: str, last: str) -> None:
    """And nothing that a transcriber can write is too much."""
    assert sense_of(f"{text} {last}", "en") == "open"
    assert sense_of(text, "en") in ("whole", "brief", "open", None)
