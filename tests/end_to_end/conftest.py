"""What the calls of real clients share."""

from __future__ import annotations

from tests.end_to_end.ear import transcriber
from tests.end_to_end.node import node

__all__ = ["node", "transcriber"]
