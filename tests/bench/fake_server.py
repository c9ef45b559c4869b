"""`python -m tests.bench.fake_server --host HOST --port PORT`: the real server on scripted engines, as a process."""

from __future__ import annotations

import sys

import uvicorn

from tests.caller.server import fake_app

if __name__ == "__main__":
    host, port = sys.argv[2], int(sys.argv[4])
    uvicorn.run(fake_app(), host=host, port=port, ws="websockets-sansio", log_level="warning", lifespan="off")
