"""The voice: what is said, how fast, and with how little silence around it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.audio import SPEECH_RATE_HZ, Audio, Pcm
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Speaking, Urgency
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.hibari import Hibari, HibariOptions, open_hibari
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import BadConfiguration, EngineFailed, ModelUnavailable
from realtime.pipeline.sentences import Phrase
from realtime.pipeline.speakable import Reading
from tests.end_to_end.wer import word_error_rate, words
from tests.engines.conftest import MakeWorkshop
from tests.engines.watched import WatchedScheduler

pytestmark = pytest.mark.model

PARIS = "The capital of France is Paris."


@pytest.fixture(scope="module")
def voice(workshop: MakeWorkshop) -> Hibari:
    return open_hibari(workshop())


async def said(voice: Hibari, text: str, speaking: Speaking | None = None) -> list[Pcm]:
    sound = [audio async for audio in voice.speak(text, speaking or Speaking())]
    assert all(audio.rate_hz == voice.rate_hz for audio in sound)
    assert all(audio.pcm.dtype == np.float32 and np.abs(audio.pcm).max() <= 1 for audio in sound)
    return [audio.pcm for audio in sound]


def silences_ms(pcm: Pcm) -> tuple[float, float]:
    """Before and after what is louder than -50 dB."""
    loud = np.flatnonzero(np.abs(pcm) > np.abs(pcm).max() * 10 ** (-50 / 20))
    return loud[0] / 24, (len(pcm) - 1 - loud[-1]) / 24


@pytest.fixture(scope="module")
def ears(workshop: MakeWorkshop) -> FasterWhisper:
    return open_faster_whisper(workshop())


async def heard(ears: FasterWhisper, sound: list[Pcm]) -> str:
    speech = resample(Audio(np.concatenate(sound), 24_000), SPEECH_RATE_HZ).pcm
    return "".join([segment.text async for segment in ears.transcribe(speech, Listening())])


async def test_it_says_what_it_is_given(ears: FasterWhisper, voice: Hibari) -> None:
    text = "The capital of France is Paris. It has about two million inhabitants."
    assert word_error_rate(await heard(ears, await said(voice, text)), text) <= 0.15


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("See **www.example.com** for more 🎉.", "See example.com for more."),
        (
            "Ask [me](mailto:a@b.c), or write to john.doe@example.com.",
            "Ask me or write to John dot Doe at example dot com.",
        ),
        ("It takes 5–10.", "It takes 5 to 10."),
        ("Fruit, e.g. apples, for approx. 5 people.", "Fruit, for example apples, for approximately 5 people."),
        ("Call (555) 123-4567.", "Call 555-123-4567."),
        ("## See Fig. 3 in version 2.0.1", "See figure 3 in version 2.0.1"),
        ("It is 1,234.56 at 10:30 for Dr. Smith.", "It is 1,234.56 at 10.30 for Dr. Smith."),
        ("You need 3/4 of it and 2 tbsp. of oil.", "You need 3 quarters of it and 2 tablespoons of oil."),
    ],
)
async def test_what_a_model_writes_is_heard_right(
    ears: FasterWhisper, voice: Hibari, written: str, wanted: str
) -> None:
    """In one go, and up to signs and small numbers, which Whisper writes now this way, now that."""
    sound = await said(voice, Reading().spoken(Phrase(written)))
    assert len(sound) == 1
    assert "".join(words(await heard(ears, sound))) == "".join(words(wanted))


async def test_sentences_come_one_by_one(voice: Hibari) -> None:
    whole = await said(voice, "Hello! The capital of France is Paris. Goodbye.")
    assert len(whole) == 3
    assert [len(pcm) for pcm in whole] == [len((await said(voice, t))[0]) for t in ("Hello!", PARIS, "Goodbye.")]


@pytest.mark.parametrize("text", ["Paris.", PARIS, "Hello! How can I help you today?", "See?", "Shh.", "Ah, well."])
async def test_there_is_little_silence_around_a_sentence(voice: Hibari, text: str) -> None:
    for pcm in await said(voice, text):
        before, after = silences_ms(pcm)
        assert before <= 60
        assert 100 <= after <= 260


CLAUSES = [
    "The Eiffel Tower is located in Paris,",
    "Of course,",
    "The sky appears blue,",
    "I'm glad to hear that,",
    "There are three kinds:",
    "Yes, of course;",
    "It has got to stop —",
    "She said, “You need a bit of luck,”",
]


@pytest.mark.parametrize("text", CLAUSES)
async def test_a_clause_is_heard_and_nothing_after_it(ears: FasterWhisper, voice: Hibari, text: str) -> None:
    clause = await said(voice, text)
    assert word_error_rate(await heard(ears, clause), text) == 0
    assert silences_ms(clause[-1])[1] <= 110


async def test_a_clause_does_not_sound_as_if_all_had_been_said(voice: Hibari) -> None:
    """On the whole its pitch rises where a sentence's falls."""
    clauses = [last_rise((await said(voice, text))[-1]) for text in CLAUSES]
    sentences = [last_rise((await said(voice, text.rstrip(" ,:;—”") + "."))[-1]) for text in CLAUSES]
    assert np.mean(clauses) > 1 > np.mean(sentences)


def last_rise(pcm: Pcm) -> float:
    """By how much the pitch rises over the last 150 ms that have one; by autocorrelation, from 75 to 400 Hz."""
    found = []
    for start in range(0, len(pcm) - 960, 240):
        frame = pcm[start : start + 960]
        likeness = np.correlate(frame, frame, "full")[959:]
        shift = 60 + int(np.argmax(likeness[60:320]))
        if frame.std() > 0.1 * pcm.std() and likeness[shift] > 0.5 * likeness[0]:
            found.append(24_000 / shift)
    return float(np.median(found[-5:]) / np.median(found[-15:-10]))


@pytest.mark.parametrize("speed", [0.5, 1.5])
async def test_a_clause_is_cut_at_any_speed(ears: FasterWhisper, voice: Hibari, speed: float) -> None:
    text = "I'm glad to hear that,"
    assert word_error_rate(await heard(ears, await said(voice, text, Speaking(speed=speed))), text) == 0


async def test_only_a_last_clause_goes_on(voice: Hibari) -> None:
    """The sentences before it end as sentences do."""
    both = await said(voice, f"{PARIS} Of course,")
    assert [len(pcm) for pcm in both] == [len((await said(voice, text))[0]) for text in (PARIS, "Of course,")]


async def test_how_much_silence_is_an_option(workshop: MakeWorkshop) -> None:
    voice = open_hibari(workshop(lead_ms=0, trail_ms=0))
    before, after = silences_ms((await said(voice, PARIS))[0])
    assert before < 40
    assert after < 60


async def test_the_same_text_is_the_same_sound(voice: Hibari) -> None:
    once, again = await said(voice, PARIS), await said(voice, PARIS)
    np.testing.assert_array_equal(once[0], again[0])


async def test_several_can_speak_at_once(voice: Hibari) -> None:
    alone = await said(voice, PARIS)
    async with asyncio.TaskGroup() as tasks:
        together = [tasks.create_task(said(voice, PARIS)) for _ in range(4)]
    for task in together:
        np.testing.assert_array_equal(task.result()[0], alone[0])


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5])
async def test_speed_is_kept(voice: Hibari, speed: float) -> None:
    usual = sum(map(len, await said(voice, PARIS)))
    this = sum(map(len, await said(voice, PARIS, Speaking(speed=speed))))
    assert this * speed == pytest.approx(usual, rel=0.15)


async def test_a_speed_beyond_what_is_possible_is_the_nearest(voice: Hibari) -> None:
    np.testing.assert_array_equal(
        (await said(voice, "Yes.", Speaking(speed=0.01)))[0], (await said(voice, "Yes.", Speaking(speed=0.25)))[0]
    )


NOTHING = ["", "   ", "\n\n", "…", "...", "?!", "—", "😀", "🎉 👍", "\u200b", "«»", "\x00", "中文"]


@pytest.mark.parametrize("text", NOTHING)
async def test_what_cannot_be_pronounced_is_not_said(voice: Hibari, text: str) -> None:
    assert await said(voice, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "1" * 200,
        "It is <¹ of all.",
        "1," * 300,
        "It costs $3.50 at 7:30 pm, see https://example.com 😀 **bold** e.g. Dr. Smith.",
        "[here](/wrong/) and [there](https://example.com/a_(b))",
        "x" * 2000,
        "日本 hello",
        "<|im_end|>",
    ],
)
async def test_odd_text_is_said_somehow(voice: Hibari, text: str) -> None:
    assert await said(voice, text)


async def test_a_link_is_read_by_its_name(voice: Hibari) -> None:
    np.testing.assert_array_equal(
        (await said(voice, "Look [over there](/nowhere/)."))[0], (await said(voice, "Look over there."))[0]
    )


async def test_text_without_any_punctuation_comes_in_pieces(voice: Hibari) -> None:
    pieces = await said(voice, "one more word " * 60)
    assert len(pieces) > 1
    assert max(map(len, pieces)) < 30 * voice.rate_hz


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30))
def test_no_text_is_too_odd(voice: Hibari, text: str) -> None:
    asyncio.run(said(voice, text))


class OddVoice:
    """Reads everything as a hum that cannot be heard."""

    def phonemize(self, text: str) -> list[str]:
        return ["m"]

    def ids(self, phonemes: str) -> list[int]:
        return [0, 1, 0]

    def from_ids(self, ids: list[int], speed: float, rng: object) -> Pcm:
        return np.zeros(24_000, np.float32)


class BrokenVoice(OddVoice):
    """Fails at what another can say."""

    def from_ids(self, ids: list[int], speed: float, rng: object) -> Pcm:
        raise RuntimeError("the text itself")


class HastyVoice(OddVoice):
    """Makes no pause anywhere; a text alone takes it a second."""

    def phonemize(self, text: str) -> list[str]:
        return [text]

    def ids(self, phonemes: str) -> list[int]:
        return [ord(phoneme) for phoneme in phonemes]

    def from_ids(self, ids: list[int], speed: float, rng: object) -> Pcm:
        return np.ones(24_000 if chr(ids[-1]) == "," else 60_000, np.float32)


async def test_a_clause_that_cannot_be_cut_is_said_alone() -> None:
    alone = await said(Hibari({"hasty": HastyVoice()}, HibariOptions(), Scheduler(1)), "Well,")
    assert [len(pcm) for pcm in alone] == [24_000]


async def test_sound_that_cannot_be_heard_is_none() -> None:
    assert await said(Hibari({"odd": OddVoice()}, HibariOptions(), Scheduler(1)), "Hum.") == []


async def test_a_voice_that_fails_says_so_without_the_text() -> None:
    with pytest.raises(EngineFailed, match="could not say a sentence: RuntimeError") as failed:
        await said(Hibari({"broken": BrokenVoice()}, HibariOptions(), Scheduler(1)), "Hum.")
    assert "itself" not in str(failed.value)


async def test_a_voice_that_is_not_there_is_named(voice: Hibari) -> None:
    with pytest.raises(EngineFailed, match=r"no voice 'nobody'; there are: .*heart"):
        await said(voice, "Hello.", Speaking(voice="nobody"))
    assert await said(voice, "Hello.", Speaking(voice="heart"))


def refuse(name: str) -> Path:
    raise ModelUnavailable(f"no {name}")


def test_a_voice_is_never_fetched(workshop: MakeWorkshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hibari.voices.download", lambda *args: pytest.fail("the network was used"))
    empty: Workshop = replace(workshop(), model_path=refuse)
    assert open_hibari(empty).voices == ("heart",)
    with pytest.raises(ModelUnavailable, match="hibari-emma"):
        open_hibari(replace(empty, options={"voice": "emma"}))


def test_voices_that_were_fetched_can_be_asked_for(workshop: MakeWorkshop) -> None:
    from hibari.voices import voice_path

    def has_emma(name: str) -> Path:
        return Path(voice_path("heart")) if name == "hibari-emma" else refuse(name)

    stocked: Workshop = replace(workshop(), model_path=has_emma)
    assert open_hibari(stocked).voices == ("heart", "emma")
    assert open_hibari(replace(stocked, options={"voice": "emma"})).voices == ("emma", "heart")


def test_a_voice_nobody_knows_is_a_mistake_in_the_configuration(workshop: MakeWorkshop) -> None:
    with pytest.raises(BadConfiguration, match="no voice 'nobody'"):
        open_hibari(workshop(voice="nobody"))


def test_a_broken_voice_is_named(workshop: MakeWorkshop, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelUnavailable, match="voice 'emma'"):
        open_hibari(replace(workshop(voice="emma"), model_path=lambda name: broken))


async def test_the_event_loop_is_never_held_up(voice: Hibari, no_blocking: None) -> None:
    assert await said(voice, PARIS)


async def test_a_sentence_takes_one_turn_of_a_thread(workshop: MakeWorkshop) -> None:
    scheduler = WatchedScheduler()
    voice = open_hibari(replace(workshop(), scheduler=scheduler))
    await said(voice, "Hello. Goodbye.", Speaking(urgency=Urgency.SPECULATIVE))
    assert scheduler.turns == [Urgency.SPECULATIVE] * 2
    await asyncio.to_thread(scheduler.close)


async def test_closing_early_makes_no_further_sentence(workshop: MakeWorkshop) -> None:
    scheduler = WatchedScheduler()
    voice = open_hibari(replace(workshop(), scheduler=scheduler))
    async with aclosing(voice.speak("Hello. Goodbye.", Speaking())) as sound:
        await anext(sound)
    assert len(scheduler.turns) == 1
    await asyncio.to_thread(scheduler.close)
