"""A room full of open microphones and nobody speaking, and the server that listens to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle

import numpy as np

from realtime.bench.machine import load_average
from realtime.bench.own_server import OwnServer
from realtime.bench.process import ProcessMeter, Reading, cpu_ms_per_s
from realtime.caller.ask import SESSION
from realtime.caller.clip import RATE_HZ
from realtime.caller.events import append
from realtime.caller.line import Line, dial
from realtime.caller.microphone import PIECE_MS, PIECE_SAMPLES
from realtime.caller.pulse import Pulse
from realtime.codecs import find_codec
from realtime.pipeline.clock import LoopClock
from realtime.structs import Frozen

NOISE_DBFS = -60.0
NOISE_S = 10
"""Noise made once and played round and round."""

SETTLE_S = 3.0
"""Between the first sound and the first reading."""

SLICES = 12
"""Stretches of one phase that are read one by one, to see whether the end costs more than the beginning."""


class Phase(Frozen):
    """So many conversations, listened to for a while."""

    conversations: int
    readings: list[Reading]
    false_starts: int
    """Times the server took the noise for somebody speaking."""
    slip_ms: float
    """How late the callers themselves were, at worst."""
    lag: dict[str, float]
    """What `/healthz` said at the end about the server's event loop, since its start."""
    load_average: float

    @property
    def cpu_ms_per_s(self) -> float:
        """Processor time of the server, in milliseconds each second."""
        return cpu_ms_per_s(self.readings)

    @property
    def rss_mib(self) -> float:
        """Its memory at the end."""
        return self.readings[-1].rss_mib


class Room:
    """Microphones that all hear the same quiet room, each from another moment on."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server
        self._meter = ProcessMeter(server.pid)
        self._noise = quiet_room()

    async def listen(self, conversations: int, seconds: float, settle_s: float = SETTLE_S) -> Phase:
        """Hold so many conversations and read the server for `seconds`. Cancelling hangs all of them up.

        Raises `LineLost` when the server drops one.
        """
        async with AsyncExitStack() as stack:
            microphones = [
                _Microphone(await stack.enter_async_context(self._call()), self._noise, place / conversations)
                for place in range(conversations)
            ]
            try:
                readings = await self._read(microphones, seconds, settle_s)
            except ExceptionGroup as problems:
                raise problems.exceptions[0] from None
        return Phase(
            conversations=conversations,
            readings=readings,
            false_starts=sum(microphone.false_starts for microphone in microphones),
            slip_ms=max((microphone.slip_ms for microphone in microphones), default=0.0),
            lag=(await self._server.health())["event_loop_lag"],
            load_average=load_average(),
        )

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[Line]:
        async with dial(self._server.url) as line:
            await line.configure(SESSION)
            yield line

    async def _read(self, microphones: list[_Microphone], seconds: float, settle_s: float) -> list[Reading]:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work) for microphone in microphones for work in (microphone.send(), microphone.hear())
            ]
            await asyncio.sleep(settle_s)
            readings = [self._meter.read()]
            for _ in range(SLICES):
                await asyncio.sleep(seconds / SLICES)
                readings.append(self._meter.read())
            for task in running:
                task.cancel()
        return readings


class _Microphone:
    """One client: it sends noise and hears nothing."""

    def __init__(self, line: Line, noise: Sequence[str], share: float) -> None:
        self._line = line
        self._noise = noise
        self._share = share
        """How far into the noise it begins, and how far into the beat: no two send the same thing, or at once."""
        self._pulse: Pulse | None = None
        self.false_starts = 0

    @property
    def slip_ms(self) -> float:
        """How late it was, at worst."""
        return self._pulse.worst_slip_s * 1000 if self._pulse else 0.0

    async def send(self) -> None:
        """Send the noise, round and round."""
        clock = LoopClock()
        await clock.sleep(self._share * PIECE_MS / 1000)
        self._pulse = Pulse(PIECE_MS / 1000, clock)
        begin = int(self._share * len(self._noise))
        for piece in cycle([*self._noise[begin:], *self._noise[:begin]]):
            await self._pulse.beat()
            await self._line.send(piece)

    async def hear(self) -> None:
        """Count what should not come."""
        while True:
            event = await self._line.hear()
            self.false_starts += event.type == "input_audio_buffer.speech_started"


def quiet_room() -> list[str]:
    """Appends that hold `NOISE_S` seconds of a quiet room: noise, the same in every run, softer towards the treble."""
    spectrum = np.fft.rfft(np.random.default_rng(20).standard_normal(NOISE_S * RATE_HZ))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum)
    noise *= 10 ** (NOISE_DBFS / 20) / np.sqrt(np.square(noise).mean())
    sound = find_codec("audio/pcm").encode(noise.astype(np.float32))
    size = 2 * PIECE_SAMPLES
    return [append(sound[start : start + size]) for start in range(0, len(sound), size)]
