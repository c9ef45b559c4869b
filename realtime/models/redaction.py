"""What another program said, made fit for an error message: one line, bounded, and without secrets."""

from __future__ import annotations

import re

_CREDENTIALS = re.compile(r"//[^/@\s]+@")
_QUERY = re.compile(r"(https?://[^\s?]+)\?[^\s\"')]+")
_TOKEN = re.compile(r"\bhf_\w{8,}|(?i:\bbearer\s+\S+)")


def one_line(said: object, limit: int = 400) -> str:
    """`said` as text on one line of at most `limit` characters, without passwords, tokens and signed queries."""
    text = " ".join(str(said).split())
    text = _TOKEN.sub("***", _QUERY.sub(r"\1?***", _CREDENTIALS.sub("//***@", text)))
    return text if len(text) <= limit else f"{text[:limit]}…"
