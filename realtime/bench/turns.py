"""When a server takes a turn for over: how long after its end, and how often in the middle of it.

    whole       a clip, then quiet: the turn should be over soon after the last voiced sample
    plain       a clip up to a break between two words, then quiet: the turn should not be over
    drawn out   the same, the end of it longer, as when somebody searches for a word

A server cannot know how long a quiet will be. So one playing of a broken clip, with the longest pause, tells of all
shorter ones too: the speaker was cut into in every pause that is at least as long as the server waited. A whole clip
may have pauses of its own; turns that end in those are cut-ins as well.

Each playing is a call of its own that is hung up as soon as its outcome is known. Times are those of the caller's end
of the line: milliseconds to the arrival of `input_audio_buffer.speech_stopped`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from realtime.audio import ms_to_samples
from realtime.bench.breaks import broken_off, own_pauses
from realtime.bench.errors import BenchFailed
from realtime.bench.questions import Question
from realtime.bench.target import Target
from realtime.caller.call import call
from realtime.caller.clip import RATE_HZ, Clip, make_clip
from realtime.caller.errors import LineLost
from realtime.caller.events import Event
from realtime.caller.microphone import PIECE_MS, Microphone
from realtime.structs import Frozen

How: TypeAlias = Literal["whole", "plain", "drawn out"]

PAUSES_MS = (400, 700, 1000, 1500)
LIMIT_MS = 10_000
"""Quiet after a whole clip; a turn that is not over by then has been missed."""
OWN_PAUSE_MS = 100
"""The shortest quiet inside a clip that counts as a pause of its own."""
_ON_ITS_WAY_MS = 60
"""How much longer than the longest pause a caller waits for the event that ended it."""


class Case(Frozen):
    """One clip, played in one way. Times are infinite (null in JSON) for what did not happen."""

    clip: str
    how: How
    at_ms: int
    """Where it was broken off, or its last voiced sample, from its beginning."""
    heard: bool = False
    """Whether the server noticed that somebody spoke."""
    stop_ms: float = inf
    """From `at_ms` to the first end of a turn after it."""
    own_pauses: int = 0
    """Quiet of `OWN_PAUSE_MS` and more before `at_ms`."""
    own_cuts: int = 0
    """Of those, the ones that were taken for the end of the turn."""
    problem: str = ""
    slip_ms: float = 0


async def measure(
    target: Target, cases: Sequence[tuple[Question, Case]], at_once: int, tell: Callable[[Case], None]
) -> list[Case]:
    """Play every case, `at_once` of them at a time; `tell` hears of each. They are returned in their order.

    A call that breaks off is one of the results. Raises `Unreachable` or `Refused`; `BenchFailed` when the server never
    heard anybody. Cancelling hangs up.
    """
    results: dict[int, Case] = {}
    waiting = iter(enumerate(cases))

    async def play_on() -> None:
        for place, (question, case) in waiting:
            results[place] = await _play(target, question, case)
            tell(results[place])

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(play_on())
    except ExceptionGroup as problems:
        raise problems.exceptions[0] from None
    if not any(case.heard for case in results.values()):
        problem = next((case.problem for case in results.values() if case.problem), "")
        raise BenchFailed(f"the server noticed nobody speak{': ' if problem else ''}{problem}")
    return [results[place] for place in sorted(results)]


def cases_of(clips: Sequence[Question]) -> list[tuple[Question, Case]]:
    """Each clip whole, and broken off at each of its breaks in both ways. Raises `NotSound`."""
    found: list[tuple[Question, Case]] = []
    for clip in clips:
        end_ms = make_clip(clip.audio).voice_end * 1000 // RATE_HZ
        found.append((clip, Case(clip=clip.name, how="whole", at_ms=end_ms)))
        hows: tuple[How, ...] = ("plain", "drawn out")
        found.extend((clip, Case(clip=clip.name, how=how, at_ms=at_ms)) for how in hows for at_ms in clip.breaks_ms)
    return found


async def _play(target: Target, question: Question, case: Case) -> Case:
    clip = make_clip(question.audio)
    said = clip.pcm[: clip.voice_end]
    if case.how != "whole":
        said = broken_off(clip.pcm, case.at_ms, drawn_out=case.how == "drawn out")
    quiet_ms = LIMIT_MS if case.how == "whole" else max(PAUSES_MS) + _ON_ITS_WAY_MS
    ears = _Ears()
    async with target.call_when_free() as line:
        microphone = Microphone(line, target.clock)

        async def speak() -> tuple[list[float], float]:
            sent_at_s = (await microphone.say(said)).sent_at_s
            # The last piece was sent at the moment at which it had been recorded: the quiet begins there.
            end_s = sent_at_s[-1]
            await microphone.stay_quiet(lambda now_s: ears.stopped_after(end_s) or now_s >= end_s + quiet_ms / 1000)
            return sent_at_s, end_s

        try:
            sent_at_s, end_s = await call(line, speak, ears.note, target.clock)
        except LineLost as lost:
            return msgspec.structs.replace(case, problem=str(lost), slip_ms=microphone.slip_ms)
    pauses = _own_pauses_s(clip, len(said) if case.how == "whole" else ms_to_samples(case.at_ms, RATE_HZ), sent_at_s)
    return msgspec.structs.replace(
        case,
        heard=ears.heard,
        stop_ms=min(((at_s - end_s) * 1000 for at_s in ears.stops_s if at_s > end_s), default=inf),
        own_pauses=len(pauses),
        own_cuts=len({_pause_of(at_s, pauses) for at_s in ears.stops_s if at_s <= end_s} - {None}),
        slip_ms=microphone.slip_ms,
    )


class _Ears:
    """When turns were over."""

    def __init__(self) -> None:
        self.heard = False
        self.stops_s: list[float] = []

    def note(self, event: Event, at_s: float) -> None:
        self.heard |= event.type == "input_audio_buffer.speech_started"
        if event.type == "input_audio_buffer.speech_stopped":
            self.stops_s.append(at_s)

    def stopped_after(self, end_s: float) -> bool:
        return bool(self.stops_s) and self.stops_s[-1] > end_s


def _own_pauses_s(clip: Clip, before: int, sent_at_s: list[float]) -> list[float]:
    """When the clip's own pauses before that sample began."""
    voiced = np.asarray(clip.voiced)
    starts = own_pauses(voiced[voiced <= before].tolist(), OWN_PAUSE_MS)
    piece = ms_to_samples(PIECE_MS, RATE_HZ)
    return [sent_at_s[(start - 1) // piece] for start in starts]


def _pause_of(at_s: float, pauses_s: list[float]) -> int | None:
    """Which pause began last before `at_s`."""
    return max((place for place, pause_s in enumerate(pauses_s) if pause_s < at_s), default=None)
