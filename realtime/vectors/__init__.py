"""A store of vectors with a value each: found by what they are, and by what they resemble. Every door may share one."""

from realtime.vectors.store import VectorStore
from realtime.vectors.table import Entries, Vectors

__all__ = ["Entries", "VectorStore", "Vectors"]
