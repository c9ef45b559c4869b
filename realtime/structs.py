"""The one kind of struct this project is made of: frozen, keyword-only, typed."""

from __future__ import annotations

from typing import dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable object."""


class Strict(Frozen, forbid_unknown_fields=True):
    """One that comes from outside: a field nobody knows is an error, never ignored."""
