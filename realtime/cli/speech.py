"""`realtime transcribe` and `realtime say`: one engine, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from realtime.audio import Audio
from realtime.cli.context import ConfigOption, open_store, plain_errors, read_settings
from realtime.codecs.containers import load_speech, write_wav
from realtime.engines.base import Listening, Speaking, Synthesizer, Transcriber
from realtime.engines.opening import open_engine
from realtime.engines.registry import Kind
from realtime.engines.scheduler import Scheduler
from realtime.errors import InvalidRequest
from realtime.logs import set_up_logs
from realtime.settings import LogSettings, Settings


def transcribe(
    file: Annotated[Path, typer.Argument(help="WAV, FLAC, OGG or MP3; any rate, any channels.")],
    language: Annotated[str | None, typer.Option(help="ISO-639-1 code, for models that know several.")] = None,
    config: ConfigOption = None,
) -> None:
    """Print what is said in FILE, with the engine the server uses."""
    with plain_errors():
        asyncio.run(_transcribe(read_settings(config), file, Listening(language=language)))


def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The WAV file to write.")],
    voice: Annotated[str | None, typer.Option(help="One of the engine's voices.")] = None,
    speed: Annotated[float, typer.Option(min=0.25, max=1.5, help="1.0 is the voice's own pace.")] = 1.0,
    config: ConfigOption = None,
) -> None:
    """Speak TEXT into FILE, with the engine the server uses."""
    with plain_errors():
        asyncio.run(_say(read_settings(config), text, output, Speaking(voice=voice, speed=speed)))


async def _transcribe(settings: Settings, file: Path, listening: Listening) -> None:
    engine: Transcriber
    async with _engine("transcriber", settings) as engine:
        speech = await asyncio.to_thread(load_speech, file, engine.rate_hz)
        async with aclosing(engine.transcribe(speech.pcm, listening)) as segments:
            async for segment in segments:
                typer.echo(segment.text.strip())


async def _say(settings: Settings, text: str, output: Path, speaking: Speaking) -> None:
    engine: Synthesizer
    async with _engine("synthesizer", settings) as engine:
        if speaking.voice and speaking.voice not in engine.voices:
            raise InvalidRequest(f"there is no voice {speaking.voice!r}; there are: {', '.join(engine.voices)}")
        async with aclosing(engine.speak(text, speaking)) as parts:
            sound = [part.pcm async for part in parts]
        said = Audio(np.concatenate(sound) if sound else np.zeros(0, np.float32), engine.rate_hz)
        await asyncio.to_thread(write_wav, output, said)


@asynccontextmanager
async def _engine(kind: Kind, settings: Settings) -> AsyncIterator[Any]:
    set_up_logs(LogSettings(level="warning"))  # what is printed is the answer, and may go into a pipe
    scheduler = Scheduler(settings.threads.workers)
    engine = await asyncio.to_thread(open_engine, kind, settings, open_store(settings).path, scheduler)
    try:
        yield engine
    finally:
        await engine.close()
        scheduler.close()
