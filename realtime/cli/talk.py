"""`realtime talk`: one question to a running server, and how fast it answered."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from realtime.audio import Audio
from realtime.caller.ask import SESSION, Conversation, ask
from realtime.caller.clip import Clip, read_clip
from realtime.caller.errors import CallFailed
from realtime.caller.events import Event
from realtime.caller.line import dial
from realtime.caller.microphone import SLIP_LIMIT_MS
from realtime.caller.turn import STAGES, Turn
from realtime.cli.context import plain_errors
from realtime.codecs.containers import write_wav

DEFAULT_URL = "ws://localhost:8000/v1/realtime"

UrlOption = Annotated[str, typer.Option("--url", metavar="URL", help="The server; `http://HOST:PORT` does too.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", envvar="REALTIME_KEY", show_envvar=True, help="API key, if the server asks."),
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="NAME", help="The model to ask for.")]


def talk(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What to say: WAV, FLAC, OGG or MP3; any rate, any channels.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="A WAV file for the answer.")] = None,
    url: UrlOption = DEFAULT_URL,
    key: KeyOption = None,
    model: ModelOption = None,
) -> None:
    """Say FILE to a running server and print what it understood, what it answered, and when.

    FILE is sent as a microphone would send it: in real time, 20 ms at a time, followed by silence until the answer is
    over. Both transcripts are printed as they come, then for each step of the answer how many milliseconds after the
    last voiced sample it reached this end of the line.

    Exit status 1: the server cannot be reached, refuses the call, or does not answer.

        realtime serve &
        realtime talk question.wav --out answer.wav
    """
    with plain_errors():
        clip = read_clip(file)
        conversation = asyncio.run(_talk(url, key, model, clip))
        _show(conversation)
        if out:
            _write(out, conversation.turns)
        for turn in conversation.turns:
            if turn.problem:
                raise CallFailed(f"the server could not answer: {turn.problem}")


async def _talk(url: str, key: str | None, model: str | None, clip: Clip) -> Conversation:
    async with dial(url, key=key, model=model) as line:
        await line.configure(SESSION)
        return await ask(line, clip, Captions().show)


class Captions:
    """Prints both sides' words as they come, each side on a line of its own."""

    def __init__(self) -> None:
        self._speaker = ""

    def show(self, event: Event) -> None:
        """Print what `event` says, if it says something."""
        match event.type:
            case "conversation.item.input_audio_transcription.delta":
                self._print("You", event.delta)
            case "conversation.item.input_audio_transcription.completed":
                # A server may send the whole transcript at once, or none because it heard no words.
                if self._speaker != "You":
                    self._print("You", event.transcript.strip() or "(nothing)")
                self._end()
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                self._print("Assistant", event.delta)
            case "response.done":
                self._end()

    def _print(self, speaker: str, words: str) -> None:
        if speaker != self._speaker:
            self._end()
            typer.secho(f"{speaker:11}", bold=True, nl=False)
            words = words.lstrip()
        self._speaker = speaker
        typer.echo(words, nl=False)

    def _end(self) -> None:
        if self._speaker:
            typer.echo()
        self._speaker = ""


def _show(conversation: Conversation) -> None:
    turns = conversation.turns
    table = Table("ms after the last voiced sample", box=None, pad_edge=False)
    for number, _ in enumerate(turns, 1):
        table.add_column(f"turn {number}" if len(turns) > 1 else "", justify="right")
    latencies = [turn.latencies_ms() for turn in turns]
    for stage in STAGES:
        table.add_row(stage, *(f"{each[stage]:.0f}" if stage in each else "–" for each in latencies))
    console = Console(highlight=False)
    console.print()
    console.print(table)
    if conversation.worst_slip_ms > SLIP_LIMIT_MS:
        late = f"this end was up to {conversation.worst_slip_ms:.0f} ms late with its sound: the times are doubtful"
        typer.secho(late, fg="yellow", err=True)


def _write(out: Path, turns: list[Turn]) -> None:
    sound = Audio(np.concatenate([turn.answer.pcm for turn in turns]), turns[0].answer.rate_hz)
    try:
        write_wav(out, sound)
    except OSError as problem:
        raise CallFailed(f"cannot write {out}: {problem.strerror}") from problem
    typer.echo(f"\nThe answer, {sound.duration_ms / 1000:.1f} s, is in {out}")
