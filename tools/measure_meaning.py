"""How long texts and the vector store take on this machine: `python -m tools.measure_meaning` prints two tables.

Writes 250 MB into a temporary folder.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from realtime.engines.minilm import MiniLm, open_minilm
from realtime.engines.registry import Workshop
from realtime.engines.scheduler import Scheduler
from realtime.models.catalogue import load_catalogue
from realtime.models.store import ModelStore
from realtime.settings import load_settings
from realtime.vectors import VectorStore

DIMENSIONS = 384
AT_ONCE = 1000
"""Entries in one request."""

COLUMNS = (
    "search for 10, median, ms",
    "one in ten above",
    "one more set, median, ms",
    "one in ten above",
    "a thousand set, ms",
    "opened, ms",
    "file, MB",
)


async def times_ms(work: Callable[[], Awaitable[object]], repeats: int = 40) -> str:
    """The median and the time that one in ten is above."""
    taken = []
    for _ in range(repeats):
        began = perf_counter()
        await work()
        taken.append((perf_counter() - began) * 1000)
    tenths = quantiles(taken, n=10)
    return f"{tenths[4]:.1f} | {tenths[8]:.1f}"


async def measure_texts(minilm: MiniLm) -> list[str]:
    """One text at a time."""
    rows = ["| tokens of a text | median, ms | one in ten above, ms |", "| ---: | ---: | ---: |"]
    for tokens in (8, 32, 128, 256, 512):
        texts = [(2773,) * (tokens - 2)]
        await minilm.embed(texts)
        rows.append(f"| {tokens} | {await times_ms(partial(minilm.embed, texts))} |")
    return rows


async def measure_store(entries: int, folder: Path) -> str:
    """Filled, asked, closed and opened again."""
    rng = np.random.default_rng(0)
    path = folder / f"{entries}.sqlite"
    store = VectorStore(path)
    began = perf_counter()
    for _ in range(0, entries, AT_ONCE):
        await store.set(rng.normal(size=(AT_ONCE, DIMENSIONS)).astype(np.float32), [bytes(100)] * AT_ONCE)
    filled_ms = (perf_counter() - began) / entries * AT_ONCE * 1000
    key = rng.normal(size=DIMENSIONS).astype(np.float32)
    found = await times_ms(lambda: store.find(key, 10))
    added = await times_ms(lambda: store.set(rng.normal(size=(1, DIMENSIONS)).astype(np.float32), [b"one"]))
    await store.close()
    began = perf_counter()
    again = VectorStore(path)
    await again.open()
    opened_ms = (perf_counter() - began) * 1000
    await again.close()
    size = path.stat().st_size / 1e6
    return f"| {entries} | {found} | {added} | {filled_ms:.0f} | {opened_ms:.0f} | {size:.0f} |"


async def measure() -> list[str]:
    """Both tables."""
    settings = load_settings(None, os.environ, {})
    models = ModelStore(settings.models.directory, load_catalogue())
    scheduler = Scheduler(1)
    workshop = Workshop(model_path=models.path, scheduler=scheduler, threads=1, options={"max_tokens": 512})
    rows = await measure_texts(open_minilm(workshop))
    scheduler.close()
    rows += ["", f"| entries | {' | '.join(COLUMNS)} |", "| ---: " * (len(COLUMNS) + 1) + "|"]
    with TemporaryDirectory() as folder:
        rows += [await measure_store(entries, Path(folder)) for entries in (10_000, 100_000)]
    return rows


if __name__ == "__main__":
    sys.stdout.writelines(f"{row}\n" for row in asyncio.run(measure()))
