"""From text as it is written to sentences that can be spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.sentences import LONGEST_CHARACTERS, sentences
from tests.pipeline.streams import collect, cut, stream
from tests.protocol.effort import examples


async def split(text: str) -> list[str]:
    """The sentences of `text` when it comes letter by letter."""
    return await collect(sentences(stream(text)))


@pytest.mark.parametrize(
    "text",
    [
        "Hello there.|How are you?|Fine!",
        # Marks that are part of something longer.
        "Pi is 3.14 or so.|The next is 2.72.",
        "It costs $1.50.|Send it to a.b@example.com or example.org/x.html.|Version 2.0.1 is out!",
        # Abbreviations and initials.
        "Dr. Who met Mr. and Mrs. Smith.|They agreed.",
        "Bring food, e.g. bread, i.e. anything.|Now.",
        "J. R. R. Tolkien wrote it.|Did he?",
        "He lives in the U.S. now.|It is 9 a.m. there.",
        "(Prof. Plum) did it.|“St. James” did not.",
        "It is I.|You know me.",
        # Only a full stop can belong to its word.
        "Was it plan B?|No, plan A!|Say “etc.”|Or St!|Now.",
        # A number can end a sentence, and begin a point of a list.
        "It was 1999.|Then came 2000.",
        "1. Take it.|2. Eat it.",
        # Quotes and brackets belong to what they close.
        'She said "Stop."|He did not.',
        "“Really?”|‘Yes!’|(I think so.)|[Sure.]",
        "Wait...|What?!|Well…|So be it.",
        # Line breaks end what has no mark.
        "A list\n|first\n|second\n\n|and more.",
        "No mark at the end",
        "Übung macht den Meister.|Ça va?|Да!",
        "Yes.",
    ],
)
async def test_text_is_split_where_sentences_end(text: str) -> None:
    """And nowhere else; `|` shows where."""
    wanted = [sentence.strip() for sentence in text.split("|")]
    assert await split(text.replace("\n|", "\n").replace("|", " ")) == wanted


async def test_a_sentence_is_let_go_as_soon_as_it_is_over() -> None:
    """With the blank that shows it, before the next word is asked for."""
    asked: list[str] = []
    texts = sentences(stream(["It", " is", " 3", ".", "5", ".", " That", " is", " all", "."], asked.append))
    assert await anext(texts) == "It is 3.5."
    assert asked[-1] == " That"
    assert await collect(texts) == ["That is all."]


@pytest.mark.parametrize("text", ["", " ", "\n\n \n", "\t"])
async def test_blanks_are_no_sentence(text: str) -> None:
    """There is nothing to say in them."""
    assert await split(text) == []


@pytest.mark.parametrize("text", ["?!", "...", "…", '"', "1.", "-", "Dr.", "🙂"])
async def test_marks_alone_are_not_lost(text: str) -> None:
    """What to make of them is for the voice to decide."""
    assert await split(text) == [text]


async def test_speech_does_not_wait_for_a_sentence_that_never_ends() -> None:
    """It is let go at the last clause that is near enough."""
    clause = "and on it goes and on it goes and on it goes, "
    texts = await split(clause * 20)
    assert len(texts) > 3
    assert all(text.endswith(",") and len(text) <= LONGEST_CHARACTERS for text in texts)
    assert " ".join(texts) == (clause * 20).strip()


async def test_without_a_clause_it_is_let_go_at_a_blank() -> None:
    """Never in the middle of a word that is not itself too long."""
    words = "word " * 200
    texts = await split(words)
    assert all(len(text) <= LONGEST_CHARACTERS for text in texts)
    assert " ".join(texts) == words.strip()


async def test_a_word_without_end_is_let_go_in_pieces() -> None:
    """Nothing of it is lost."""
    texts = await split("a" * 1000)
    assert all(len(text) <= LONGEST_CHARACTERS for text in texts)
    assert "".join(texts) == "a" * 1000


@pytest.mark.parametrize("sizes", [[], [240], [241], [242], [100, 200]])
async def test_a_sentence_too_long_is_cut_alike_however_it_comes(sizes: list[int]) -> None:
    """Also when its end is known already, because it came in the same piece."""
    text = "Hello.  " + "word " * 46 + "is what, at last, it says. And that is all."
    assert await collect(sentences(stream(cut(text, sizes)))) == await split(text)


WRITING = st.text(st.sampled_from("aB1 .,!?…\n\"')I"), max_size=400) | st.lists(
    st.sampled_from(
        [
            "Dr.",
            "3.14",
            "U.S.",
            "a, b",
            "  ",
            "e.g.",
            "I.",
            "J.",
            "Stop!",
            "Why?",
            "…",
            "\n",
            ",",
            "word word word word word word",
            "4.",
            '"No."',
        ]
    ),
    max_size=120,
).map(" ".join)


@examples
@given(WRITING, st.lists(st.integers(0, 40), max_size=60))
async def test_nothing_is_lost_however_the_text_comes(text: str, sizes: list[int]) -> None:
    """Joined, the sentences are the text, up to blanks."""
    said = await collect(sentences(stream(cut(text, sizes))))
    assert "".join("".join(said).split()) == "".join(text.split())
    assert all(sentence == sentence.strip() != "" for sentence in said)


@examples
@given(WRITING, st.lists(st.integers(0, 40), max_size=60))
async def test_the_sentences_are_the_same_however_the_text_comes(text: str, sizes: list[int]) -> None:
    """A model's tokens say nothing about where its sentences end."""
    assert await collect(sentences(stream(cut(text, sizes)))) == await split(text)
