"""Generate the gRPC code: `python -m tools.generate_proto [FOLDER]` writes realtime/backend/pb under FOLDER (here).

protoc's virtual path makes the generated imports absolute, so nothing has to be edited afterwards. The version of
grpcio-tools is pinned: generated code refuses to run on a runtime older than its generator.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent.parent
PACKAGE = "realtime/backend/pb"


def generate(folder: Path) -> None:
    """Write the code of every file in proto/ into `folder`; exits with protoc's message if one is wrong."""
    (folder / PACKAGE).mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path) for path in (ROOT / "proto").glob("*.proto"))
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    failed = protoc.main(["protoc", f"-I{PACKAGE}={ROOT / 'proto'}", *outputs, *sources])
    if failed:
        sys.exit(failed)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
