"""What was played beside each piece of the microphone's sound, on a clock moved by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Audio, Pcm, silence
from realtime.codecs.resample import Resampler
from realtime.conductor.playback import Playback
from realtime.conductor.reference import MicrophoneTime, PlayedSound, Reference
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, FakeEnhancer, HandClock, fake_engines, quiet, voice
from tests.protocol.effort import examples

RATE_HZ = 16_000
STEP = 320


def hum(seconds: float, rate_hz: int = RATE_HZ, start_s: float = 0.0) -> Pcm:
    """A sound that says where in it one is."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz + start_s
    return (0.1 + 0.05 * at_s).astype(np.float32)


async def listened(clock: HandClock, reference: Reference, seconds: float) -> Pcm:
    """What was played beside a microphone that sends 20 ms each 20 ms."""
    beside = []
    for _ in range(round(seconds * 50)):
        await clock.advance(0.02)
        beside.append(reference.beside(STEP))
    return np.concatenate(beside)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def playback(clock: HandClock) -> Playback:
    playback = Playback(clock)
    playback.reference.follow(0)
    return playback


async def test_what_is_sent_is_played_at_once_and_one_after_the_other(clock: HandClock, playback: Playback) -> None:
    """Sent 300 ms ahead of its playing; the second answer begins where it is sent."""
    for start_s in (0.0, 0.2, 0.4):
        playback.add(Audio(hum(0.2, start_s=start_s), RATE_HZ))
    first = await listened(clock, playback.reference, 1.0)
    playback.add(Audio(hum(0.4), RATE_HZ))
    second = await listened(clock, playback.reference, 0.5)
    np.testing.assert_array_equal(first, np.concatenate((hum(0.6), quiet(400, RATE_HZ))))
    np.testing.assert_array_equal(second, np.concatenate((hum(0.4), quiet(100, RATE_HZ))))


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
async def test_it_is_told_at_the_microphones_rate(clock: HandClock, playback: Playback, rate_hz: int) -> None:
    """One stream is resampled, not piece by piece: no seam."""
    sound = np.sin(np.arange(rate_hz) / 9).astype(np.float32)
    for start in range(0, len(sound), rate_hz // 10):
        playback.add(Audio(sound[start : start + rate_hz // 10], rate_hz))
    beside = await listened(clock, playback.reference, 0.98)
    np.testing.assert_allclose(beside, Resampler(rate_hz, RATE_HZ).push(sound)[: len(beside)], atol=1e-5)


async def test_the_format_of_the_output_changes_within_an_answer(clock: HandClock, playback: Playback) -> None:
    """The second half has another rate and follows without a gap: it lasts as long as it does, and sounds the same."""
    playback.add(Audio(hum(0.4, 24_000), 24_000))
    playback.add(Audio(hum(0.4, 8_000, start_s=0.4), 8_000))
    beside = await listened(clock, playback.reference, 1.0)
    seam = np.abs(np.arange(len(beside)) / RATE_HZ - np.array([[0.0], [0.4], [0.8]])).min(axis=0) < 0.01
    np.testing.assert_allclose(beside[~seam], np.concatenate((hum(0.8), quiet(200, RATE_HZ)))[~seam], atol=1e-3)


async def test_an_answer_that_is_stopped_falls_silent_there(clock: HandClock, playback: Playback) -> None:
    """And another can begin at once."""
    playback.add(Audio(hum(2.0), RATE_HZ))
    first = await listened(clock, playback.reference, 0.5)
    playback.stop()
    second = await listened(clock, playback.reference, 0.1)
    playback.add(Audio(hum(0.2), RATE_HZ))
    third = await listened(clock, playback.reference, 0.3)
    np.testing.assert_array_equal(first, hum(0.5))
    assert not second.any()
    np.testing.assert_array_equal(third, np.concatenate((hum(0.2), quiet(100, RATE_HZ))))


async def test_a_delay_that_is_told_is_waited_for(clock: HandClock, playback: Playback) -> None:
    playback.reference.follow(120)
    playback.add(Audio(hum(0.4), RATE_HZ))
    beside = await listened(clock, playback.reference, 0.6)
    np.testing.assert_array_equal(beside, np.concatenate((quiet(120, RATE_HZ), hum(0.4), quiet(80, RATE_HZ))))


async def test_nothing_is_kept_for_who_does_not_want_it(clock: HandClock, playback: Playback) -> None:
    playback.reference.follow(None)
    playback.add(Audio(hum(1.0), RATE_HZ))
    assert not (await listened(clock, playback.reference, 0.1)).any()
    playback.reference.follow(0)
    assert not (await listened(clock, playback.reference, 0.1)).any()


async def test_memory_is_bounded_whether_or_not_the_microphone_is_open(clock: HandClock, playback: Playback) -> None:
    """Two minutes of answers, with nobody who listens."""
    for _ in range(120):
        playback.add(Audio(hum(1.0), RATE_HZ))
        await clock.advance(1)
    assert len(playback.reference._sound._pieces) <= 3
    await listened(clock, playback.reference, 3)
    assert len(playback.reference._sound._pieces) == 0


# --- where the microphone is ---------------------------------------------------------------------------------------


def heard_at(arrivals: Iterator[int]) -> list[int]:
    """The sample at which each piece of 20 ms was heard, by when it came."""
    microphone = MicrophoneTime()
    return [microphone.hear(STEP, now) for now in arrivals]


def test_pieces_that_come_unevenly_were_recorded_evenly() -> None:
    """Up to 90 ms late, and after half a second of nothing all that was missing at once."""
    late_ms = [0, 10, 30, 5, 90, 70, 50, 30, 10, 0] * 50
    even = heard_at((index + 1) * STEP for index in range(500))
    assert heard_at((index + 1) * STEP + late * 16 for index, late in enumerate(late_ms)) == even
    stalled = [max(index + 1, 125) if index >= 100 else index + 1 for index in range(500)]
    assert heard_at(step * STEP for step in stalled) == even


def test_no_sound_is_heard_before_it_was_made() -> None:
    """The first piece was late by 50 ms: the next tells."""
    starts = heard_at((index + 1) * STEP + (800 if index == 0 else 0) for index in range(5))
    assert starts == [800, STEP, 2 * STEP, 3 * STEP, 4 * STEP]


def test_a_client_that_did_not_send_for_a_while_goes_on_where_the_clock_is() -> None:
    """At once after a long pause, after 2 s after a short one."""
    away = [index + 1 + (100 if index >= 10 else 0) for index in range(20)]
    assert heard_at(step * STEP for step in away)[10:] == [(index + 100) * STEP for index in range(10, 20)]
    muted = [index + 1 + (10 if index >= 10 else 0) for index in range(250)]
    starts = heard_at(step * STEP for step in muted)
    assert starts[20] == 20 * STEP
    assert starts[249] == 259 * STEP


@pytest.mark.parametrize("parts_per_million", [-200, 200])
def test_a_clock_that_runs_otherwise_than_ours_is_followed(parts_per_million: int) -> None:
    """In ten minutes the two are 120 ms apart, and the microphone is never further than 15 ms from where it is."""
    arrivals = [round((index + 1) * STEP * (1 + parts_per_million / 1e6)) for index in range(30_000)]
    starts = heard_at(iter(arrivals))
    assert max(abs(now - STEP - start) for now, start in zip(arrivals, starts, strict=True)) <= 240
    assert all(start + STEP <= now for now, start in zip(arrivals, starts, strict=True))


@examples
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 400)), max_size=20), st.integers(0, 3000))
def test_played_sound_is_what_was_added(gaps: list[tuple[int, int]], cut: int) -> None:
    """However it is asked for, and with silence from where it was cut."""
    sound, line, end = PlayedSound(), silence(1000, RATE_HZ), 0
    for gap, length in gaps:
        pcm = np.arange(1, length + 1).astype(np.float32)
        sound.add(pcm, end + gap if gap else None)
        line[end + gap : end + gap + length] = pcm
        end += gap + length
    sound.cut(cut)
    line[cut:] = 0
    np.testing.assert_array_equal(sound.between(-10, 16_000), np.concatenate((np.zeros(10), line)))
    pieces = [sound.between(start, start + 777) for start in range(0, 15_540, 777)]
    np.testing.assert_array_equal(np.concatenate(pieces), line[:15_540])


# --- in a whole conversation ---------------------------------------------------------------------------------------


async def test_the_enhancer_hears_what_was_sent_in_step_with_the_microphone() -> None:
    """Sample for sample, from the moment it is sent; nothing before, and nothing once it is interrupted."""
    enhancer, chat = FakeEnhancer(), FakeChat(script=["The Seine flows through Paris and to the sea, far away."])
    async with Dialogue(fake_engines(enhancer=enhancer, chat=chat)) as client:
        await client.tunes(echo_cancellation={"type": "server"}, turn_detection=None)
        (stream,) = enhancer.streams
        assert (stream.cancel_echo, stream.distance) == (True, None)
        await client.goes_on(0.02)
        await client.says(quiet(20))
        assert not np.concatenate(stream.played).any()
        stream.played.clear()
        client.send("response.create")
        for _ in range(50):
            await client.goes_on(0.02)
            await client.says(quiet(20))
        await client.asks("response.cancel")
        before = len(np.concatenate(stream.played))
        for _ in range(10):
            await client.goes_on(0.02)
            await client.says(quiet(20))
        played = np.concatenate(stream.played)
    sent = Resampler(24_000, RATE_HZ).push(client.sound(client.response["id"]))
    began = int(np.argmax(np.abs(played) > 0))
    assert began < 2 * STEP
    np.testing.assert_allclose(played[began:before], sent[: before - began], atol=1e-3)
    assert not played[before:].any()


@pytest.mark.parametrize("interrupts", [True, False])
async def test_a_client_that_falls_silent_plays_nothing_though_the_answer_was_whole(interrupts: bool) -> None:
    """What it still had of it when its user spoke is not heard, unless it is not to be interrupted."""
    enhancer, chat = FakeEnhancer(), FakeChat(script=["Paris."])
    async with Dialogue(fake_engines(enhancer=enhancer, chat=chat), lead_ms=10_000) as client:
        detection = {"type": "server_vad", "interrupt_response": interrupts}
        await client.tunes(echo_cancellation={"type": "server"}, turn_detection=detection)
        (stream,) = enhancer.streams
        await client.asks("response.create")
        await client.goes_on(0.02)
        assert client.response["status"] == "completed"
        await client.says(voice(128))
        await client.goes_on(0.02)
        stream.played.clear()
        await client.says(voice(20))
        assert np.concatenate(stream.played).any() is not np.bool_(interrupts)


async def test_who_has_no_use_for_it_gets_no_reference() -> None:
    """Noise reduction alone: silence is played."""
    enhancer = FakeEnhancer()
    async with Dialogue(fake_engines(enhancer=enhancer)) as client:
        await client.tunes(noise_reduction={"type": "near_field"}, turn_detection=None)
        client.send("response.create")
        for _ in range(10):
            await client.goes_on(0.02)
            await client.says(quiet(20))
        (stream,) = enhancer.streams
        assert not stream.cancel_echo
        assert not np.concatenate(stream.played).any()


async def test_a_server_that_cannot_refuses_it() -> None:
    async with Dialogue(fake_engines(enhancer=FakeEnhancer(cancels_echo=False))) as client:
        await client.tunes(echo_cancellation={"type": "server"})
        error = client.last("error")["error"]
        assert (error["code"], error["param"]) == ("unsupported_value", "session.audio.input.echo_cancellation")
