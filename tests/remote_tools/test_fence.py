"""Servers that are no tool servers, or bad ones: each fails what was asked of it, soon, and nothing else."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as wire
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import ASGIApp, Receive, Scope, Send

from realtime.remote_tools import fence
from realtime.remote_tools.base import ToolServer, ToolServerFailed
from realtime.remote_tools.client import MOST_PAGES, MOST_TOOLS
from realtime.remote_tools.fence import MOST_EXCHANGES, is_public
from realtime.settings import load_settings
from tests.remote_tools.test_client import at, failure_of, tools
from tests.toolserver import TOOLS, Kitchen, old, serving, tool_server

JSON, EVENTS = "application/json", "text/event-stream"

SCHEMA = {"type": "object"}


class Stranger:
    """Answers every request alike, and counts them."""

    def __init__(self, status: int, kind: str, body: Iterable[bytes] = (), **headers: str) -> None:
        self.asked: list[tuple[str, dict[bytes, bytes]]] = []
        self._status = status
        self._headers = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.asked.append((scope["method"], dict(scope["headers"])))
        talking = asyncio.create_task(self._talk(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        talking.cancel()
        await asyncio.wait([talking])

    async def _talk(self, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        for piece in self._body:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # an endless body must not hold up the loop that reads it too
        await send({"type": "http.response.body", "body": b""})


class Endless:
    """The same piece again and again."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece
        self.sent = 0

    def __iter__(self) -> Any:
        while True:
            self.sent += len(self._piece)
            yield self._piece


async def listing_from(app: ASGIApp, **settings: Any) -> ToolServerFailed:
    """How asking that server for its tools fails."""
    async with serving(app) as url, asyncio.timeout(10):
        return await failure_of(tools(**settings).list(at(url)))


@pytest.mark.parametrize("kind", ["text/html", JSON])
@pytest.mark.parametrize("status", [400, 404, 500])
async def test_an_error_of_http(status: int, kind: str) -> None:
    """Is told with its status, whatever its body says."""
    failed = await listing_from(Stranger(status, kind, [b'{"error": "secret"}']))
    assert (failed.kind, failed.error_code) == ("http_error", status)
    assert str(failed) == f"the tool server answered with status {status}"


async def test_an_error_of_json_rpc_beside_one_of_http() -> None:
    """Says more."""
    body = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32050, "message": "secret"}}'
    failed = await listing_from(Stranger(400, JSON, [body]))
    assert (failed.kind, failed.error_code) == ("protocol_error", -32050)
    assert "secret" not in str(failed)


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(lambda: Stranger(200, JSON, [b"secret"]), id="no JSON"),
        pytest.param(lambda: Stranger(200, JSON, [b'{"jsonrpc": "2.0", "id": 77, "result": 7}']), id="no result"),
        pytest.param(lambda: Stranger(200, JSON, [b"[" * 100_000]), id="deep JSON"),
        pytest.param(lambda: Stranger(200, JSON, [b"\xff\xfe\x00"]), id="no text"),
        pytest.param(lambda: Stranger(200, "text/html", [b"<p>hello</p>"]), id="a web page"),
        pytest.param(lambda: Stranger(200, EVENTS, [b"data: secret\n\n"]), id="no message"),
        pytest.param(lambda: Stranger(200, EVENTS, []), id="no events"),
        pytest.param(lambda: Stranger(202, JSON, []), id="nothing but accepted"),
    ],
)
async def test_nonsense(app: Callable[[], ASGIApp]) -> None:
    """Is an error of the protocol."""
    failed = await listing_from(app(), timeout_s=3)
    assert failed.kind == "protocol_error"
    assert "secret" not in str(failed)


@pytest.mark.parametrize(
    ("status", "kind", "piece"),
    [
        (200, JSON, b" " * 10_000),
        (500, JSON, b" " * 10_000),
        (200, EVENTS, b"data: " + b"x" * 10_000),
        (200, EVENTS, b": still here\n\n" * 100),
        (200, EVENTS, b'data: {"jsonrpc": "2.0", "method": "notifications/nothing"}\n\n' * 100),
    ],
)
async def test_an_endless_answer(status: int, kind: str, piece: bytes) -> None:
    """Is read as far as there is room for it."""
    body = Endless(piece)
    failed = await listing_from(Stranger(status, kind, body), max_answer_bytes=50_000)
    assert (failed.kind, str(failed)) == ("protocol_error", "the tool server's answer is too large")
    assert body.sent < 16 << 20  # what the kernel's buffers hold of it is not ours to decide


async def test_a_small_answer_that_would_unpack_to_a_large_one() -> None:
    """Is not unpacked: we have not asked for that."""
    bomb = gzip.compress(b" " * (8 << 20))
    stranger = Stranger(200, JSON, [bomb], content_encoding="gzip")
    failed = await listing_from(stranger)
    assert (failed.kind, failed.error_code) == ("http_error", 502)
    assert {headers[b"accept-encoding"] for _, headers in stranger.asked} == {b"identity"}


async def test_a_stream_that_ends_for_ever() -> None:
    """One that asks us to come back each time, at once, is not come back to for ever."""
    stranger = Stranger(200, EVENTS, [b"retry: 0\nid: 1\ndata:\n\n"])
    failed = await listing_from(stranger)
    assert failed.kind == "protocol_error"
    assert len(stranger.asked) <= MOST_EXCHANGES


async def test_a_list_without_an_end() -> None:
    """By its pages, or by its tools."""
    many = [wire.Tool(name=f"tool {n}", input_schema=SCHEMA) for n in range(MOST_TOOLS + 1)]
    for kitchen, said in ((Kitchen(page_size=0), f"{MOST_PAGES} pages"), (Kitchen(many), f"{MOST_TOOLS} tools")):
        async with tool_server(kitchen) as url:
            failed = await failure_of(tools().list(at(url)))
        assert failed.kind == "protocol_error"
        assert said in str(failed)


async def test_a_name_that_is_listed_twice() -> None:
    """Means the first."""
    twice = [wire.Tool(name="same", description=which, input_schema=SCHEMA) for which in ("first", "second")]
    async with tool_server(Kitchen(twice)) as url:
        assert [tool.description for tool in await tools().list(at(url))] == ["first"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_keys_do_not_go_elsewhere(status: int) -> None:
    """A server that sends us to another is not followed."""
    other = Stranger(200, JSON)
    async with serving(other) as elsewhere:
        failed = await listing_from(Stranger(status, JSON, location=elsewhere))
    assert (failed.kind, failed.error_code) == ("http_error", status)
    assert other.asked == []


async def test_another_path_of_the_same_server() -> None:
    """Is followed: it may want a slash."""

    def moved(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("path") == "/moved/mcp":
                await Stranger(307, JSON, location="/mcp")(scope, receive, send)
            else:
                await app(scope, receive, send)

        return answer

    async with tool_server(wrap=moved) as url:
        assert len(await tools().list(at(url.replace("/mcp", "/moved/mcp")))) == len(TOOLS)


async def test_an_answer_that_is_broken_off() -> None:
    """In the middle."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"jsonrpc": ')
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        failed = await failure_of(tools().list(at(f"http://127.0.0.1:{port}/")))
    assert (failed.kind, failed.error_code) == ("http_error", 502)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_session_is_ended(silent: bool) -> None:
    """And a server that does not let us go holds nobody up for long."""
    goodbyes: list[str] = []
    never = asyncio.Event()

    def watched(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("method") == "DELETE":
                goodbyes.append(scope["path"])
                if silent:
                    await never.wait()
            await old(app)(scope, receive, send)

        return answer

    async with tool_server(wrap=watched) as url:
        async with asyncio.timeout(5):
            assert await tools().call(at(url), "add", '{"a": 1, "b": 1}') == "2"
        never.set()
    assert goodbyes == ["/mcp"]


async def test_who_has_left_says_no_goodbye() -> None:
    """A cancelled call is over at once; the server forgets the session by itself."""
    goodbyes: list[str] = []

    def watched(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope.get("method") == "DELETE":
                goodbyes.append(scope["path"])
            await old(app)(scope, receive, send)

        return answer

    kitchen = Kitchen()
    async with tool_server(kitchen, wrap=watched) as url:
        call = asyncio.create_task(tools().call(at(url), "wait", "{}"))
        await kitchen.waiting.wait()
        call.cancel()
        await asyncio.wait([call])
        kitchen.ready.set()
    assert goodbyes == []


async def test_the_server_s_own_stream_is_not_asked_for() -> None:
    """We would not know what to do with it."""
    asked: list[str] = []

    def watched(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            asked.append(scope.get("method", ""))
            await old(app)(scope, receive, send)

        return answer

    async with tool_server(wrap=watched) as url:
        await tools().list(at(url))
    assert "POST" in asked
    assert "GET" not in asked


def test_an_operator_decides() -> None:
    """In the table `mcp`."""
    chosen = {"REALTIME_MCP__ENABLED": "false", "REALTIME_MCP__ALLOWED_HOSTS": '["a", "b:1"]'}
    settings = load_settings(None, chosen, {"mcp": {"private_addresses": False}}).mcp
    assert (settings.enabled, settings.allowed_hosts, settings.private_addresses) == (False, ("a", "b:1"), False)


@pytest.mark.parametrize(
    ("url", "fields", "settings"),
    [
        ("http://127.0.0.1:9/", {}, {"enabled": False}),
        ("http://127.0.0.1:9/", {}, {"allowed_hosts": ("tools.example.com",)}),
        ("http://127.0.0.1:9/", {}, {"allowed_hosts": ("127.0.0.1:8",)}),
        ("http://tools.example.com@127.0.0.1:9/", {}, {"allowed_hosts": ("tools.example.com",)}),
        ("ftp://127.0.0.1:9/", {}, {}),
        ("file:///etc/passwd", {}, {}),
        ("kitchen", {}, {}),
        ("http://", {}, {}),
        ("http://a:b/", {}, {}),
        ("http://127.0.0.1:9/", {"headers": {"Host": "intranet"}}, {}),
        ("http://127.0.0.1:9/", {"headers": {"Transfer-Encoding": "chunked"}}, {}),
        ("http://127.0.0.1:9/", {}, {"private_addresses": False}),
        ("http://localhost:9/", {}, {"private_addresses": False}),
        ("http://[::1]:9/", {}, {"private_addresses": False}),
        ("http://0x7f.1:9/", {}, {"private_addresses": False}),
    ],
)
async def test_where_we_do_not_go(url: str, fields: dict[str, Any], settings: dict[str, Any]) -> None:
    """Neither by what the operator forbids nor by what makes no sense."""
    failed = await failure_of(tools(**settings).list(ToolServer(label="x", url=url, **fields)))
    assert (failed.kind, failed.error_code) == ("http_error", 403)


@pytest.mark.parametrize("allowed", ["127.0.0.1", "LOCALHOST", "localhost:{port}"])
async def test_where_we_may_go(allowed: str) -> None:
    """By the name of the host, with the port or without."""
    async with tool_server() as url:
        port = url.split(":")[2].removesuffix("/mcp")
        host = "127.0.0.1" if allowed[0] == "1" else "localhost"
        remote = tools(allowed_hosts=(allowed.format(port=port),))
        assert await remote.list(at(f"http://{host}:{port}/mcp"))


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its number, so that a name cannot mean another the next moment; the server still hears the name."""
    looked_at: set[str] = set()

    def look_at(address: str) -> bool:
        looked_at.add(address)
        return True

    monkeypatch.setattr(fence, "is_public", look_at)
    async with serving(stranger := Stranger(500, JSON)) as url:
        port = url.split(":")[2]
        failed = await failure_of(tools(private_addresses=False).list(at(f"http://localhost:{port}/")))
    assert failed.error_code == 500
    assert "127.0.0.1" in looked_at
    assert {headers[b"host"].decode() for _, headers in stranger.asked} == {f"localhost:{port}"}


async def test_a_certificate_is_for_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Although the number is asked: one for another name is no good."""
    monkeypatch.setattr(fence, "is_public", lambda _: True)
    for name, code in (("localhost", 500), ("elsewhere.example", 502)):
        certificate = tmp_path / f"{name}.pem"
        certificate.write_bytes(certified(name))
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(httpx2, "create_ssl_context", lambda trust_env, trusting=trusting: trusting)
        async with serving(Stranger(500, JSON), ssl_certfile=str(certificate)) as url:
            port = url.split(":")[2]
            failed = await failure_of(tools(private_addresses=False).list(at(f"https://localhost:{port}/")))
        assert (failed.kind, failed.error_code) == ("http_error", code)


def certified(name: str) -> bytes:
    """A key and a certificate that it has signed itself, for a host of that name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=subject, subject_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + certificate.public_bytes(pem)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f::1", True),
        ("::ffff:93.184.215.14", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%lo", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    """What a name may lead to when private addresses are not allowed."""
    assert is_public(address) is public
