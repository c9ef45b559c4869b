"""From events with their times to turns. Pure: no socket, no clock.

    speech_started ─▶ a turn is open ─▶ speech_stopped ─▶ it is answered ─▶ response.done

A turn is known by the user item it becomes; the response created next after a turn has ended is its answer. Events of
anything else (a late delta of an answer that was talked over) change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.audio import ms_to_samples, samples_to_ms
from realtime.caller.clip import RATE_HZ, Clip
from realtime.caller.events import Event, Problem
from realtime.caller.player import Player
from realtime.caller.turn import Stage, Turn
from realtime.codecs import find_codec


@dataclass(slots=True)
class _Draft:
    """A turn as far as it is known."""

    item_id: str
    response_id: str = ""
    player: Player = field(default_factory=lambda: Player(RATE_HZ))
    times_s: dict[Stage, float] = field(default_factory=dict)
    audio_end_ms: int | None = None
    """Where the server says the turn's audio ends, from the start of the session's."""
    heard: str = ""
    said: str = ""
    status: str = ""
    problem: str = ""
    interrupted_s: float | None = None


class Notebook:
    """Takes down what the server says while one clip is played to it."""

    def __init__(self) -> None:
        self._drafts: list[_Draft] = []

    @property
    def turns(self) -> int:
        """Turns the server has begun to hear."""
        return len(self._drafts)

    @property
    def hearing(self) -> bool:
        """Whether the server hears somebody speak right now."""
        return bool(self._drafts) and "speech stopped" not in self._drafts[-1].times_s

    def answered(self, now_s: float) -> bool:
        """Whether the last turn's answer is over and has been played."""
        if not self._drafts:
            return False
        last = self._drafts[-1]
        return "done" in last.times_s and now_s >= last.player.ends_at_s

    def note(self, event: Event, at_s: float) -> None:
        """`event` came at `at_s`."""
        if event.type == "input_audio_buffer.speech_started":
            self._interrupt(at_s)
            self._drafts.append(_Draft(event.item_id))
        elif event.type == "response.created":
            self._response_created(event)
        elif draft := self._about(event):
            _note(draft, event, at_s)

    def record(self, clip: Clip, clip_start: int, sent_at_s: list[float], piece_samples: int) -> list[Turn]:
        """The turns, oldest first.

        `clip` was played from sample `clip_start` of the session's audio on, in pieces of `piece_samples`, handed to
        the socket at `sent_at_s`.
        """

        def last_voiced_s(draft: _Draft) -> float:
            end = clip.voice_end
            if draft.audio_end_ms is not None:
                end = clip.voice_end_before(ms_to_samples(draft.audio_end_ms, RATE_HZ) - clip_start)
            return sent_at_s[(end - 1) // piece_samples]

        return [_turn(draft, last_voiced_s(draft)) for draft in self._drafts]

    def _interrupt(self, at_s: float) -> None:
        for draft in self._drafts:
            if draft.interrupted_s is None and draft.player.stop(at_s):
                draft.interrupted_s = at_s

    def _response_created(self, event: Event) -> None:
        waiting = [draft for draft in self._drafts if "speech stopped" in draft.times_s and not draft.response_id]
        if event.response and waiting:
            waiting[-1].response_id = event.response.id

    def _about(self, event: Event) -> _Draft | None:
        response_id = event.response.id if event.response else event.response_id
        for draft in self._drafts:
            if (draft.response_id == response_id) if response_id else (draft.item_id == event.item_id):
                return draft
        return None


def _note(draft: _Draft, event: Event, at_s: float) -> None:
    match event.type:
        case "input_audio_buffer.speech_stopped":
            draft.times_s["speech stopped"] = at_s
            draft.audio_end_ms = event.audio_end_ms
        case "conversation.item.input_audio_transcription.completed":
            draft.times_s["transcript"] = at_s
            draft.heard = event.transcript.strip()
        case "conversation.item.input_audio_transcription.failed":
            draft.problem = _reason(event.error)
        case "response.output_item.added":
            draft.times_s.setdefault("first token", at_s)
        case "response.output_audio_transcript.delta" | "response.output_text.delta":
            draft.said += event.delta
        case "response.output_audio.delta" if event.delta and draft.interrupted_s is None:
            draft.times_s.setdefault("first audio", at_s)
            draft.player.play(find_codec("audio/pcm").decoder().decode(event.sound), at_s)
        case "response.done" if event.response:
            draft.times_s["done"] = at_s
            draft.status = event.response.status
            details = event.response.status_details
            if draft.status == "failed":
                draft.problem = _reason(details.error if details else None)


def _turn(draft: _Draft, last_voiced_s: float) -> Turn:
    return Turn(
        heard=draft.heard,
        said=draft.said.strip(),
        status=draft.status,
        problem=draft.problem,
        answer=draft.player.recording(),
        gaps_ms=samples_to_ms(draft.player.gaps_samples, RATE_HZ),
        last_voiced_s=last_voiced_s,
        times_s=draft.times_s,
        interrupted_s=draft.interrupted_s,
    )


def _reason(problem: Problem | None) -> str:
    return problem.message if problem and problem.message else "the server gives no reason"
