"""Bytes ⇄ float32 mono: the formats of the wire, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from realtime.codecs.base import Codec, Decoder
from realtime.codecs.g711 import alaw, ulaw
from realtime.codecs.pcm16 import Pcm16
from realtime.errors import InvalidRequest

__all__ = ["CODECS", "Codec", "Decoder", "find_codec"]


def _table(*codecs: Codec) -> Mapping[str, Codec]:
    return MappingProxyType({codec.name: codec for codec in codecs})


CODECS = _table(Pcm16(), ulaw(), alaw())
"""Every format the Realtime protocol names; read-only."""


def find_codec(name: str, *, param: str | None = None) -> Codec:
    """The codec called `name` on the wire.

    Raises `InvalidRequest`, naming the field `param`, when there is none.
    """
    if name not in CODECS:
        raise InvalidRequest(f"Unknown audio format {name!r}; known are {', '.join(CODECS)}.", param=param)
    return CODECS[name]
