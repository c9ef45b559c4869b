"""Model files on a model hub, fetched with huggingface_hub and so with its settings, mirrors and credentials.

The hub says which commit a branch is at and, for large files, their SHA-256: all files are taken from one commit and
checked against it. Where the hub cannot be reached, files that another program left in the hub's own cache on this
machine serve as well. A file that arrived whole is kept when the next one fails; the client goes on after a broken
connection, but of a file it was killed in nothing stays.
"""

from __future__ import annotations

import errno
import inspect
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from realtime.errors import ModelUnavailable
from realtime.models.catalogue import File, HubSource, Model
from realtime.models.disk import Places, ensure_room
from realtime.models.progress import Progress
from realtime.models.redaction import one_line

_DISK = {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}
"""What the disk says, as opposed to the hub."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch_hub(model: Model, source: HubSource, places: Places, progress: Progress) -> tuple[File, ...]:
    """Put the model's files into `places.ready`; the answer is what the hub says they are, for whoever verifies them.

    Raises `ModelUnavailable` with the client's reason and what else can be done.
    """
    client = _client(model)
    # The client's HTTP library is its own affair and changed between its versions; only here do its errors show.
    failures = (OSError, ValueError, *client.errors.HfHubHTTPError.__bases__)
    try:
        return _download(client, model, source, places, progress)
    except failures as problem:
        if isinstance(problem, OSError) and problem.errno in _DISK:
            raise
        try:
            return _copy_from_cache(client, model, source, places.ready)
        except failures:
            raise ModelUnavailable(_advice(model, source, places.home, problem)) from problem


def _client(model: Model) -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError as missing:
        raise ModelUnavailable(
            f"model {model.name!r} comes from {model.source}, which needs the Python package {missing.name!r}; "
            "install the project with its `hub` extra"
        ) from missing
    return huggingface_hub


def _download(
    client: ModuleType, model: Model, source: HubSource, places: Places, progress: Progress
) -> tuple[File, ...]:
    files, commit = _ask(client, model, source)
    total_bytes = sum(file.size_bytes or 0 for file in files)
    ensure_room(places.staging, total_bytes, f"model {model.name!r}")
    landing = places.staging / "hub"
    # Older clients draw a bar of their own and cannot be told otherwise.
    tells = "tqdm_class" in inspect.signature(client.hf_hub_download).parameters
    report, before_bytes = partial(progress, model.name), 0
    for file in files:
        bar = {"tqdm_class": _bar_for(report, before_bytes, total_bytes or None)} if tells else {}
        client.hf_hub_download(source.repo, file.origin, revision=commit, local_dir=landing, **bar)
        before_bytes += file.size_bytes or 0
    for file in files:
        (places.ready / file.path).parent.mkdir(parents=True, exist_ok=True)
        (landing / file.origin).replace(places.ready / file.path)
    return files


def _ask(client: ModuleType, model: Model, source: HubSource) -> tuple[tuple[File, ...], str]:
    """The model's files with what the hub knows of them, and the commit they are all at."""
    commit, files = source.revision, []
    for file in model.files:
        url = client.hf_hub_url(source.repo, file.origin, revision=commit)
        known = client.get_hf_file_metadata(url)
        commit = known.commit_hash or commit
        hashed = known.etag if _SHA256.fullmatch(known.etag or "") else None
        size_bytes = known.size if file.size_bytes is None else file.size_bytes
        files.append(msgspec.structs.replace(file, size_bytes=size_bytes, sha256=file.sha256 or hashed))
    return tuple(files), commit


def _copy_from_cache(client: ModuleType, model: Model, source: HubSource, ready: Path) -> tuple[File, ...]:
    for file in model.files:
        cached = client.hf_hub_download(source.repo, file.origin, revision=source.revision, local_files_only=True)
        (ready / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cached, ready / file.path)
    return model.files


def _advice(model: Model, source: HubSource, home: Path, problem: Exception) -> str:
    return (
        f"cannot fetch model {model.name!r} from {source}: {one_line(problem)}; if the repository is private or gated, "
        f"log in with `hf auth login`; if this machine cannot reach the hub, put "
        f"{', '.join(file.origin for file in model.files)} from another machine into {home} as "
        f"{', '.join(file.path for file in model.files)} and run `realtime models verify {model.name}`"
    )


def _bar_for(report: Callable[[int, int | None], None], before_bytes: int, total_bytes: int | None) -> type:
    """What the client takes for a tqdm class: counts on from `before_bytes` and draws nothing."""

    class Bar:
        def __init__(self, *_: Any, initial: int = 0, total: int | None = None, **__: Any) -> None:
            self.total = total
            self._done_bytes = before_bytes + initial

        def update(self, step: float | None = 1) -> None:
            self._done_bytes += int(step or 0)
            report(self._done_bytes, total_bytes)

        def ignore(self, *_: Any, **__: Any) -> None:
            """Reports of the bytes on the wire beside those written, and of looks."""

        update_transfer = set_postfix_str = set_transfer_postfix_str = set_description = refresh = close = ignore
        __exit__ = ignore

        def __enter__(self) -> Bar:
            return self

    return Bar
