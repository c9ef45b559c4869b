"""From text as it is written to phrases that can be spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.sentences import (
    CHARACTERS_PER_CHARACTER_SAID,
    FIRST_LONGEST_CHARACTERS,
    HEADSTART_CHARACTERS,
    LONGEST_CHARACTERS,
    Phrase,
    sentences,
)
from tests.pipeline.streams import collect, cut, stream
from tests.protocol.effort import examples

LONG_AGO = "Once upon a time there was a man. He had two sons and a house by the sea.\n"
"""What has been said before, so that nothing need be cut short."""


async def split(text: str) -> list[Phrase]:
    """The phrases of `text` when it comes letter by letter."""
    return await collect(sentences(stream(text)))


async def split_later(text: str) -> list[str]:
    """The same in the middle of a reply."""
    before, after = await split(LONG_AGO), await split(LONG_AGO + text)
    assert after[: len(before)] == before
    return [phrase.text for phrase in after[len(before) :]]


def joined(phrases: list[Phrase]) -> str:
    return " ".join(phrase.text for phrase in phrases)


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
        "Name three: 1. Rome, 2. Oslo.|Good.",
        "See No. 5 and Fig. 3 on p. 7.|He said no.|It is at Jan. 5.|She came in Jan.|Then left.",
        "Add 2 tbsp. of oil.|Stir.",
        # Quotes and brackets belong to what they close, and so does bold type.
        'She said "Stop."|He did not.',
        "**Really.**|_Yes!_|It is `x`.|**No**.|So.",
        # What is quoted can be part of a sentence, and a pause too.
        '"Stop!" he said.|"Now."|She stopped.',
        "I think... maybe.|Well… perhaps!|So...|And then?",
        # Nothing is parted that a voice has to see whole.
        "See [Goldfinger. A film.](https://example.com/a.b?c=d).|Good.",
        "Say `a. B! c` twice.|Then stop.",
        "Go to https://www.example.com/a.html?b=1.2.|Write to a.b@c.org!|Use 192.168.0.1.",
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
    assert await split_later(text.replace("\n|", "\n").replace("|", " ")) == wanted


async def test_a_sentence_is_let_go_as_soon_as_it_is_over() -> None:
    """With the blank that shows it, before the next word is asked for."""
    asked: list[str] = []
    texts = sentences(stream(["It", " is", " 3", ".", "5", ".", " That", " is", " all", "."], asked.append))
    assert await anext(texts) == Phrase("It is 3.5.")
    assert asked[-1] == " That"
    assert await collect(texts) == [Phrase("That is all.")]


@pytest.mark.parametrize("text", ["", " ", "\n\n \n", "\t"])
async def test_blanks_are_no_sentence(text: str) -> None:
    """There is nothing to say in them."""
    assert await split(text) == []


@pytest.mark.parametrize("text", ["?!", "...", "…", '"', "1.", "-", "Dr.", "🙂"])
async def test_marks_alone_are_not_lost(text: str) -> None:
    """What to make of them is for the voice to decide."""
    assert await split(text) == [Phrase(text)]


@pytest.mark.parametrize(
    "text",
    [
        # A sentence is short enough.
        "Paris.| It is the capital of France.",
        "Yes, I do!| What about you?",
        # After a comma, a colon, a dash.
        "Of course,~ I would be happy to help you with that.",
        "Here is one for you:~ Why did the chicken cross the road?",
        "That is easy enough —~ it is seven.",
        "That is easy enough—~it is seven.",
        'When he said "no,"~ I was glad of it.',
        "**To be honest**,~ I have no idea what that would be.",
        # But not after one word alone.
        "Yes, it is going to rain tomorrow,~ so you should bring an umbrella.",
        # Nor in a number or a date.
        "On May 22, 2026 it was 1,234.5 to 2,000,~ said the man on the telephone.",
        "It is 10:30 a.m. in Paris,~ and it is not yet 5 in New York.",
        "It is 1234567 - 9 or 11 – 12,~ as far as I can remember.",
        # Before a word that begins another clause, or a group of words.
        "The sky appears blue~ because of the way the air scatters light.",
        "I'm glad to hear that you and your friend~ and your family are well!",
        "The Eiffel Tower is located~ in Paris and was built long ago.",
        "The largest animal of them all~ in the sea is the blue whale.",
        # Before any word, but never after one that leans on it.
        "Strawberries usually taste sweetest very soon~ after being picked.",
        "Strawberries usually taste sweetest fed to your old~ grandmother.",
        "Strawberries usually seem sweetest eaten straight~ from the fields.",
        # Not in the name of a link, nor in code.
        "See [the manual, in short](https://example.com/a)~ in case of fire.",
        "Use `print(a, b, c, d, e, f)`,~ which prints them all.",
    ],
)
async def test_the_first_phrase_is_cut_short_where_it_sounds_best(text: str) -> None:
    """At `~` in the middle of a sentence, at `|` at its end."""
    first, *_ = await split(text.replace("|", "").replace("~", ""))
    assert first == Phrase(text.replace("|", "~").split("~")[0], goes_on="~" in text)


TYPICAL = [
    "The capital of France is Paris. It is known for the Eiffel Tower, which was built in 1889.",
    "Sure! To make an omelette, beat three eggs with a little salt and fry them in butter.",
    "The sky appears blue because of the way the atmosphere scatters sunlight.",
    "It's currently 10:30 a.m. on Sunday, November 22, 2026.",
    "The largest ocean on Earth is the Pacific Ocean, covering about 63 million square miles.",
    "You should leave the house at 8:45, so that you arrive at the station by 9:15.",
    "There are seven days in a week: Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, and Sunday.",
    "I don't have access to real-time information, but I can tell you how to find the weather.",
    "To boil an egg you need around 7 to 10 minutes depending on how you like it.",
    "As of my last update, the population of Tokyo was approximately 14 million people.",
    "Photosynthesis is the process by which green plants use sunlight to make food from carbon dioxide and water.",
    "I'd suggest a stir-fry with rice, eggs, and tomatoes. It takes 20 minutes.",
    "**Step 1:** Preheat the oven to 350°F and line a baking tray with paper.",
    "I'm sorry to hear that you are not feeling well today. Is there anything I can do?",
]


@pytest.mark.parametrize("text", TYPICAL)
async def test_the_first_phrase_of_a_reply_is_short(text: str) -> None:
    """In three seconds of speech at most; and long enough that the next is written while it is heard."""
    first, *_ = await split(text)
    assert 5 <= len(first.text) <= FIRST_LONGEST_CHARACTERS + len("photosynthesis")


async def test_most_first_phrases_are_much_shorter_than_their_sentences() -> None:
    firsts = [(await split(text))[0] for text in TYPICAL]
    assert sum(len(first.text) for first in firsts) / len(TYPICAL) <= 33
    assert sum(first.goes_on for first in firsts) >= len(TYPICAL) * 0.6


async def test_emoji_are_not_a_first_phrase() -> None:
    """Whatever comes before the first word that is heard, the first that is heard is short."""
    assert [phrase.text for phrase in await split("🙂!\nOf course, I would be happy to help.")] == [
        "🙂!",
        "Of course,",
        "I would be happy to help.",
    ]


async def test_the_listener_does_not_wait_for_a_long_second_phrase() -> None:
    """Each is no longer than what is written while those before it are heard, so the phrases grow."""
    phrases = await split("Yes. " + "and on it goes, " * 100)
    said = 0
    for phrase in phrases:
        allowed = HEADSTART_CHARACTERS + CHARACTERS_PER_CHARACTER_SAID * said
        assert len(phrase.text) <= min(allowed, LONGEST_CHARACTERS)
        said += len(phrase.text)
    assert max(len(phrase.text) for phrase in phrases) > 200


async def test_speech_does_not_wait_for_a_sentence_that_never_ends() -> None:
    """It is let go at the last clause that is near enough."""
    clause = "and on it goes and on it goes and on it goes, "
    phrases = await split(clause * 20)
    assert len(phrases) > 3
    assert all(phrase.text.endswith(",") and len(phrase.text) <= LONGEST_CHARACTERS for phrase in phrases[1:])
    assert joined(phrases) == (clause * 20).strip()


async def test_without_a_clause_it_is_let_go_at_a_blank() -> None:
    """Never in the middle of a word that is not itself too long."""
    words = "word " * 200
    phrases = await split(words)
    assert all(len(phrase.text) <= LONGEST_CHARACTERS for phrase in phrases)
    assert joined(phrases) == words.strip()
    assert [phrase.goes_on for phrase in phrases] == [True] * (len(phrases) - 1) + [False]


async def test_a_word_without_end_is_let_go_in_pieces() -> None:
    """Nothing of it is lost."""
    phrases = await split("a" * 1000)
    assert all(len(phrase.text) <= LONGEST_CHARACTERS for phrase in phrases)
    assert joined(phrases).replace(" ", "") == "a" * 1000


@pytest.mark.parametrize("sizes", [[], [314], [315], [316], [317], [100, 200]])
async def test_a_sentence_too_long_is_cut_alike_however_it_comes(sizes: list[int]) -> None:
    """Also when its end is known already, because it came in the same piece."""
    text = LONG_AGO + "Hello.  " + "word " * 46 + "is what, at last, it says. And that is all."
    assert await collect(sentences(stream(cut(text, sizes)))) == await split(text)


WRITING = st.text(st.sampled_from("aB1 .,!?…\n\"')I—–`[]"), max_size=400) | st.lists(
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
            "22,",
            "–",
            "—",
            "and",
            "because",
            "in",
            "the",
            "[a",
            "b](c)",
            "`",
            "No.",
            "5",
            "...",
            "**",
        ]
    ),
    max_size=120,
).map(" ".join)


@examples
@given(WRITING, st.lists(st.integers(0, 40), max_size=60))
async def test_nothing_is_lost_however_the_text_comes(text: str, sizes: list[int]) -> None:
    """Joined, the phrases are the text."""
    said = await collect(sentences(stream(cut(text, sizes))))
    assert "".join(phrase.blanks + phrase.text for phrase in said).strip() == text.strip()
    assert all(phrase.text == phrase.text.strip() != "" for phrase in said)


@examples
@given(WRITING, st.lists(st.integers(0, 40), max_size=60))
async def test_the_phrases_are_the_same_however_the_text_comes(text: str, sizes: list[int]) -> None:
    """A model's tokens say nothing about where its sentences end."""
    said, wanted = await collect(sentences(stream(cut(text, sizes)))), await split(text)
    assert said == wanted
    assert [phrase.blanks for phrase in said] == [phrase.blanks for phrase in wanted]


@examples
@given(WRITING)
async def test_no_word_is_parted(text: str) -> None:
    """Joined with blanks, the phrases are the words of the text; only a dash can part two, and a word too long."""
    text = text.replace("—", " ")
    words = text.split()
    if max(map(len, words), default=0) < HEADSTART_CHARACTERS:
        assert joined(await split(text)).split() == words
