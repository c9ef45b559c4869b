"""Where a server is called: what people type, and the WebSocket address it stands for."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from realtime.caller.errors import Unreachable


def realtime_url(url: str, model: str | None = None) -> str:
    """The WebSocket address of the server at `url`: `localhost:8000`, `http://…/v1` and the whole address all do."""
    wrong = f"{url!r} is not the address of a server; one looks like ws://localhost:8000/v1/realtime"
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        usable = scheme in ("ws", "wss") and parts.hostname and parts.port != 0
    except ValueError:  # brackets or a port that are none
        raise Unreachable(wrong) from None
    if not usable:
        raise Unreachable(wrong)
    path = parts.path.rstrip("/")
    if not path.endswith("/realtime"):
        path = f"{path or '/v1'}/realtime"
    query = [*parse_qsl(parts.query), *([("model", model)] if model else [])]
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


def is_here(address: str) -> bool:
    """Whether the server is this machine: no proxy leads there."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
