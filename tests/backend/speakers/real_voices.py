"""The real voice detector and voice encoder in the premises of a service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from realtime.backend.premises import Premises
from realtime.engines.base import Transcriber
from realtime.engines.faster_whisper import open_faster_whisper
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.engines.silero import open_silero
from realtime.engines.voicefilter import open_voicefilter
from realtime.models.store import ModelStore
from tests.backend.rooms import premises_of
from tests.fakes import fake_engines


class RealVoices:
    """Opened once, for the tests of a module."""

    def __init__(self, models: ModelStore) -> None:
        self._scheduler = Scheduler(2)
        self._workshop = Workshop(model_path=models.path, scheduler=self._scheduler, threads=1)
        self._silero = open_silero(self._workshop)
        self._voicefilter = open_voicefilter(self._workshop)

    def premises(self, directory: Path, transcriber: Transcriber | None = None) -> Premises:
        """Premises whose calls may name files in `directory`; all other engines are doubles."""
        engines = replace(fake_engines(), detector=self._silero, scheduler=self._scheduler)
        if transcriber:
            engines = replace(engines, transcriber=transcriber)
        return premises_of(engines, directory, on_demand={"speaker": lambda: self._voicefilter})

    def transcriber(self) -> Transcriber:
        """The real one."""
        return open_faster_whisper(self._workshop)

    def close(self) -> None:
        """Let the threads go."""
        self._scheduler.close()
