"""Describe a published contract: `python -m tools.describe_contract PROTO` writes tests/backend/data/contract.binpb.

What protoc knows of it, in binary and without its comments, is all that a client is made of, and all that the
project's own copy in proto/ is held against. To be run when the contract's owner publishes another version.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

DESCRIBED = Path(__file__).parent.parent / "tests" / "backend" / "data" / "contract.binpb"


def describe(contract: Path) -> bytes:
    """The `FileDescriptorSet` of a proto file that imports no other; exits with protoc's message if it is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "contract.binpb"
        failed = protoc.main(["protoc", f"-I{contract.parent}", f"--descriptor_set_out={described}", str(contract)])
        if failed:
            sys.exit(failed)
        return described.read_bytes()


if __name__ == "__main__":
    DESCRIBED.parent.mkdir(exist_ok=True)
    DESCRIBED.write_bytes(describe(Path(sys.argv[1])))
