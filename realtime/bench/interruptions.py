"""Who stops a server that is talking: those who mean to, and nothing else.

Each trial is a call of its own. The caller asks for something long, in writing, and hears the answer through a player
that plays each piece when it would be heard. A while into it something sounds in the caller's microphone: words that
mean to interrupt, words that only say "I am listening", a noise, or the answer itself, as it comes back from the
caller's loudspeaker, later and softer. What follows is one of

    stopped   the client would have fallen silent: `input_audio_buffer.speech_started` came, at which clients of the
              protocol throw away what they have not played, or `response.done` with the status `cancelled`
    went on   neither came until a while after the sound

A server that lowers its voice and then goes on has not stopped. When it said so, to clients that know such an event, is
noted beside the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from realtime.audio import Audio, Pcm
from realtime.bench.errors import BenchFailed
from realtime.bench.interjections import load_interjections
from realtime.bench.noises import cough, music, typing
from realtime.bench.questions import load_questions
from realtime.bench.target import Target
from realtime.caller.call import call
from realtime.caller.clip import RATE_HZ, Clip, make_clip
from realtime.caller.errors import LineLost, NoAnswer
from realtime.caller.events import Event, write_event
from realtime.caller.line import Line
from realtime.caller.microphone import PIECE_MS, PIECE_SAMPLES, Microphone
from realtime.caller.player import Player
from realtime.codecs import find_codec
from realtime.structs import Frozen

Kind: TypeAlias = Literal["interruption", "interruption over echo", "backchannel", "noise", "own echo"]
Outcome: TypeAlias = Literal["stopped", "stopped too early", "went on", "answer too short", "no answer"]

REAL: tuple[Kind, ...] = ("interruption", "interruption over echo")
"""Those that mean to stop the answer."""

REQUEST = "Write a long essay about the history of the sea and of ships."
INTO_ANSWER_S = 1.5
"""How long the answer has been heard before the sound."""
AFTERWARDS_S = 1.2
"""How long after the end of the sound the answer may still be stopped because of it."""
ECHO_S = 6.0
"""How long the server hears its own voice and nothing else."""
ATTEMPTS = 3
"""How often the request is made again when the answer was over too soon to be stopped."""
PATIENCE_S = 60.0
"""For the first sound of the answer."""


@dataclass(frozen=True, slots=True)
class Echo:
    """The way from the caller's loudspeaker to the caller's microphone."""

    delay_ms: float
    loudness_db: float
    """Of the answer in the microphone, beside the answer as it was sent."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What happens in the caller's room."""

    name: str
    kind: Kind
    clip: Clip | None
    """None where there is nothing but the echo."""
    echo: Echo | None = None


class Trial(Frozen):
    """One sound and what the server made of it."""

    sound: str
    kind: Kind
    outcome: Outcome
    stop_ms: float | None = None
    """From the first voiced sample of the sound (of the answer, where its echo is all there is) to the stop."""
    stopped_by: str = ""
    """The event."""
    ducked_ms: float | None = None
    """From the same moment to `response.output_audio.ducked`, an extension: who knows it is quiet from then."""
    problem: str = ""
    slip_ms: float = 0

    @property
    def counts(self) -> bool:
        """Whether the server had anything to decide."""
        return self.outcome not in ("answer too short", "no answer")

    @property
    def stopped(self) -> bool:
        """Rightly or wrongly."""
        return self.outcome in ("stopped", "stopped too early")


def load_sounds() -> list[Sound]:
    """All there are. Reads and computes, so not for an event loop."""
    spoken = [Sound(each.name, each.kind, make_clip(each.audio)) for each in load_interjections()]
    asked = [
        Sound(f"question: {each.name}", "interruption", make_clip(each.audio))
        for each in load_questions()
        if each.name in ("time", "france", "joke")
    ]
    noises = {"cough": cough(), "typing": typing(), "music": music()}
    made = [Sound(name, "noise", make_clip(Audio(pcm, RATE_HZ))) for name, pcm in noises.items()]
    echoes = [Echo(60, -12), Echo(120, -12), Echo(200, -12), Echo(120, -24)]
    echoed = [Sound(f"echo, {echo.delay_ms:g} ms, {echo.loudness_db:g} dB", "own echo", None, echo) for echo in echoes]
    over = [
        Sound(f"{each.name}, over an echo", "interruption over echo", each.clip, Echo(120, -18))
        for each in spoken
        if each.name in ("stop", "meant")
    ]
    return [*asked, *spoken, *made, *echoed, *over]


async def measure(target: Target, sounds: Sequence[Sound], request: str, tell: Callable[[Trial], None]) -> list[Trial]:
    """Each of `sounds`, one after another, over an answer to `request`; `tell` hears of each attempt.

    A call that breaks off is one of the results. Raises `Unreachable` or `Refused`; `BenchFailed` when there was no
    answer to talk into in any of them. Cancelling hangs up.
    """
    trials: list[Trial] = []
    for sound in sounds:
        for _ in range(ATTEMPTS):
            trial = await _try(target, sound, request)
            tell(trial)
            if trial.outcome != "answer too short":
                break
        trials.append(trial)
    if not any(trial.counts for trial in trials):
        raise BenchFailed(f"no answer could be interrupted: {trials[-1].problem or trials[-1].outcome}")
    return trials


async def _try(target: Target, sound: Sound, request: str) -> Trial:
    ears = _Ears()
    async with target.call_when_free() as line:
        echo = sound.echo

        def room(now_s: float) -> Pcm | None:
            if echo is None:
                return None
            from_s = now_s - (PIECE_MS + echo.delay_ms) / 1000
            return ears.player.heard(from_s, PIECE_SAMPLES) * 10 ** (echo.loudness_db / 20)

        microphone = Microphone(line, target.clock, room)

        async def speak() -> float | None:
            await _ask_for(line, request)
            return await _sound(sound, microphone, ears)

        try:
            onset_s = await call(line, speak, ears.note, target.clock)
        except (LineLost, NoAnswer) as failure:
            return Trial(sound=sound.name, kind=sound.kind, outcome="no answer", problem=str(failure))
    stop_ms = _after_ms(onset_s, ears.stopped_s)
    return Trial(
        sound=sound.name,
        kind=sound.kind,
        outcome=_outcome(ears, stop_ms),
        stop_ms=stop_ms,
        stopped_by=ears.stopped_by,
        ducked_ms=_after_ms(onset_s, next((at_s for at_s in ears.ducked_s if at_s >= (onset_s or 0)), None)),
        slip_ms=microphone.slip_ms,
    )


async def _ask_for(line: Line, request: str) -> None:
    """In writing: what the server hears is the sound alone."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": request}]}
    await line.send(write_event("conversation.item.create", item=item))
    await line.send(write_event("response.create"))


async def _sound(sound: Sound, microphone: Microphone, ears: _Ears) -> float | None:
    """Wait for the answer, let the sound happen, and wait for what follows.

    Returns when the sound began; None when the answer was stopped before it did.
    """
    asked_s: list[float] = []

    def begun(now_s: float) -> bool:
        asked_s.append(now_s)
        if ears.first_s is None and (ears.over or now_s - asked_s[0] > PATIENCE_S):
            raise NoAnswer(ears.problem or "no answer came")
        into_s = INTO_ANSWER_S if sound.clip else 0.0
        return ears.stopped_s is not None or (ears.first_s is not None and now_s >= ears.first_s + into_s)

    await microphone.stay_quiet(begun)
    if ears.first_s is None or (sound.clip and ears.stopped_s is not None):
        return None
    onset_s, ends_s = ears.first_s, ears.first_s + ECHO_S
    if sound.clip:
        said = await microphone.say(sound.clip.pcm)
        onset_s = said.at_s(int(sound.clip.voiced[0]) - 1)
        ends_s = said.at_s(sound.clip.voice_end - 1) + AFTERWARDS_S

    def decided(now_s: float) -> bool:
        ears.too_short = ears.stopped_s is None and ears.played_out(now_s) and now_s < ends_s
        return ears.stopped_s is not None or ears.too_short or now_s >= ends_s

    await microphone.stay_quiet(decided)
    return onset_s


class _Ears:
    """Plays the answer, and notices when it should fall silent."""

    def __init__(self) -> None:
        self.player = Player(RATE_HZ)
        self.first_s: float | None = None
        """When the first sound of the answer came."""
        self.over = False
        """Whether the answer has been sent."""
        self.stopped_s: float | None = None
        self.stopped_by = ""
        self.ducked_s: list[float] = []
        self.too_short = False
        self.problem = ""

    def played_out(self, now_s: float) -> bool:
        """Whether there is nothing left of the answer to be stopped."""
        return self.over and now_s >= self.player.ends_at_s

    def note(self, event: Event, at_s: float) -> None:
        match event.type:
            case "response.output_audio.delta" if event.delta and self.stopped_s is None:
                self.first_s = at_s if self.first_s is None else self.first_s
                self.player.play(find_codec("audio/pcm").decoder().decode(event.sound), at_s)
            case "input_audio_buffer.speech_started":
                self._stop(event.type, at_s)
            case "response.output_audio.ducked":
                self.ducked_s.append(at_s)
            case "response.done" if event.response:
                self.over = True
                details = event.response.status_details
                self.problem = details.error.message if details and details.error else ""
                if event.response.status == "cancelled":
                    self._stop(event.type, at_s)

    def _stop(self, why: str, at_s: float) -> None:
        if self.stopped_s is None and not self.played_out(at_s):
            self.stopped_s, self.stopped_by = at_s, why
            self.player.stop(at_s)


def _after_ms(onset_s: float | None, at_s: float | None) -> float | None:
    return None if onset_s is None or at_s is None else (at_s - onset_s) * 1000


def _outcome(ears: _Ears, stop_ms: float | None) -> Outcome:
    if ears.stopped_s is not None:
        return "stopped" if stop_ms is not None and stop_ms >= 0 else "stopped too early"
    return "answer too short" if ears.too_short else "went on"
