"""Kinds of engine that have to be near: whoever wants one of them behind a `Backend` is told why not."""

from __future__ import annotations

from typing import NoReturn

from realtime.engines.registry import Workshop
from realtime.errors import BadConfiguration


def refuse_detector(workshop: Workshop) -> NoReturn:
    """Raise `BadConfiguration`."""
    raise BadConfiguration(
        "'detector.engine' cannot be at 'grpc://': it hears every 32 ms of every conversation and has a millisecond to "
        "answer, and the contract's 'VAD' takes whole recordings"
    )


def refuse_turn_detector(workshop: Workshop) -> NoReturn:
    """Raise `BadConfiguration`."""
    raise BadConfiguration("'turn_detector.engine' cannot be at 'grpc://': the contract has no call for it")


def refuse_enhancer(workshop: Workshop) -> NoReturn:
    """Raise `BadConfiguration`."""
    raise BadConfiguration(
        "'enhancer.engine' cannot be at 'grpc://': it cleans sound in step with the microphone, within the time of a "
        "frame; clients can clean theirs by 'AudioTransformStream', which 'grpc.routes' may send elsewhere"
    )
