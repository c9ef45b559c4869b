from __future__ import annotations

import base64

import msgspec
import numpy as np
import pytest

from realtime.audio import Pcm
from realtime.caller.clip import RATE_HZ
from realtime.caller.line import Line
from realtime.caller.microphone import PIECE_SAMPLES, Microphone, Said
from realtime.codecs import find_codec
from tests.caller.clocks import Sleepless
from tests.fakes import quiet, voice


class Tape(Line):
    """A line that leads nowhere and remembers the sound."""

    def __init__(self) -> None:
        self.sent_samples = 0
        self.pieces: list[Pcm] = []

    async def send(self, event: str) -> None:
        sound = base64.b64decode(msgspec.json.decode(event)["audio"])
        self.pieces.append(find_codec("audio/pcm").decoder().decode(sound))


async def test_it_sends_a_piece_every_20_ms_and_fills_the_last_with_quiet() -> None:
    tape, clock = Tape(), Sleepless()
    microphone = Microphone(tape, clock)
    said = await microphone.say(voice(50))
    assert [len(piece) for piece in tape.pieces] == [PIECE_SAMPLES] * 3
    sent = np.concatenate(tape.pieces)
    assert np.allclose(sent, np.concatenate((voice(50), quiet(10))), atol=1e-3)
    assert said.start == 0
    assert said.sent_at_s == pytest.approx([0, 0.02, 0.04])
    assert tape.sent_samples == 3 * PIECE_SAMPLES
    assert microphone.slip_ms == pytest.approx(0, abs=1e-9)


async def test_it_is_quiet_until_somebody_has_heard_enough() -> None:
    tape = Tape()
    microphone = Microphone(tape, Sleepless())
    await microphone.stay_quiet(lambda now_s: now_s >= 0.059)
    assert len(tape.pieces) == 4
    assert not np.concatenate(tape.pieces).any()
    assert (await microphone.say(voice(20))).start == 4 * PIECE_SAMPLES


async def test_what_else_is_in_the_room_is_heard_with_the_voice_and_without() -> None:
    tape = Tape()
    hum = np.full(PIECE_SAMPLES, 0.25, np.float32)
    microphone = Microphone(tape, Sleepless(), lambda now_s: hum if now_s > 0.01 else None)
    await microphone.say(voice(40))
    await microphone.stay_quiet(lambda now_s: True)
    levels = [float(piece.mean()) for piece in tape.pieces]
    assert levels == pytest.approx([0.5, 0.75, 0.25], abs=1e-3)


def test_a_sample_was_sent_with_its_piece() -> None:
    said = Said(0, [1.0, 1.02])
    assert [said.at_s(sample) for sample in (0, PIECE_SAMPLES - 1, PIECE_SAMPLES, RATE_HZ)] == [1.0, 1.0, 1.02, 1.02]


async def test_what_is_sent_late_was_heard_in_time() -> None:
    """Or an echo would have seams that no room puts into it, and no canceller takes out."""
    asked_at_s: list[float] = []

    def room(at_s: float) -> None:
        asked_at_s.append(at_s)

    microphone = Microphone(Tape(), Sleepless(0.007, 0.03, 0.002), room)
    await microphone.say(quiet(120))
    assert asked_at_s == pytest.approx([0, 0.02, 0.04, 0.06, 0.08, 0.1])
