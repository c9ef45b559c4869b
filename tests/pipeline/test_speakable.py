"""From what a model writes to what a voice should be given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.sentences import Phrase, sentences
from realtime.pipeline.speakable import Reading
from tests.pipeline.streams import collect, stream
from tests.protocol.effort import examples


def spoken(text: str) -> str:
    return Reading().spoken(Phrase(text))


async def read(text: str) -> list[str]:
    """A whole reply, without what is not said."""
    reading = Reading()
    phrases = await collect(sentences(stream([text])))
    return [said for phrase in phrases if (said := reading.spoken(phrase))]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("This is **very** *good*, __really__ ~~bad~~ _good_.", "This is very good, really bad good."),
        ("***All*** of **it*.", "All of it."),
        ("## Next steps", "Next steps"),
        ("> Quoted > text", "Quoted > text"),
        ("- Apples", "Apples"),
        ("* Pears", "Pears"),
        ("• Plums", "Plums"),
        ("- [ ] Buy milk", "Buy milk"),
        ("- [x] Done", "Done"),
        ("1. Open it.", "1, Open it."),
        ("2) Close it.", "2, Close it."),
        ("See [the manual](https://example.com/a_b?c=d).", "See the manual."),
        ("See <https://example.com>.", "See example dot com."),
        ("![A cat](cat.png)", "A cat"),
        ("Run `pip install foo_bar` now.", "Run pip install foo bar now."),
        ("One<br>two &amp; <b>three</b>", "One two & three"),
        ("| Apple | 3 |", "Apple, 3"),
        (r"It is 2 \* 3.", "It is 2 times 3."),
        # Signs that mean something.
        ("It is 2 * 3 * 4.", "It is 2 times 3 times 4."),
        ("The *only_name* and other_name", "The only name and other name"),
        ("5 > 3 and 2 < 3", "5 > 3 and 2 < 3"),
        ("Room #5, C# and #python", "Room #5, C sharp and #python"),
        ("- 5 is less than 3", "5 is less than 3"),
    ],
)
def test_markdown_is_not_said(text: str, wanted: str) -> None:
    """What it means is."""
    assert spoken(text) == wanted


@pytest.mark.parametrize("text", ["", "---", "***", "| --- | :-: |", "```", "🎉 👍🏽", "?!", "…", "** **", "====", "•"])
def test_signs_alone_are_not_said(text: str) -> None:
    """There is nothing to ask of the voice."""
    assert spoken(text) == ""


async def test_bold_type_may_go_on_from_phrase_to_phrase() -> None:
    """The half of a pair that is left alone is no sign to be said."""
    assert await read("**Of course, I will. It is _easy.** And fun_!") == [
        "Of course,",
        "I will.",
        "It is easy.",
        "And fun!",
    ]


async def test_code_that_is_named_as_such_is_not_read_out() -> None:
    """It is for the eye: what stands before and after it is said."""
    code = "Here it is:\n```python\nprint('a')\n\n# Print b. And c.\nprint('b')\n```\nThat is all."
    assert await read(code) == ["Here it is:", "That is all."]
    assert await read(code.replace("```", "~~~~")) == ["Here it is:", "That is all."]


async def test_a_fence_ends_as_it_began() -> None:
    """Another in it is code."""
    assert await read("````python\n```\n~~~~\nprint()\n```` x\n````\nDone.") == ["Done."]


async def test_prose_in_a_fence_is_read_out() -> None:
    """Some models put whole answers there."""
    for opening in ("```", "```text", "~~~ Markdown"):
        assert await read(f"{opening}\nRoses are red.\n{opening[:3]}\nNice!") == ["Roses are red.", "Nice!"]


async def test_code_between_words_is_read_out() -> None:
    """It is part of the sentence."""
    assert await read("Use ```ls``` and `cd`.") == ["Use ls and cd."]


async def test_each_reply_is_read_from_its_beginning() -> None:
    """Code that never ended does not silence the next reply."""
    assert await read("```python\nprint()") == []
    assert await read("Hello.") == ["Hello."]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The sky is blue", "The sky is blue,"),
        ("Of course,", "Of course,"),
        ("She said “yes,”", "She said “yes,”"),
        ("There are three:", "There are three:"),
        ("That is easy —", "That is easy,"),
        ("That is easy -", "That is easy,"),
        ("**The sky**", "The sky,"),
        ("🎉", ""),
    ],
)
def test_where_a_sentence_goes_on_the_voice_is_told(text: str, wanted: str) -> None:
    """Else it would fall as if it had come to an end."""
    assert Reading().spoken(Phrase(text, goes_on=True)) == wanted


@examples
@given(st.text(st.sampled_from("ab1 .,*_`~#|[]()<>&\\-+:/@!\n🎉%$")))
def test_no_text_is_too_odd(text: str) -> None:
    """Something comes out, and whatever letter there is comes in the same order."""
    said = Reading().spoken(Phrase(text.strip()))
    assert said == said.strip()
    assert said == "" or any(map(str.isalnum, said))


@examples
@given(st.lists(st.sampled_from(["Paris", "is", "the", "capital,", "it", "seems;", "don't", "(really)"]), min_size=1))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    """Whatever needs no change gets none."""
    assert spoken(" ".join(words)) == " ".join(words)
