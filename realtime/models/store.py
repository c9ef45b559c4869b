"""Where the models of this machine lie: fetched once, verified, found at once ever after.

    ROOT/NAME/…            the verified files of a model, and the record of their verification
    ROOT/.staging/NAME/…   what an unfinished pull has got so far; the next one goes on from it
    ROOT/.locks/NAME.lock  held by the one process that changes the model

A model's folder appears under its name complete and verified, in one rename. A person may also put the files there:
`pull` and `verify` take them as they are if they are what the catalogue asks for. Once a model is in place nothing
here uses the network or needs to write, so a filled store may be copied into an image or mounted read-only.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import Catalogue, Model, PathSource, RequantisedSource
from realtime.models.disk import Places, megabytes
from realtime.models.fetch import fetch_model
from realtime.models.progress import Progress, quiet
from realtime.models.record import Finding, audit, missing, read_record, vouches

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one model stands in the store."""

    model: Model
    state: Literal["ready", "missing", "unverified"]
    """`unverified`: something lies there, but it changed since it was verified or never was."""
    path: Path
    """Where it lies, or would."""


class ModelStore:
    """The models of `catalogue` under the folder `root`, which need not exist yet.

    Several processes may use one root at the same time. Everything blocks; a server calls `pull` in a thread.
    """

    def __init__(self, root: Path, catalogue: Catalogue) -> None:
        self.root = root
        self.catalogue = catalogue

    def path(self, name: str) -> Path:
        """The model's file, or its folder where it has several: present and verified, in well under a millisecond.

        Never uses the network and reads no model. Raises `ModelUnavailable`, which says what to do.
        """
        standing = self._standing(self.catalogue.find(name))
        if standing.state == "ready":
            return standing.path
        raise ModelUnavailable(_remedy(standing, self.root))

    def status(self, names: Iterable[str] | None = None) -> tuple[Standing, ...]:
        """How the named models stand, or all of the catalogue; as cheap as `path`."""
        wanted = self.catalogue.models if names is None else names
        return tuple(self._standing(self.catalogue.find(name)) for name in wanted)

    def pull(self, names: Iterable[str], progress: Progress = quiet) -> None:
        """Have every named model in place: fetch what is missing, repair what is damaged, leave the rest alone.

        What a model is made of is had as well, but only for the making. Costs nothing and touches no network for models
        that are in place. While another process fetches a model this
        one waits for it. Raises `ModelUnavailable` at the first model that cannot be had. Interrupting it (Ctrl-C, or
        an exception from `progress`) leaves the store sound, and the next pull goes on from there.
        """
        for model in [self.catalogue.find(name) for name in names]:
            # A process that was killed just before it was done leaves its staging folder behind.
            if self._standing(model).state != "ready" or self._places(model).staging.exists():
                with self._disk_faults(model), self._alone_with(model):
                    self._fill(model, progress)

    def verify(self, names: Iterable[str]) -> tuple[Finding, ...]:
        """Read every file of the named models and compare its hash: one finding per file.

        Models found right are ready from now on, also when a person put the files there; damaged ones are refused
        by `path` until `pull` has replaced them. About a second per gigabyte; needs no network.
        """
        findings: list[Finding] = []
        for model in [self.catalogue.find(name) for name in names]:
            path = self._standing(model).path
            if not isinstance(model.source, PathSource):
                with self._disk_faults(model):
                    findings += audit(model, self._places(model).home)
            else:
                findings.append(Finding(model.name, path, "ok") if path.exists() else missing(model.name, path))
        return tuple(findings)

    def _places(self, model: Model) -> Places:
        return Places(home=self.root / model.name, staging=self.root / ".staging" / model.name)

    def _standing(self, model: Model) -> Standing:
        if isinstance(model.source, PathSource):
            path = Path(model.source.path).expanduser()
            return Standing(model, "ready" if path.exists() else "missing", path)
        home = self._places(model).home
        path = home / model.files[0].path if len(model.files) == 1 else home
        if vouches(read_record(home), model, home):
            return Standing(model, "ready", path)
        there = all((home / file.path).is_file() for file in model.files)
        return Standing(model, "unverified" if there else "missing", path)

    @contextmanager
    def _alone_with(self, model: Model) -> Iterator[None]:
        """Keep other processes from changing the model."""
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{model.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.info("waiting for another process that is fetching model %s", model.name)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _disk_faults(self, model: Model) -> Iterator[None]:
        """Say in plain words what the disk refuses."""
        try:
            yield
        except OSError as problem:
            raise ModelUnavailable(
                f"cannot keep model {model.name!r} in {self.root}: {problem.strerror or problem}; make room or give "
                "write access there, or choose another folder for models"
            ) from problem

    def _fill(self, model: Model, progress: Progress) -> None:
        places = self._places(model)
        if not self._in_place(model):
            if isinstance(model.source, RequantisedSource):
                self.pull([model.source.model], progress)
            fetch_model(model, places, progress, self.path)
        shutil.rmtree(places.staging, ignore_errors=True)

    def _in_place(self, model: Model) -> bool:
        """Whether another process has fetched the model meanwhile, or somebody put its files there."""
        standing = self._standing(model)
        if isinstance(model.source, PathSource) and standing.state == "missing":
            raise ModelUnavailable(_remedy(standing, self.root))
        if standing.state == "unverified":
            return all(finding.state == "ok" for finding in audit(model, self._places(model).home))
        return standing.state == "ready"


def _remedy(standing: Standing, root: Path) -> str:
    model = standing.model
    if isinstance(model.source, PathSource):
        return f"model {model.name!r} is configured to lie at {standing.path}, and nothing is there"
    if standing.state == "unverified":
        return (
            f"the files of model {model.name!r} in {root / model.name} are not verified, or changed since they were: "
            f"run `realtime models pull {model.name}` to check and, if needed, replace them"
        )
    size = f", {megabytes(model.size_bytes)}" if model.size_bytes else ""
    return (
        f"model {model.name!r} is not in {root}: run `realtime models pull {model.name}` to fetch it "
        f"({model.source}{size})"
    )
