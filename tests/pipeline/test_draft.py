"""Words while the user still speaks: given once, never taken back, and together a good transcript."""

from __future__ import annotations

import asyncio
from typing import Literal

import numpy as np
import pytest

from realtime.audio import SPEECH_RATE_HZ, ms_to_samples, silence
from realtime.bench.questions import load_questions
from realtime.codecs.resample import resample
from realtime.engines.base import Listening, Urgency
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.errors import EngineBusy, EngineFailed
from realtime.models.store import ModelStore
from realtime.pipeline.draft import DELAYS, LONGEST_S, UNSETTLED_S, Draft
from tests.end_to_end.wer import word_error_rate
from tests.fakes import FakeTranscriber, settle
from tests.pipeline.ears import (
    EVERY_SECOND,
    WORD_S,
    Ears,
    Speaker,
    at,
    collect,
    hear_by_seconds,
    hear_by_steps,
    said_then_silent,
    sentences,
    turn,
)


async def test_words_come_while_the_user_speaks_and_all_of_them_once() -> None:
    """At most two periods and what is unsettled after they were said, and as they are in the end."""
    text = sentences(20)
    ears = Ears(text)
    speaker = Speaker(ears)
    await speaker.say(turn(8.0))
    assert speaker.text == "".join(f" {word}" for word in text)
    assert len(speaker.given) >= 6
    for said_s, segment in speaker.given[:-1]:
        assert UNSETTLED_S <= said_s - segment.end_s <= 2 + UNSETTLED_S + WORD_S
    assert [asked.urgency for asked in ears.asked] == [Urgency.PARTIAL] * (len(ears.asked) - 1) + [Urgency.FINAL]


async def test_what_two_hearings_do_not_agree_on_waits_for_the_end() -> None:
    """Then the last hearing decides."""
    ears = Ears(sentences(15), fickle=True)
    speaker = Speaker(ears)
    await speaker.say(turn(6.0))
    [(said_s, segment)] = speaker.given
    assert said_s == 6.0
    assert segment.text == "".join(f" {len(ears.asked)}{word}" for word in sentences(15))


async def test_a_turn_shorter_than_a_period_is_heard_once() -> None:
    """At full quality, with the hints as they are."""
    ears = Ears(["Yes."])
    hints = Listening(language="en", prompt="Yes or no?", keywords=("no",))
    speaker = Speaker(ears, hints=hints)
    await speaker.say(turn(0.7))
    assert speaker.text == " Yes."
    [asked] = ears.asked
    assert (asked.urgency, asked.language, asked.prompt) == (Urgency.FINAL, "en", "Yes or no?")


@pytest.mark.parametrize("wanted", [True, False])
async def test_words_are_given_only_to_who_wants_them(wanted: bool) -> None:
    """The draft itself always needs them."""
    ears = Ears(sentences(10))
    speaker = Speaker(ears, hints=Listening(words=wanted))
    await speaker.say(turn(4.0))
    for _, segment in speaker.given:
        assert "".join(word.text for word in segment.words) == (segment.text if wanted else "")
        assert segment.language == "en"
    assert all(asked.words for asked in ears.asked)


@pytest.mark.parametrize("text", [sentences(450), [f"word{index}" for index in range(450)]], ids=["ends", "no ends"])
async def test_minutes_cost_no_more_a_second_than_seconds(text: list[str]) -> None:
    """What is certain is not heard again, whether or not sentences end; the transcriber is told what it was."""
    ears = Ears(text)
    speaker = Speaker(ears)
    await speaker.say(turn(180.0), step_ms=500)
    assert speaker.text == "".join(f" {word}" for word in text)
    assert max(ears.windows_s) < 14
    assert "word42" in ears.asked[-1].prompt
    assert len(ears.asked[-1].prompt) <= 60


@pytest.mark.parametrize("ears", [Ears(sentences(450), fickle=True), Ears([])], ids=["fickle", "nothing"])
async def test_sound_that_makes_no_sense_is_not_heard_for_ever(ears: Ears) -> None:
    """Music, a language the model does not know, a minute of silence."""
    speaker = Speaker(ears)
    await speaker.say(turn(60.0), step_ms=500)
    assert max(ears.windows_s) <= LONGEST_S + 2


async def test_hearings_never_run_at_once_and_late_ones_are_skipped() -> None:
    """One that takes three periods is followed by one of all that came meanwhile."""
    gate = asyncio.Event()
    ears = Ears(sentences(30), gate=gate)
    draft = Draft(ears, Listening(), EVERY_SECOND)
    sound = turn(12.0)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        for second in range(4):
            draft.hear(sound[second * SPEECH_RATE_HZ : (second + 1) * SPEECH_RATE_HZ])
            await settle()
        assert ears.windows_s == [1.0]
        gate.set()
        await settle()
        assert ears.windows_s == [1.0, 4.0]
        draft.end(sound)
    assert ears.windows_s == [1.0, 4.0, 12.0]
    assert ears.most_running == 1
    assert listening.result() == "".join(f" {word}" for word in sentences(30))


@pytest.mark.parametrize(("patience", "hearings"), [(None, 4), (2, 2)])
async def test_a_transcriber_that_always_fails(patience: int | None, hearings: int) -> None:
    """Is told of at the end of the turn, or as soon as it has failed as often in a row as it may."""
    transcriber = FakeTranscriber([EngineFailed("deaf")])
    draft = Draft(transcriber, Listening(), EVERY_SECOND, patience)
    sound = turn(3.5)
    listening = asyncio.ensure_future(collect(draft))
    for second in range(3):
        draft.hear(sound[second * SPEECH_RATE_HZ : (second + 1) * SPEECH_RATE_HZ])
        await settle()
    assert listening.done() == (patience is not None)
    draft.end(sound)
    with pytest.raises(EngineFailed, match="deaf"):
        await listening
    assert len(transcriber.heard) == hearings


async def test_the_end_does_not_wait_for_a_hearing_of_less() -> None:
    """It is given up."""
    ears = Ears(sentences(5), gate=asyncio.Event())
    draft = Draft(ears, Listening(), EVERY_SECOND)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        draft.hear(turn(1.5))
        await settle()
        assert ears.running == 1
        draft.end(turn(2.0))
    assert listening.result() == "".join(f" {word}" for word in sentences(5))


@pytest.mark.parametrize("failure", [EngineFailed("a cough"), EngineBusy("too much to do")])
async def test_a_hearing_that_fails_on_the_way_is_left_out(failure: Exception) -> None:
    """There will be another."""
    speaker = Speaker(Ears(sentences(15), fails={2: failure, 4: failure}))
    await speaker.say(turn(6.0))
    assert speaker.text == "".join(f" {word}" for word in sentences(15))


async def test_silence_after_words_that_are_certain_is_not_heard_again() -> None:
    """Neither in the pause nor when the turn is over: the rest is there at once."""
    ears = Ears(["Yes,", "please", "do."])
    draft = Draft(ears, Listening(), EVERY_SECOND)
    sound = said_then_silent(1.2, 6.3)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        await hear_by_seconds(draft, sound)
        assert ears.windows_s == [1.0, 2.0, 3.0]
        draft.end(sound)
    assert ears.windows_s == [1.0, 2.0, 3.0]
    assert listening.result() == " Yes, please do."


async def test_in_a_silence_all_that_was_said_is_known_before_the_turn_is_over() -> None:
    """A hush is heard at once. More speech, and it is not all any more."""
    ears = Ears(["Yes,", "please", "do."])
    draft = Draft(ears, Listening(), EVERY_SECOND)
    sound = said_then_silent(1.2, 5)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        await hear_by_seconds(draft, sound[: 2 * SPEECH_RATE_HZ])
        knowing = tasks.create_task(draft.whole())
        await settle()
        assert not knowing.done()
        draft.hush()
        draft.hear(sound[2 * SPEECH_RATE_HZ : round(2.1 * SPEECH_RATE_HZ)])
        await settle()
        assert ears.windows_s == pytest.approx([1.0, 2.0, 2.1])
        assert knowing.result().text == " Yes, please do."
        draft.hear(turn(2.4)[-ms_to_samples(300, SPEECH_RATE_HZ) :])
        waiting = tasks.create_task(draft.whole())
        await settle()
        assert not waiting.done()
        waiting.cancel()
        listening.cancel()


@pytest.mark.parametrize(("delay", "at_s"), [("medium", [1.28, 1.42]), ("high", [1.28, 1.42, 1.56])])
async def test_in_a_hush_one_hearing_follows_another_until_they_agree(
    delay: Literal["medium", "high"], at_s: list[float]
) -> None:
    """Each takes 140 ms here: nobody waits for a period to pass, and none begins while another one runs."""
    gate = asyncio.Event()
    ears = Ears(["Yes,", "please", "do."], gate=gate)
    draft = Draft(ears, Listening(), DELAYS[delay])
    sound = said_then_silent(1.2, 4)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        draft.hear(sound[: at(1.0)])
        await settle()
        gate.set()
        await settle()
        gate.clear()
        draft.hear(sound[at(1.0) : at(1.18)])
        draft.hush()  # found in the next piece, which begins with speech
        draft.hear(sound[at(1.18) : at(1.28)])
        knowing = tasks.create_task(draft.whole())
        await settle()
        for end_s in at_s:
            assert not knowing.done()
            assert ears.windows_s[-1] == pytest.approx(end_s)
            await hear_by_steps(draft, sound, end_s, end_s + 0.14)
            gate.set()
            gate.clear()  # those that come after it wait again
            await settle()
        assert knowing.result().text == " Yes, please do."
        await hear_by_steps(draft, sound, at_s[-1] + 0.14, 4)
        assert ears.windows_s == pytest.approx([1.0, *at_s])
        assert ears.most_running == 1
        listening.cancel()


async def test_a_hush_is_over_when_the_speaker_goes_on() -> None:
    """From then on the turn is heard once a period."""
    ears = Ears(sentences(12))
    draft = Draft(ears, Listening(), DELAYS["medium"])
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        sound = turn(4.0)
        sound[at(1.2) : at(1.4)] = 0
        await hear_by_steps(draft, sound, 0, 1.3)
        draft.hush()
        await hear_by_steps(draft, sound, 1.3, 4)
        assert ears.windows_s == pytest.approx([0.7, 1.32, 1.34, 1.36, 1.38, 1.4, 2.1, 2.8, 3.5])
        listening.cancel()


async def test_what_is_not_agreed_on_in_a_hush_is_not_heard_without_end() -> None:
    """After a period of it, once a period again."""
    ears = Ears(["Yes,", "please", "do."], fickle=True)
    draft = Draft(ears, Listening(), DELAYS["medium"])
    sound = said_then_silent(1.2, 4)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        await hear_by_steps(draft, sound, 0, 1.3)
        draft.hush()
        await hear_by_steps(draft, sound, 1.3, 4)
        assert ears.windows_s == pytest.approx([0.7, *np.arange(1.32, 2.01, 0.02), 2.7, 3.4])
        listening.cancel()


async def test_what_hearings_do_not_agree_on_is_heard_again_though_only_silence_came() -> None:
    """It is not certain only because nothing came after it."""
    ears = Ears(["Yes,", "please", "do."], fickle=True)
    draft = Draft(ears, Listening(), EVERY_SECOND)
    sound = said_then_silent(1.2, 3.3)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        await hear_by_seconds(draft, sound)
        draft.end(sound)
    assert ears.windows_s[-1] == pytest.approx(3.3)
    assert ears.asked[-1].urgency is Urgency.FINAL
    assert listening.result() == " 4Yes, 4please 4do."


async def test_a_word_in_the_end_is_heard_however_short_it_is() -> None:
    """A yes after a pause."""
    ears = Ears(["So", "be", "it.", "", "", "", "", "Yes."])
    draft = Draft(ears, Listening(), EVERY_SECOND)
    sound = said_then_silent(1.2, 3.3)
    sound[-ms_to_samples(50, SPEECH_RATE_HZ) :] = 3.3
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(collect(draft))
        await hear_by_seconds(draft, sound)
        draft.end(sound)
    assert ears.windows_s[-1] == pytest.approx(3.3)


async def test_a_hearing_of_all_that_was_said_is_waited_for() -> None:
    """To begin another would take longer."""
    gate = asyncio.Event()
    gate.set()
    ears = Ears(["Yes,", "please", "do."], gate=gate)
    draft = Draft(ears, Listening(), EVERY_SECOND)
    sound = said_then_silent(1.2, 3.3)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        await hear_by_seconds(draft, sound[: 2 * SPEECH_RATE_HZ])
        gate.clear()
        draft.hear(sound[2 * SPEECH_RATE_HZ : 3 * SPEECH_RATE_HZ])
        await settle()
        draft.end(sound)
        await settle()
        assert ears.running == 1
        gate.set()
    assert ears.windows_s == [1.0, 2.0, 3.0]
    assert listening.result() == " Yes, please do."


async def test_the_last_one_tells_what_is_wrong() -> None:
    """It is what counts."""
    draft = Draft(Ears(["Yes."], fails={1: EngineFailed("deaf")}), Listening())
    draft.end(turn(0.5))
    with pytest.raises(EngineFailed, match="deaf"):
        await collect(draft)


async def test_cancelling_stops_the_hearing_that_runs() -> None:
    """Nothing is left behind."""
    ears = Ears(sentences(5), gate=asyncio.Event())
    draft = Draft(ears, Listening(), EVERY_SECOND)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft))
        draft.hear(turn(1.5))
        await settle()
        assert ears.running == 1
        listening.cancel()
    assert ears.running == 0


def test_a_longer_delay_is_longer() -> None:
    """In the order of their names."""
    waits = [delay.period_ms * delay.hearings for delay in DELAYS.values()]
    assert list(DELAYS) == ["minimal", "low", "medium", "high", "xhigh"]
    assert waits == sorted(set(waits))


@pytest.mark.model
async def test_a_minute_of_questions_is_written_down_while_it_is_asked(model_store: ModelStore) -> None:
    """On Whisper: nearly all of it before the end, and as well as when it is heard at once."""
    scheduler = Scheduler(1)
    workshop = Workshop(model_path=model_store.path, scheduler=scheduler, threads=1)
    whisper = open_faster_whisper(workshop)
    questions = load_questions()
    parts = [part for each in questions for part in (resample(each.audio, SPEECH_RATE_HZ).pcm, silence(300, 16_000))]
    sound, truth = np.concatenate(parts), " ".join(each.text for each in questions)
    draft = Draft(whisper, Listening(), DELAYS["medium"])
    given: list[str] = []
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(collect(draft, given))
        for start in range(0, len(sound) - SPEECH_RATE_HZ, SPEECH_RATE_HZ):
            draft.hear(sound[start : start + SPEECH_RATE_HZ])
            await settle(10)
            await scheduler.run(lambda: None, Urgency.PARTIAL)  # comes after the hearing that has begun
        early = "".join(given)
        draft.end(sound)
    assert len(early) > 0.75 * len(truth)
    assert listening.result().startswith(early)
    at_once = "".join([segment.text async for segment in whisper.transcribe(sound, Listening())])
    assert word_error_rate(listening.result(), truth) <= word_error_rate(at_once, truth) + 0.05
    await asyncio.to_thread(scheduler.close)
