from __future__ import annotations

from realtime.bench.machine import describe_machine


def test_a_result_says_where_and_how_it_was_made() -> None:
    machine = describe_machine(["/usr/bin/realtime", "bench", "latency", "--out", "my file.json"])
    assert machine.command == "realtime bench latency --out 'my file.json'"
    assert machine.cores >= 1
    assert machine.cpu
    assert machine.python.startswith("CPython 3.")
    assert {"numpy", "websockets", "uvicorn"} <= set(machine.packages)
    assert machine.began.endswith("+00:00")
