"""The one way to a tool server: where its address may lead, how much may come back, and what went wrong on the way.

The client library turns most of what happens on the wire into errors of its own, without the status and without a
limit. This stands below it, counts, and notes the first thing that went wrong.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx2
import msgspec

from realtime.remote_tools.base import (
    BAD_GATEWAY,
    FORBIDDEN,
    GATEWAY_TIMEOUT,
    ToolServer,
    ToolServerFailed,
    http_error,
    protocol_error,
)
from realtime.settings import RemoteToolSettings

FAREWELL_S = 0.5
"""How long ending a session may hold up a result that is there."""

MOST_EXCHANGES = 48
"""Requests for one listing or call, so that a server which sends us round in circles is soon done."""

NAT64 = IPv6Network("64:ff9b::/96")
"""Where an IPv4 address is written as an IPv6 one, for a gateway to take it back."""

RESERVED = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "accept-encoding"}
"""Headers that belong to the connection: another `Host` would lead past the list of allowed hosts."""


class Fence(httpx2.AsyncBaseTransport):
    """One listing's or call's connections. Never shared: what it notes is about that one."""

    def __init__(self, settings: RemoteToolSettings, tls: ssl.SSLContext) -> None:
        self._private_addresses = settings.private_addresses
        # No environment: a proxy is not ours to assume, and .netrc would send keys to hosts that a client names.
        self._inner = httpx2.AsyncHTTPTransport(verify=tls, trust_env=False)
        self._bytes_left = settings.max_answer_bytes
        self._exchanges_left = MOST_EXCHANGES
        self.failure: ToolServerFailed | None = None
        """The first thing that went wrong below the protocol."""
        self.refusal: int | None = None
        """The HTTP status that the last message met with, where that was an error and not one of JSON-RPC."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask. Cancelling closes the connection."""
        if request.method == "GET" and "last-event-id" not in request.headers:
            return httpx2.Response(405)  # the server's own messages, which we have no use for
        if request.method == "DELETE":
            return await self._say_goodbye(request)
        self._exchanges_left -= 1
        if self._exchanges_left < 0:
            raise self._failed(protocol_error(f"the tool server needs more than {MOST_EXCHANGES} requests"))
        try:
            response = await self._send(request)
        except OSError as problem:
            raise self._failed(http_error("the tool server has no address", BAD_GATEWAY)) from problem
        except httpx2.TimeoutException:
            self._failed(http_error("the tool server did not answer in time", GATEWAY_TIMEOUT))
            raise
        except httpx2.TransportError:
            self._failed(http_error("the tool server cannot be reached", BAD_GATEWAY))
            raise
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()  # a kilobyte may become a gigabyte, and we have not asked for it
            raise self._failed(http_error("the tool server compresses its answer unasked", BAD_GATEWAY))
        status, headers, body = response.status_code, response.headers, _Counted(response, self)
        counted = httpx2.Response(status, headers=headers, stream=body, extensions=response.extensions)
        return await self._noted(counted) if request.method == "POST" else counted

    async def aclose(self) -> None:
        """Close every connection. Cancelling leaves them to the garbage collector."""
        await self._inner.aclose()

    def take(self, count: int) -> None:
        """So many bytes have come. Raises when they are too many."""
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise self._failed(protocol_error("the tool server's answer is too large"))

    def broke_off(self) -> None:
        """The connection ended in the middle of an answer."""
        self._failed(http_error("the tool server broke off its answer", BAD_GATEWAY))

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Ask an address that has been looked at: a name may lead anywhere, and elsewhere the next time."""
        if self._private_addresses:
            return await self._inner.handle_async_request(request)
        url = request.url
        found = await asyncio.get_running_loop().getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
        addresses = [str(address) for *_, (address, *_) in found]
        if not all(map(is_public, addresses)):
            raise self._failed(http_error("the tool server is in a private network", FORBIDDEN))
        unreachable: httpx2.TransportError = httpx2.ConnectError("no address")
        for address in addresses:
            placed = httpx2.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,  # with the name, as the Host
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.host},  # the certificate is checked for it
            )
            try:
                return await self._inner.handle_async_request(placed)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
                unreachable = problem
        raise unreachable

    def _failed(self, failure: ToolServerFailed) -> ToolServerFailed:
        self.failure = self.failure or failure
        return failure

    async def _noted(self, response: httpx2.Response) -> httpx2.Response:
        """An error's status, unless its body is JSON-RPC's own error, which says more."""
        self.refusal = response.status_code if response.status_code >= 300 else None
        if response.status_code < 400:
            return response
        try:
            body = b"".join([piece async for piece in response.stream])  # type: ignore[union-attr]
        finally:
            await response.stream.aclose()  # type: ignore[union-attr]
        if _is_json_rpc_error(body):
            self.refusal = None
        return httpx2.Response(response.status_code, headers={"content-type": "application/json"}, content=body)

    async def _say_goodbye(self, request: httpx2.Request) -> httpx2.Response:
        """End the session, if that is quickly done; not at all when whoever asked is gone."""
        task = asyncio.current_task()
        if self.failure or (task and task.cancelling()):
            return httpx2.Response(405)
        try:
            async with asyncio.timeout(FAREWELL_S):
                response = await self._send(request)
                await response.aclose()
        except (OSError, httpx2.HTTPError, ToolServerFailed):
            return httpx2.Response(405)
        return httpx2.Response(200)


class _Counted(httpx2.AsyncByteStream):
    """A body, as long as there is room for it."""

    def __init__(self, response: httpx2.Response, fence: Fence) -> None:
        self._response = response
        self._fence = fence

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.stream:  # type: ignore[union-attr]
                self._fence.take(len(piece))
                yield piece
        except httpx2.HTTPError:
            self._fence.broke_off()
            raise

    async def aclose(self) -> None:
        await self._response.aclose()


def is_public(address: str) -> bool:
    """Whether anybody on the internet could reach it: not this machine, not its network, not a cloud's own services."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and (parsed.ipv4_mapped or parsed in NAT64):
        parsed = IPv4Address(int(parsed) & 0xFFFF_FFFF)
    return parsed.is_global and not parsed.is_multicast


def check(server: ToolServer, settings: RemoteToolSettings) -> None:
    """Raises `ToolServerFailed` when we will not ask that server: its address, its headers or the settings forbid."""
    if not settings.enabled:
        raise http_error("remote tools are turned off here", FORBIDDEN)
    url = _parsed(server.url)
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise http_error("the address of the tool server must begin with http:// or https://", FORBIDDEN)
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    allowed = {entry.lower() for entry in settings.allowed_hosts}
    if allowed and allowed.isdisjoint({url.host.lower(), f"{url.host.lower()}:{port}"}):
        raise http_error("the host of the tool server is not one that this server may ask", FORBIDDEN)
    if reserved := sorted({name.lower() for name in server.headers} & RESERVED):
        raise http_error(f"the header {reserved[0]!r} is not the client's to set", FORBIDDEN)


def _parsed(url: str) -> httpx2.URL | None:
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL:
        return None


def headers_for(server: ToolServer) -> dict[str, str]:
    """What every request to that server carries."""
    headers = {**server.headers, "Accept-Encoding": "identity"}
    if server.authorization is not None:
        with_scheme = " " in server.authorization.strip()
        headers["Authorization"] = server.authorization if with_scheme else f"Bearer {server.authorization}"
    return headers


def _is_json_rpc_error(body: bytes) -> bool:
    try:
        match msgspec.json.decode(body):
            case {"jsonrpc": "2.0", "error": {"code": int()}}:
                return True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return False
