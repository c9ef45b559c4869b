"""The server's own voice, come back from the client's loudspeaker: it is not heard, and who speaks over it is."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Pcm, silence
from realtime.bench.echo_path import EchoPath, level_db
from realtime.codecs.resample import resample
from realtime.engines.base import Detector, Listening
from realtime.engines.faster_whisper import FasterWhisper, open_faster_whisper
from realtime.engines.silero import open_silero
from realtime.engines.webrtc import Webrtc, WebrtcStream
from realtime.protocol.config import EchoCancellation
from tests.echo import Answer, Call, said_at
from tests.engines.conftest import MakeWorkshop
from tests.live import question
from tests.protocol.effort import examples

RATE_HZ = 16_000
PATH = EchoPath(delay_ms=100, attenuation_db=10)


def canceller() -> WebrtcStream:
    return Webrtc().stream(RATE_HZ, None, cancel_echo=True)


def spoken(*names: str, rate_hz: int = RATE_HZ) -> Pcm:
    sound = np.concatenate([resample(question(name), rate_hz).pcm for name in names])
    return sound * np.float32(0.5 / np.abs(sound).max())


def cleaned(stream: WebrtcStream, heard: Pcm, played: Pcm) -> Pcm:
    return np.concatenate((stream.push(heard, played), stream.flush()))


@pytest.mark.parametrize("delay_ms", [20, 100, 200, 300])
@pytest.mark.parametrize("attenuation_db", [6, 20])
def test_the_echo_goes(delay_ms: int, attenuation_db: int) -> None:
    """In each of its seconds, the first included, by 15 dB or down to the noise of the room."""
    played = spoken("sky")
    echo = EchoPath(delay_ms=delay_ms, attenuation_db=attenuation_db).carry(played, RATE_HZ)
    heard = echo + np.random.default_rng(0).normal(0, 10 ** (-70 / 20), len(echo)).astype(np.float32)
    clean = cleaned(canceller(), heard, played)
    for start in range(0, len(heard) - RATE_HZ, RATE_HZ):
        second = slice(start, start + RATE_HZ)
        assert level_db(clean[second]) < max(level_db(heard[second]) - 15, -62)


def test_who_speaks_while_nothing_is_played_is_not_touched() -> None:
    """Sample for sample: there is no canceller then."""
    sound = spoken("france")
    assert np.array_equal(cleaned(canceller(), sound, np.zeros_like(sound)), sound)


def test_sound_comes_out_where_it_went_in() -> None:
    """Also where an answer begins or its echo has faded, and also from under it."""
    sound = spoken("week", "france", "time")
    played = np.concatenate((silence(1000, RATE_HZ), spoken("joke")))
    played = np.concatenate((played, np.zeros(len(sound) - len(played), np.float32)))
    heard = np.diff(sound, prepend=np.float32(0))  # high frequencies, which no filter moves
    clean = cleaned(canceller(), heard, played)
    assert len(clean) == len(heard)
    for start in range(0, len(heard) - RATE_HZ, RATE_HZ):
        second = clean[start : start + RATE_HZ]
        matches = {moved: float(np.dot(second, np.roll(heard, moved)[start:][:RATE_HZ])) for moved in range(-160, 161)}
        assert max(matches, key=lambda moved: matches[moved]) == 0


@pytest.mark.parametrize("size", [37, 160, 5000])
@pytest.mark.parametrize("distance", [None, "near_field"])
def test_it_does_not_matter_how_the_sound_is_cut(size: int, distance: Literal["near_field"] | None) -> None:
    """Sample for sample, with noise reduction and without."""
    played = spoken("sky")
    heard = PATH.carry(played, RATE_HZ) + spoken("sky")[::-1] * np.float32(0.1)

    def stream() -> WebrtcStream:
        return Webrtc().stream(RATE_HZ, distance, 0.5, cancel_echo=True)

    cut = stream()
    pieces = [cut.push(heard[at : at + size], played[at : at + size]) for at in range(0, len(heard), size)]
    assert np.array_equal(np.concatenate((*pieces, cut.flush())), cleaned(stream(), heard, played))


@examples
@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=12))
def test_no_sample_is_lost_or_doubled(pushes: list[tuple[int, bool]]) -> None:
    """However the sound is cut, and wherever it is flushed; between flushes at most 383 samples are held."""
    stream = Webrtc().stream(RATE_HZ, "near_field", cancel_echo=True)
    pushed = out = 0
    for samples, flush in pushes:
        out += len(stream.push(np.ones(samples, np.float32), np.ones(samples, np.float32)))
        pushed += samples
        assert 0 <= pushed - out <= 383
        out += len(stream.flush()) if flush else 0
        assert not flush or out == pushed


def test_noise_goes_after_the_echo() -> None:
    """Both by one stream, at once."""
    played = np.concatenate((silence(2000, RATE_HZ), spoken("ocean")))
    noise = np.random.default_rng(0).normal(0, 0.005, len(played)).astype(np.float32)
    heard = PATH.carry(played, RATE_HZ) + noise
    both = cleaned(Webrtc().stream(RATE_HZ, "near_field", cancel_echo=True), heard, played)
    assert level_db(both[RATE_HZ : 2 * RATE_HZ]) < level_db(noise) - 10
    assert level_db(both[2 * RATE_HZ :]) < level_db(heard[2 * RATE_HZ :]) - 15


# --- a whole call --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def silero(workshop: MakeWorkshop) -> Detector:
    return open_silero(workshop())


@pytest.fixture(scope="module")
def whisper(workshop: MakeWorkshop) -> FasterWhisper:
    return open_faster_whisper(workshop())


@pytest.mark.model
@pytest.mark.parametrize("delay_ms", [20, 100, 200, 300])
@pytest.mark.parametrize("attenuation_db", [6, 20])
def test_the_servers_own_voice_begins_no_turn(delay_ms: int, attenuation_db: int, silero: Detector) -> None:
    """From the first word on; nor when the second answer takes another time to the client than the first."""
    answers = [
        Answer(0.5, spoken("ocean", rate_hz=24_000)),
        Answer(5.5, spoken("sky", rate_hz=24_000), later_ms=-15 if delay_ms > 200 else 60),
    ]
    path = EchoPath(delay_ms=delay_ms, attenuation_db=attenuation_db)
    call = Call(path, answers, silence(9000, 24_000))
    call.hold(silero, Webrtc())
    assert call.began_ms == []
    if delay_ms == 100:
        uncancelled = Call(path, answers, call.user, cancellation=None)
        uncancelled.hold(silero, Webrtc())
        assert len(uncancelled.began_ms) >= 2


@pytest.mark.model
@pytest.mark.parametrize("delay_ms", [20, 100, 200, 300])
async def test_who_speaks_over_it_is_heard(delay_ms: int, silero: Detector, whisper: FasterWhisper) -> None:
    """At once and to the last word, over an echo 15 dB softer than the answer, once that has gone on for a while."""
    answer = Answer(0.5, spoken("sky", "ocean", rate_hz=24_000))
    path = EchoPath(delay_ms=delay_ms, attenuation_db=15)
    call = Call(path, [answer], said_at(3.0, spoken("france", rate_hz=24_000), 7.0))
    call.hold(silero, Webrtc())
    (began_ms,) = call.began_ms
    assert 2700 <= began_ms <= 3300 - 300 + 200  # 200 ms of silence, then the voice; 300 ms of padding
    heard = "".join([segment.text async for segment in whisper.transcribe(call.turns[0], Listening())])
    assert "what is the capital of france" in heard.lower()


@pytest.mark.model
@pytest.mark.parametrize("delay_ms", [20, 300])
def test_who_speaks_over_its_first_words_interrupts_it_too(delay_ms: int, silero: Detector) -> None:
    """Though more of what they say may be lost: the echo is not known yet."""
    answer = Answer(0.5, spoken("sky", "ocean", rate_hz=24_000))
    call = Call(
        EchoPath(delay_ms=delay_ms, attenuation_db=10), [answer], said_at(0.8, spoken("week", rate_hz=24_000), 5.0)
    )
    call.hold(silero, Webrtc())
    assert 500 <= call.began_ms[0] <= 1500


@pytest.mark.model
def test_a_client_that_buffers_for_long_says_so(silero: Detector) -> None:
    """An echo of a whole second is out of reach, and within it once its delay is told."""
    answer = Answer(0.5, spoken("ocean", rate_hz=24_000))
    path = EchoPath(delay_ms=1000, attenuation_db=6)
    told = EchoCancellation(type="server", delay_ms=900)
    call = Call(path, [answer], silence(6000, 24_000), cancellation=told)
    call.hold(silero, Webrtc())
    assert call.began_ms == []
    untold = Call(path, [answer], silence(6000, 24_000))
    untold.hold(silero, Webrtc())
    assert untold.began_ms != []
