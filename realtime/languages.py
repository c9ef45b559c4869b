"""Languages as requests name them."""

from __future__ import annotations


def language_code(name: str) -> str:
    """The ISO-639-1 code of the language called `name`, in small letters: `de` of `de`, `DE`, `de-AT` and `de_AT`.

    Empty where there is none. Whether there is such a language is not looked at.
    """
    return name.strip().lower().replace("_", "-").partition("-")[0]
