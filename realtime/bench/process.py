"""What a process has used: processor time and memory, as the operating system counts them."""

from __future__ import annotations

from time import monotonic

from realtime.bench.errors import BenchFailed
from realtime.structs import Frozen


class Reading(Frozen):
    """One look at a process."""

    at_s: float
    """Of a clock that only goes up."""
    cpu_s: float
    """Processor time since the process began, its own and the kernel's on its behalf, all threads together."""
    rss_mib: float
    """Memory that is in RAM."""


class ProcessMeter:
    """Reads one process of this machine, and no other: children are not counted."""

    def __init__(self, pid: int) -> None:
        """Raises `BenchFailed` where `psutil` is not installed."""
        try:
            import psutil  # of the extra `bench`: nothing else needs it
        except ModuleNotFoundError:
            raise BenchFailed("this needs the package psutil: install the project with its `bench` extra") from None
        self._process = psutil.Process(pid)

    def read(self) -> Reading:
        """How it stands now."""
        with self._process.oneshot():
            used = self._process.cpu_times()
            memory = self._process.memory_info()
        return Reading(at_s=monotonic(), cpu_s=used.user + used.system, rss_mib=memory.rss / 2**20)


def cpu_ms_per_s(readings: list[Reading]) -> float:
    """Processor time in milliseconds each second, from the first reading to the last."""
    first, last = readings[0], readings[-1]
    return (last.cpu_s - first.cpu_s) * 1000 / (last.at_s - first.at_s)
