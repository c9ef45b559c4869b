"""The one kind of struct the protocol is made of: frozen, keyword-only, typed."""

from __future__ import annotations

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable object of the wire."""


class Strict(Frozen, forbid_unknown_fields=True):
    """One that comes from a client: a field nobody knows is an error, never ignored."""
