"""Each decision, in samples of a sound: there is no clock, and words come when the test says so."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.audio import Pcm, ms_to_samples, silence
from realtime.pipeline.barge_in import Decision, Look, Meaning, Step, Suspicion
from tests.pipeline.voices import spoken

RATE_HZ = 16_000
WINDOW_MS = 32
BEFORE_MS, BEGIN_MS = 320, 64


class Sound:
    """One sound over an answer, window by window."""

    def __init__(self, before: Pcm | None = None, voice: Pcm | None = None) -> None:
        before = silence(BEFORE_MS, RATE_HZ) if before is None else before
        self._voice = spoken(3000, RATE_HZ) if voice is None else voice
        self._pushed = 0
        self._end = len(before)
        self.steps: list[tuple[int, Step]] = []
        """What was asked or decided, and after how many ms."""
        self.suspicion = Suspicion(RATE_HZ, np.concatenate((before, self._next(BEGIN_MS))), len(before))
        self._before = len(before)

    def voiced(self, until_ms: int) -> None:
        """Somebody makes it until so long after it began."""
        while self.ms < until_ms:
            self._hear(self._next(WINDOW_MS))

    def quiet(self, ms: int) -> None:
        """And then nobody, after which it would be noticed."""
        since = self._end
        for window in range(ms // WINDOW_MS):
            if window == 1:
                self.suspicion.hush(since)
            self._hear(silence(WINDOW_MS, RATE_HZ))

    def learn(self, means: Meaning | None, look: int = -1) -> Decision | None:
        """What one of the looks has come to."""
        looks = [step for _, step in self.steps if isinstance(step, Look)]
        return self.suspicion.learn(looks[look].samples, means)

    @property
    def ms(self) -> int:
        """Since it began."""
        return (self._end - self._before) * 1000 // RATE_HZ

    @property
    def looks_ms(self) -> list[int]:
        """When it was asked what the words were."""
        return [at_ms for at_ms, step in self.steps if isinstance(step, Look)]

    @property
    def decided(self) -> tuple[int, Decision]:
        """When it was decided, and how."""
        ((at_ms, decision),) = [(at_ms, step) for at_ms, step in self.steps if isinstance(step, Decision)]
        return at_ms, decision

    def _next(self, ms: int) -> Pcm:
        start, self._pushed = self._pushed, self._pushed + ms_to_samples(ms, RATE_HZ)
        self._end += self._pushed - start
        return self._voice[start : self._pushed]

    def _hear(self, window: Pcm) -> None:
        if not window.any():
            self._end += len(window)
        if step := self.suspicion.hear(window):
            self.steps.append((self.ms, step))


def test_a_sound_that_goes_on_is_put_into_words_three_times() -> None:
    """With what was before it, all that has come."""
    sound = Sound()
    sound.voiced(800)
    assert sound.looks_ms == [320, 544, 768]
    look = next(step for _, step in sound.steps if isinstance(step, Look))
    assert len(look.sound) == ms_to_samples(BEFORE_MS + 320, RATE_HZ)


def test_words_interrupt_while_the_sound_goes_on_when_two_looks_have_found_them() -> None:
    """The first is often misheard."""
    sound = Sound()
    sound.voiced(600)
    assert sound.learn("words", 0) is None
    assert sound.learn("words", 1) == Decision(True, "words")


def test_words_that_were_misheard_do_not_count() -> None:
    """ "It has", and then it was "uh-huh"."""
    sound = Sound()
    sound.voiced(352)
    assert sound.learn("words") is None
    sound.quiet(160)
    assert sound.learn("backchannel") == Decision(False, "backchannel")


@pytest.mark.parametrize("means", ["backchannel", "nothing"])
def test_what_begins_like_a_backchannel_may_go_on_as_words(means: Meaning) -> None:
    sound = Sound()
    sound.voiced(500)
    assert sound.learn(means) is None
    sound.voiced(800)
    assert sound.learn("words", 1) is None
    assert sound.learn("words", 2) == Decision(True, "words")


def test_a_backchannel_is_dismissed_when_it_is_over() -> None:
    """All of it was put into words: in time, 128 ms after the voice."""
    sound = Sound()
    sound.voiced(256)
    sound.quiet(160)
    assert sound.looks_ms == [256 + 128]
    assert sound.learn("backchannel") == Decision(False, "backchannel")


def test_a_voice_that_goes_on_after_a_pause_is_not_judged_by_what_was_before_it() -> None:
    """ "Yeah … but": the words of the beginning are not the words of all of it."""
    sound = Sound()
    sound.voiced(256)
    sound.quiet(160)
    sound.suspicion.resume()
    sound.voiced(sound.ms + 64)
    assert sound.learn("backchannel", 0) is None
    sound.quiet(160)
    assert sound.learn("words") == Decision(True, "words")


def test_the_answers_own_words_need_to_be_more_than_one() -> None:
    """A third of a second holds one; half a second tells."""
    sound = Sound()
    sound.voiced(600)
    assert sound.learn("own", 0) is None
    assert sound.learn("own", 1) == Decision(False, "own")


@pytest.mark.parametrize(
    ("means", "decision"),
    [
        (None, Decision(True, "long")),
        ("backchannel", Decision(True, "long")),
        ("nothing", Decision(False, "nothing")),
    ],
)
def test_what_lasts_is_decided_in_any_case(means: Meaning | None, decision: Decision) -> None:
    """By what is known: longer than any backchannel is meant, music is not."""
    sound = Sound()
    sound.voiced(900)
    assert sound.learn(means) is None
    sound.voiced(1100)
    assert sound.decided == (960, decision)


@pytest.mark.parametrize(("voiced_ms", "interrupts"), [(448, False), (544, True)])
def test_words_that_come_too_late_are_done_without(voiced_ms: int, interrupts: bool) -> None:
    """A third of a second after it fell silent; long ones are taken for words."""
    sound = Sound()
    sound.voiced(voiced_ms)
    sound.quiet(500)
    at_ms, decision = sound.decided
    assert (at_ms, decision.interrupts) == (voiced_ms + 352, interrupts)


def test_a_click_is_not_worth_a_look() -> None:
    sound = Sound()
    sound.voiced(96)
    sound.quiet(160)
    assert sound.looks_ms == []
    assert sound.decided == (96 + 64, Decision(False, "too short"))


def test_a_hum_needs_no_words() -> None:
    """Whisper makes names of it. What was heard before does not count either."""
    time_s = np.arange(RATE_HZ) / RATE_HZ
    hum = (0.3 * np.sin(2 * np.pi * 130 * time_s) + 0.1 * np.sin(2 * np.pi * 260 * time_s)).astype(np.float32)
    sound = Sound(voice=hum)
    sound.voiced(350)
    assert sound.learn("words") is None
    sound.quiet(160)
    at_ms, decision = sound.decided
    assert (at_ms, decision) == (352 + 128, Decision(False, "hum"))


@pytest.mark.parametrize(("gain", "why"), [(1.0, "too soft"), (3.0, "words")])
def test_a_voice_stands_out_of_the_room(gain: float, why: str) -> None:
    """By 6 dB: somebody in the room, not behind the wall."""
    noise = np.random.default_rng(1).normal(size=RATE_HZ).astype(np.float32) * np.float32(0.01)
    sound = Sound(noise[:5120], (spoken(1000, RATE_HZ) / np.float32(0.7) * np.float32(0.01 * gain)).astype(np.float32))
    sound.voiced(256)
    sound.quiet(160)
    decision = sound.learn("words")
    assert decision
    assert (decision.interrupts, decision.why) == (gain > 1, why)


def test_what_is_told_after_the_decision_changes_nothing() -> None:
    sound = Sound()
    sound.voiced(600)
    decision = sound.learn("own", 1)
    assert sound.learn("words", 1) is None
    sound.voiced(1200)
    assert sound.suspicion.decision == decision
    assert sound.looks_ms == [320, 544]


def test_the_end_of_the_turn_decides_by_what_is_known() -> None:
    """Where turns are over sooner than words are found."""
    for voiced_ms, interrupts in ((300, False), (600, True)):
        sound = Sound()
        sound.voiced(voiced_ms)
        assert sound.suspicion.end().interrupts == interrupts
