"""A client's microphone: whatever format it has and however it cuts its audio, every turn is heard as it was said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.audio import Pcm
from realtime.codecs import find_codec
from realtime.codecs.resample import Resampler
from realtime.microphone import Microphone, decode_recording
from realtime.pipeline.eagerness import EAGERNESS
from realtime.pipeline.endpoint import Paused, Verdict
from realtime.protocol.config import (
    AudioFormat,
    AudioInput,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    SemanticVad,
    ServerVad,
    TurnDetection,
    format_name,
)
from realtime.protocol.reports import SpeechBegan, SpeechEnded
from tests.fakes import FakeDetector, FakeEnhancer, quiet, voice
from tests.protocol.effort import examples

FORMATS: list[AudioFormat] = [PcmFormat(), PcmuFormat(), PcmaFormat()]
VAD = ServerVad(silence_duration_ms=200, prefix_padding_ms=100)
EARS_HZ = 16_000

any_format = pytest.mark.parametrize("audio_format", FORMATS, ids=format_name)


def encode(audio_format: AudioFormat, *pieces: Pcm) -> bytes:
    """These pieces of sound, one after another, as a client sends them."""
    return find_codec(format_name(audio_format)).encode(np.concatenate(pieces))


def tone(ms: float, rate_hz: int, start_ms: float = 0) -> Pcm:
    """A hum that says where in it one is, loud enough to be speech."""
    at_s = np.arange(round(ms * rate_hz / 1000)) / rate_hz + start_ms / 1000
    return (0.5 + 0.3 * np.sin(2 * np.pi * 7.3 * at_s)).astype(np.float32)


@dataclass
class Client:
    """A microphone, what was said into it, and what came of it; turns are taken when they end."""

    audio_format: AudioFormat
    detection: TurnDetection | None = VAD
    max_turn_ms: int = 60_000
    noise_reduction: NoiseReduction | None = None
    enhancer: FakeEnhancer = field(default_factory=FakeEnhancer)
    reports: list[SpeechBegan | SpeechEnded] = field(default_factory=list)
    turns: list[Pcm] = field(default_factory=list)
    pauses: list[Paused] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.microphone = Microphone(FakeDetector(), self.enhancer, self.max_turn_ms)
        self.tune(self.audio_format)

    def tune(self, audio_format: AudioFormat) -> None:
        """The client sends in this format from now on."""
        self.audio_format = audio_format
        self.microphone.tune(
            AudioInput(format=audio_format, turn_detection=self.detection, noise_reduction=self.noise_reduction)
        )

    def append(self, audio: bytes) -> None:
        """One `input_audio_buffer.append`."""
        for chunk in self.microphone.chunks(audio):
            for report in self.microphone.hear(chunk):
                match report:
                    case Paused():
                        self.pauses.append(report)
                    case SpeechBegan() | SpeechEnded():
                        self._note(report)

    def _note(self, report: SpeechBegan | SpeechEnded) -> None:
        self.reports.append(report)
        if isinstance(report, SpeechEnded):
            self.turns.append(self.microphone.take())

    def is_told(self, completeness: float | None) -> None:
        """What the turn detector makes of the newest pause."""
        ended = self.microphone.decide(Verdict(self.pauses[-1], completeness))
        if ended:
            self._note(ended)

    def says(self, *pieces: Pcm) -> None:
        """Sound, at the rate of the format, in one append."""
        self.append(encode(self.audio_format, *pieces))

    @property
    def times_ms(self) -> list[int]:
        """Where turns began and ended, in their order."""
        return [
            report.audio_start_ms if isinstance(report, SpeechBegan) else report.audio_end_ms for report in self.reports
        ]


def sizes_of(ragged: str, length: int) -> Iterable[int]:
    """Sizes of appends that together are `length` bytes or more."""
    rng = np.random.default_rng(1)
    match ragged:
        case "bytes":
            return [1] * length
        case "odd":
            return [int(size) * 2 + 1 for size in rng.integers(0, 900, length // 400)] + [length]
        case _:
            return [1_000_000] * (length // 1_000_000 + 1)


def in_pieces(audio: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    """`audio` in pieces of these sizes, and the rest as the last."""
    for size in sizes:
        yield audio[:size]
        audio = audio[size:]
    yield audio


@any_format
def test_where_speech_begins_and_ends_is_told_in_true_milliseconds(audio_format: AudioFormat) -> None:
    """Padding and silence included; also in the second minute. All runs are whole windows, so it is exact."""
    client = Client(audio_format)
    rate_hz = audio_format.rate_hz
    client.says(quiet(960, rate_hz), voice(512, rate_hz), quiet(64_000, rate_hz), voice(320, rate_hz))
    client.says(quiet(960, rate_hz))
    assert client.times_ms == [860, 1472 + 224, 65_372, 65_792 + 224]


@any_format
@pytest.mark.parametrize("ragged", ["bytes", "odd", "big"])
def test_ragged_bytes_make_the_same_turns(audio_format: AudioFormat, ragged: str) -> None:
    """From single bytes to a megabyte at a time, what the transcriber is given is the same as for one append."""
    rate_hz = audio_format.rate_hz
    repeats = 40 if ragged == "big" else 1
    said = encode(
        audio_format, *[quiet(250, rate_hz), tone(333, rate_hz), quiet(400, rate_hz), tone(77, rate_hz)] * repeats
    )
    whole, pieces = Client(audio_format), Client(audio_format)
    whole.append(said)
    for piece in in_pieces(said, sizes_of(ragged, len(said))):
        pieces.append(piece)
    assert pieces.reports == whole.reports
    assert len(whole.turns) >= repeats
    _assert_same(pieces.turns, whole.turns)
    _assert_same([pieces.microphone.take()], [whole.microphone.take()])


@examples
@given(
    st.sampled_from(FORMATS),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=4),
    st.lists(st.integers(0, 20_000), max_size=20),
)
def test_however_the_bytes_are_cut_the_turns_are_the_same(
    audio_format: AudioFormat, runs: list[tuple[int, int]], sizes: list[int]
) -> None:
    """A sample cut in two, a window cut in two, a turn cut in two."""
    rate_hz = audio_format.rate_hz
    sound = [part for quiet_ms, said_ms in runs for part in (quiet(quiet_ms, rate_hz), tone(said_ms, rate_hz))]
    said = encode(audio_format, *sound)
    whole, pieces = Client(audio_format), Client(audio_format)
    whole.append(said)
    for piece in in_pieces(said, sizes):
        pieces.append(piece)
    assert pieces.reports == whole.reports
    _assert_same(pieces.turns, whole.turns)
    _assert_same([pieces.microphone.take()], [whole.microphone.take()])


@any_format
@pytest.mark.parametrize("ms", [120, 1001, 2500.5])
def test_a_commit_by_hand_takes_the_last_samples_too(audio_format: AudioFormat, ms: float) -> None:
    """Nothing waits in the resampler or for its window: the turn is what was sent, to the last sample."""
    client = Client(audio_format, detection=None)
    codec, said = find_codec(format_name(audio_format)), tone(ms, audio_format.rate_hz)
    client.says(said)
    resampler = Resampler(codec.rate_hz, EARS_HZ)
    wanted = resampler.push(codec.decoder().decode(codec.encode(said))), resampler.flush()
    taken = client.microphone.take()
    assert len(taken) == round(len(said) * EARS_HZ / codec.rate_hz)
    np.testing.assert_allclose(taken, np.concatenate(wanted), atol=1e-5)
    assert len(client.microphone.take()) == 0


@any_format
def test_what_follows_a_commit_belongs_to_the_next_turn(audio_format: AudioFormat) -> None:
    """Every sample to one turn, none to two: the lengths add up."""
    client = Client(audio_format, detection=None)
    lengths = []
    for turn in range(10):
        client.says(tone(333, audio_format.rate_hz, turn * 333))
        lengths.append(len(client.microphone.take()))
    assert lengths == pytest.approx([5328] * 10, abs=1)


@any_format
def test_dropping_keeps_later_positions_true(audio_format: AudioFormat) -> None:
    """They are counted from the start of all audio, whether it was kept or not."""
    client = Client(audio_format)
    rate_hz = audio_format.rate_hz
    for _ in range(50):
        client.says(voice(333, rate_hz))
        client.microphone.drop()
    client.reports.clear()
    client.says(quiet(512, rate_hz), voice(320, rate_hz), quiet(320, rate_hz))
    assert client.times_ms == pytest.approx([17_162 - 100, 17_482 + 224], abs=1)


@any_format
def test_a_drop_forgets_the_turn_in_progress(audio_format: AudioFormat) -> None:
    """Its end is not told, and its audio is in no turn."""
    client = Client(audio_format)
    rate_hz = audio_format.rate_hz
    client.says(voice(500, rate_hz))
    assert len(client.reports) == 1
    client.microphone.drop()
    client.says(quiet(1000, rate_hz))
    assert len(client.reports) == 1
    assert len(client.microphone.take()) < EARS_HZ // 2


@pytest.mark.parametrize("before", FORMATS, ids=format_name)
@pytest.mark.parametrize("after", FORMATS, ids=format_name)
def test_the_format_can_change_in_mid_session(before: AudioFormat, after: AudioFormat) -> None:
    """Also in the middle of a turn: not a sample is lost, and positions stay true."""
    client = Client(before)
    client.says(quiet(960, before.rate_hz), tone(992, before.rate_hz))
    for _ in range(100):
        client.tune(after)
        client.says(tone(20, after.rate_hz))
        client.tune(before)
        client.says(tone(20, before.rate_hz))
    client.tune(after)
    client.says(quiet(512, after.rate_hz))
    assert client.times_ms == pytest.approx([860, 5952 + 224], abs=1)
    assert len(client.turns[0]) == pytest.approx((5952 + 224 - 860) * 16, abs=16)


def test_half_a_sample_of_the_old_format_is_no_part_of_the_new_one() -> None:
    """The first sample in the new format is itself."""
    client = Client(PcmFormat(), detection=None)
    client.append(encode(PcmFormat(), tone(200, 24_000)) + b"\x7f")
    client.tune(PcmuFormat())
    client.says(quiet(100, 8_000))
    client.tune(PcmFormat())
    client.says(quiet(100, 24_000))
    taken = client.microphone.take()
    assert len(taken) == 400 * 16
    assert np.abs(taken[210 * 16 :]).max() < 0.01


def test_other_settings_do_not_disturb_the_sound() -> None:
    """A turn goes on while its knobs are turned, though it is between two bytes of a sample."""
    client, said = Client(PcmFormat()), encode(PcmFormat(), tone(320, 24_000))
    client.append(said[:5001])
    client.detection = msgspec.structs.replace(VAD, silence_duration_ms=384)
    client.tune(PcmFormat())
    client.append(said[5001:])
    client.says(quiet(352, 24_000))
    assert client.times_ms == [0]
    client.says(quiet(64, 24_000))
    assert client.times_ms == [0, 320 + 384]
    undisturbed = Client(PcmFormat(), detection=client.detection)
    undisturbed.says(tone(320, 24_000), quiet(416, 24_000))
    _assert_same(client.turns, undisturbed.turns)


@any_format
def test_a_long_append_is_heard_in_pieces(audio_format: AudioFormat) -> None:
    """Of two seconds at most, so that nobody else has to wait for all of it."""
    client = Client(audio_format)
    audio = bytes(15 * 1024 * 1024 + 1)
    chunks = list(client.microphone.chunks(audio))
    assert b"".join(chunks) == audio
    longest_s = max(len(chunk) for chunk in chunks) / audio_format.bytes_per_sample / audio_format.rate_hz
    assert longest_s <= 2
    assert list(client.microphone.chunks(b"")) == []


@any_format
def test_a_recording_is_heard_whole(audio_format: AudioFormat) -> None:
    """As it was sent, at the rate of its format."""
    codec = find_codec(format_name(audio_format))
    said = codec.encode(tone(1234, codec.rate_hz))
    heard = decode_recording(said, codec)
    assert heard.duration_ms == 1234
    assert codec.encode(heard.pcm) == said


NEAR, FAR = NoiseReduction(type="near_field"), NoiseReduction(type="far_field", strength=0.5)


def test_sound_is_cleaned_before_anybody_hears_it() -> None:
    """Half as loud is no speech to the detector, and half as loud it is taken."""
    client = Client(PcmFormat(), noise_reduction=NEAR, enhancer=FakeEnhancer(gain=0.5))
    client.says(quiet(96, 24_000), voice(512, 24_000), quiet(320, 24_000))
    assert client.reports == []
    loud = Client(PcmFormat(), detection=None, noise_reduction=NEAR, enhancer=FakeEnhancer(gain=0.5))
    loud.says(voice(512, 24_000))
    np.testing.assert_allclose(loud.microphone.take()[800:-800], 0.25, atol=1e-3)


def test_the_enhancer_is_told_the_distance_and_the_strength() -> None:
    """One stream for each setting, at the detector's rate; none for none."""
    client = Client(PcmuFormat(), noise_reduction=FAR)
    [stream] = client.enhancer.streams
    assert (stream.rate_hz, stream.distance, stream.strength) == (EARS_HZ, "far_field", 0.5)
    client.tune(PcmFormat())
    assert len(client.enhancer.streams) == 1
    assert Client(PcmFormat()).enhancer.streams == []


@any_format
@pytest.mark.parametrize("noise_reduction", [NEAR, FAR])
def test_cleaning_moves_and_loses_nothing(audio_format: AudioFormat, noise_reduction: NoiseReduction) -> None:
    """Boundaries and turns are those of sound that is not cleaned."""
    rate_hz = audio_format.rate_hz
    plain, clean = Client(audio_format), Client(audio_format, noise_reduction=noise_reduction)
    for client in (plain, clean):
        client.says(quiet(500, rate_hz), tone(777, rate_hz), quiet(400, rate_hz), tone(333, rate_hz))
    assert clean.reports == plain.reports
    _assert_same(clean.turns, plain.turns)
    _assert_same([clean.microphone.take()], [plain.microphone.take()])


@any_format
def test_cleaning_can_begin_and_end_in_the_middle_of_a_turn(audio_format: AudioFormat) -> None:
    """It holds for what comes from then on: what was on its way is cleaned as it was said, and not a sample is lost."""
    rate_hz = audio_format.rate_hz
    client = Client(audio_format, detection=None, enhancer=FakeEnhancer(gain=0.5))
    for noise_reduction in (None, NEAR, FAR, None):
        client.noise_reduction = noise_reduction
        client.tune(audio_format)
        client.says(voice(200, rate_hz))
    taken = client.microphone.take()
    assert len(taken) == 800 * 16
    for start_ms, level in ((50, 0.5), (250, 0.25), (450, 0.25), (650, 0.5)):
        np.testing.assert_allclose(taken[start_ms * 16 : (start_ms + 100) * 16], level, atol=0.02)


def test_format_and_cleaning_can_change_at_once() -> None:
    """The end of the old sound is cleaned in the old way."""
    client = Client(PcmFormat(), detection=None, noise_reduction=NEAR, enhancer=FakeEnhancer(gain=0.5))
    client.says(voice(200, 24_000))
    client.noise_reduction = None
    client.tune(PcmuFormat())
    client.says(voice(200, 8_000))
    taken = client.microphone.take()
    assert len(taken) == 400 * 16
    np.testing.assert_allclose(taken[50 * 16 : 190 * 16], 0.25, atol=0.01)
    np.testing.assert_allclose(taken[210 * 16 : 350 * 16], 0.5, atol=0.02)


@any_format
@pytest.mark.parametrize("detection", [VAD, None])
def test_new_sound_is_the_turn_as_it_will_be_taken(audio_format: AudioFormat, detection: TurnDetection | None) -> None:
    """Padding included, each sample once; what is still on its way comes with the taking."""
    rate_hz = audio_format.rate_hz
    client = Client(audio_format, detection, noise_reduction=NEAR)
    said = encode(audio_format, quiet(500, rate_hz), tone(900, rate_hz))
    shown = []
    for piece in in_pieces(said, [997] * 100):
        client.append(piece)
        shown.append(client.microphone.new_sound())
    taken = client.microphone.take()
    together = np.concatenate(shown)
    assert 0 <= len(taken) - len(together) < 100 * 16
    _assert_same([taken[: len(together)]], [together])
    assert len(client.microphone.new_sound()) == 0


@any_format
@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_a_pause_that_nobody_judges_is_waited_out(audio_format: AudioFormat, eagerness: Any) -> None:
    """Speech begins as with server VAD, and ends after the longest wait; the looks are told on the way."""
    client = Client(audio_format, SemanticVad(eagerness=eagerness))
    knobs, rate_hz = EAGERNESS["medium" if eagerness == "auto" else eagerness], audio_format.rate_hz
    client.says(quiet(960, rate_hz), voice(512, rate_hz), quiet(knobs.silence_ms + 96, rate_hz))
    assert client.times_ms == [660, 1472 + -(-knobs.silence_ms // 32) * 32]
    assert [pause.at_sample / 16 - 1472 for pause in client.pauses] == [-(-look // 32) * 32 for look in knobs.looks_ms]
    assert {pause.since_sample for pause in client.pauses} == {1472 * 16}


@any_format
def test_a_verdict_ends_the_turn_where_the_sound_has_come_to(audio_format: AudioFormat) -> None:
    """In true milliseconds, and what follows is the next turn's."""
    client, rate_hz = Client(audio_format, SemanticVad(eagerness="high")), audio_format.rate_hz
    client.says(quiet(960, rate_hz), voice(512, rate_hz), quiet(288 + 16, rate_hz))
    assert len(client.microphone.newest(10_000).pcm) == (1472 + 288 - 660) * 16
    assert client.microphone.newest(100).duration_ms == 100
    client.is_told(1.0)
    assert client.times_ms == [660, 1472 + 288]
    assert [len(turn) for turn in client.turns] == [(1472 + 288 - 660) * 16]
    client.is_told(1.0)
    client.says(quiet(656, rate_hz), voice(512, rate_hz))
    assert client.times_ms[2:] == [1472 + 288 + 16 + 656 - 16 - 300 + 16]


@any_format
def test_a_verdict_on_speech_that_goes_on_is_no_end(audio_format: AudioFormat) -> None:
    """It was about another pause."""
    client, rate_hz = Client(audio_format, SemanticVad()), audio_format.rate_hz
    client.says(voice(512, rate_hz), quiet(256, rate_hz), voice(512, rate_hz))
    client.is_told(1.0)
    assert client.times_ms == [0]


@pytest.mark.parametrize("detection", [VAD, None])
def test_nobody_is_asked_about_a_pause_without_semantic_turns(detection: ServerVad | None) -> None:
    """Silence ends a turn, or the client does."""
    client = Client(PcmFormat(), detection)
    client.says(voice(512, 24_000), quiet(100, 24_000), voice(512, 24_000), quiet(3000, 24_000))
    assert client.pauses == []


def _assert_same(turns: list[Pcm], others: list[Pcm]) -> None:
    assert [len(turn) for turn in turns] == [len(other) for other in others]
    for turn, other in zip(turns, others, strict=True):
        np.testing.assert_allclose(turn, other, atol=1e-5)
