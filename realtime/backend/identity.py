"""Which model a request is meant for: whoever calls may say so, and is then answered by no other."""

from __future__ import annotations

from realtime.errors import NotLoaded


class Identity:
    """The names that `LoadModel` was given. Belongs to one event loop.

    All engines of a service are loaded together and stay, so that a client may load several by their names, or several
    clients one each: every name counts from then on.
    """

    def __init__(self) -> None:
        self._given: dict[str, None] = {}

    def take(self, name: str) -> None:
        """`LoadModel` was given this name and has loaded it."""
        self._given[name] = None

    def check(self, expected: str) -> None:
        """Raises `NotLoaded` where a request is meant for another model than was loaded; empty is meant for any.

        That it was not loaded is what is wrong: once it is, the same request is answered.
        """
        if expected and expected not in self._given:
            given = ", ".join(map(repr, self._given)) or "nothing yet"
            raise NotLoaded(f"'ModelIdentity' is {expected!r}, but 'LoadModel' was given {given}.")
