"""What the calls of real clients share."""

from __future__ import annotations

from tests.end_to_end.ear import transcriber
from tests.end_to_end.node import node
from tests.end_to_end.scene import address, scene, shared_folder

__all__ = ["address", "node", "scene", "shared_folder", "transcriber"]
