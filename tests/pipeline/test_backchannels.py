"""What is said by somebody who listens, and what by somebody who wants to speak."""

from __future__ import annotations

import pytest

from realtime.pipeline.backchannels import is_backchannel, plain

LISTENING = (
    "Mm-hmm.|Mhm.|Hmm...|Uh-huh.|Aha...|M-H-M.|Em.|Yeah.|Yeah, yeah. Yeah?|Okay.|ok.|O.K.|Right. Right.|I see.|Sure.|"
    "Wow.|Really?|Oh, okay.|Got it.|Alright.|All right.|Oh, wow!|Of course.|That makes sense.|Mm. Okay, I see.|Haha.|"
    "Thank you.|No way!|Hm-|Ah.|Oh!|Yes. Yes."
)
SPEAKING = (
    "Stop.|Wait.|No.|Hold on.|Okay, stop.|Yeah, but what?|Thank you, that's enough.|What?|Why?|Hey.|Never mind.|"
    "Right now?|I see a problem.|Sorry.|Really, I don't think so.|Shut up.|Tell me more.|Nope.|One moment.|Hum a song."
)


@pytest.mark.parametrize("text", LISTENING.split("|"))
def test_who_listens_says_so(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", SPEAKING.split("|"))
def test_who_wants_to_speak_says_more(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", ["", " ", "...", "♪"])
def test_who_says_nothing_does_not_listen_either(text: str) -> None:
    assert not is_backchannel(text)


def test_a_language_without_a_table_has_no_backchannels() -> None:
    """Its words interrupt."""
    assert is_backchannel("Okay.", None)
    assert not is_backchannel("Okay.", "de")


def test_plain_words_are_letters_and_single_blanks() -> None:
    assert plain("  Oh – that's   GREAT_news! ") == "oh that s great news"
