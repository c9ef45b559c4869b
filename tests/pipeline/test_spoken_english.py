"""From plain text to words that a voice gets right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pipeline.spoken_english import in_words
from tests.protocol.effort import examples


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        # Addresses.
        ("See www.example.com for more.", "See example dot com for more."),
        ("See https://example.com/en/the-guide?page=2#top.", "See example dot com slash en slash the dash guide."),
        ("See (http://www.example.com/).", "See (example dot com)."),
        ("See https://example.com/a/path/that/nobody/can/remember, please.", "See example dot com, please."),
        ("At http://localhost:8000 now", "At localhost port 8000 now"),
        ("See docs.example.org/start or example.de!", "See docs dot example dot org slash start or example dot de!"),
        ("Write to jo_e.doe@mail.example.com.", "Write to jo underscore e dot doe at mail dot example dot com."),
        ("Use Node.js, config.yaml and .NET.", "Use Node dot js, config dot yaml and dot NET."),
        ("It is in /etc/nginx.", "It is in slash etc slash nginx."),
        ("C#, F# and C++", "C sharp, F sharp and C++"),
        # Telephone numbers.
        ("Call 555-123-4567.", "Call 5 5 5, 1 2 3, 4 5 6 7."),
        ("Call (555) 123-4567 or 555-0199.", "Call 5 5 5, 1 2 3, 4 5 6 7 or 5 5 5, 0 1 9 9."),
        ("Call +1 (555) 123-4567!", "Call plus 1, 5 5 5, 1 2 3, 4 5 6 7!"),
        (
            "Call +44 20 7946 0958 or 1-800-555-0199.",
            "Call plus 4 4, 2 0, 7 9 4 6, 0 9 5 8 or 1, 8 0 0, 5 5 5, 0 1 9 9.",
        ),
        # Versions and addresses of machines.
        ("Take v2.0.1, v3.2 or 4.5.6.", "Take version 2 point 0 point 1, version 3.2 or 4 point 5 point 6."),
        ("Ping 192.168.0.1.", "Ping 192 dot 168 dot 0 dot 1."),
        # Ranges and calculations.
        ("It takes 5-10 minutes, or 5–10.", "It takes 5 to 10 minutes, or 5 to 10."),
        ("From 10:30-11:00, 9am-5pm, 5-10%.", "From 10:30 to 11:00, 9am to 5pm, 5 to 10%."),
        ("It costs $5-$10 or 1,000–2,000.", "It costs $5 to $10 or 1,000 to 2,000."),
        ("The 5-year-old has 2024-25.", "The 5-year-old has 2024 to 25."),
        ("5 - 3 = 2, 10 / 2 = 5, 2 x 3, 4×5", "5 minus 3 = 2, 10 divided by 2 = 5, 2 times 3, 4 times 5"),
        ("16:9 at 1920x1080", "16 to 9 at 1920 by 1080"),
        ("1/2 cup, 3/4, 2 1/3.", "one half cup, 3 quarters, 2 and 1 third."),
        ("-$5, −3, .5, US$7, ≈ 4, √2", "minus $5, minus 3, 0.5, $7, about 4, the square root of 2"),
        ("24/7 at 5 GB/s", "24 7 at 5 GB per second"),
        # Abbreviations.
        (
            "Fruit, e.g. apples, i.e. the red, approx. 5.",
            "Fruit, for example apples, that is the red, approximately 5.",
        ),
        ("See Fig. 3, No. 7, p. 5 and Vol. 2.", "See figure 3, number 7, page 5 and volume 2."),
        ("On Jan. 5 he said no. Five.", "On January 5 he said no. Five."),
        ("2 tbsp. of oil, 1 tsp salt, 1/2 tsp", "2 tablespoons of oil, 1 teaspoon salt, one half teaspoon"),
        # Emoji.
        ("I am happy 😊 to help!🎉👩🏽‍🚀❤️", "I am happy to help!"),
        ("1️⃣ Start", "1 Start"),
    ],
)
def test_what_voices_stumble_over_is_put_into_words(text: str, wanted: str) -> None:
    """As somebody would read it out."""
    assert in_words(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "It costs 1,234.56 in total, or $3.50 for 50%.",
        "He came 1st, she came 22nd, at 10:30 on 2026-11-22 or 11/22/2026.",
        "Drive 60 km/h for 5 km at -5°C.",
        "Dr. Smith lives in the U.S. at 9 a.m. since the 1990s, etc.",
        "AT&T, R&B, and/or A/B at #5.",
        "Pi is 3.14; 2 + 2 = 4... Really?!",
        "J. R. R. Tolkien (Ph.D.) said: “no.”",
        "Well-known F-16s and COVID-19, 9/11.",
        "The e-mail. It ended.The next",
        "¿Qué? Ça va, 中文, Übung.",
    ],
)
def test_what_a_voice_reads_well_is_left_alone(text: str) -> None:
    """It knows better."""
    assert in_words(text) == text


@examples
@given(st.text(st.sampled_from("aB1 5.,:;-–/@+_~$%°#x×√≈()?!e.gnowhtps\n\U0001f389")))
def test_no_text_is_too_odd(text: str) -> None:
    """Something comes out, and no blanks are left around it or doubled within."""
    said = in_words(text)
    assert said == " ".join(said.split())
    assert "\U0001f389" not in said
