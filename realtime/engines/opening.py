"""From settings to warm engines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, TypeAlias

import structlog

from realtime.engines.absent import NoChat, NoSynthesizer
from realtime.engines.base import TurnDetector, Urgency
from realtime.engines.ensemble import Engines
from realtime.engines.on_demand import OnDemand
from realtime.engines.registry import Kind, Workshop, find_engine
from realtime.engines.scheduler import Scheduler
from realtime.settings import NO_ENGINE, EngineChoice, Settings

log = structlog.get_logger(__name__)

ModelPath: TypeAlias = Callable[[str], Path]
"""Where a model lies, by its name in the catalogue; raises `ModelUnavailable` with what to do."""


def open_engine(
    kind: Kind, settings: Settings, model_path: ModelPath, scheduler: Scheduler, name: str | None = None
) -> Any:
    """The configured engine of one kind, or the one called `name`, loaded and warm. Blocks: not for the event loop.

    Raises `UnknownEngine`, `BadConfiguration` or `ModelUnavailable`.
    """
    choice: EngineChoice = EngineChoice(engine=name) if name else getattr(settings, kind)
    workshop = Workshop(
        model_path=model_path,
        scheduler=scheduler,
        threads=settings.threads.chat if kind == "chat" else settings.threads.per_inference,
        options=choice.options,
        address=choice.engine.partition("://")[2],
    )
    began = perf_counter()
    engine = find_engine(kind, choice.engine)(workshop)
    log.info("engine ready", kind=kind, engine=choice.engine, took_ms=round((perf_counter() - began) * 1000))
    return engine


def open_engines(settings: Settings, model_path: ModelPath) -> Engines:
    """All engines that are configured and needed, opened at the same time; raises as `open_engine` does.

    With one that answers speech with speech, neither chat nor synthesizer are needed.
    """
    answers_itself = settings.speech_to_speech.engine != NO_ENGINE
    scheduler = Scheduler(settings.threads.workers, modest=Urgency.PARTIAL)
    with ThreadPoolExecutor(6, thread_name_prefix="opening") as threads:
        detector = threads.submit(open_engine, "detector", settings, model_path, scheduler)
        turn_detector = threads.submit(_open_turn_detector, settings, model_path, scheduler)
        enhancer = threads.submit(open_engine, "enhancer", settings, model_path, scheduler)
        transcriber = threads.submit(open_engine, "transcriber", settings, model_path, scheduler)
        kinds: tuple[Kind, ...] = ("speech_to_speech",) if answers_itself else ("chat", "synthesizer")
        answering = {kind: threads.submit(open_engine, kind, settings, model_path, scheduler) for kind in kinds}
    return Engines(
        detector=detector.result(),
        turn_detector=turn_detector.result(),
        enhancer=enhancer.result(),
        transcriber=transcriber.result(),
        chat=NoChat() if answers_itself else answering["chat"].result(),
        synthesizer=NoSynthesizer() if answers_itself else answering["synthesizer"].result(),
        speech_to_speech=answering["speech_to_speech"].result() if answers_itself else None,
        scheduler=scheduler,
        on_demand=OnDemand(lambda kind, name: open_engine(kind, settings, model_path, scheduler, name)),
    )


def _open_turn_detector(settings: Settings, model_path: ModelPath, scheduler: Scheduler) -> TurnDetector | None:
    """The one engine that a server can do without."""
    if settings.turn_detector.engine == NO_ENGINE:
        return None
    detector: TurnDetector = open_engine("turn_detector", settings, model_path, scheduler)
    return detector
