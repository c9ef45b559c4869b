"""Scripted engines as somebody else's package would bring them: found by entry points, opened by the server itself."""

from __future__ import annotations

from pathlib import Path

from realtime.engines.registry import Options, Workshop
from tests.fakes import FakeChat, FakeDetector, FakeSynthesizer, FakeTranscriber

ENTRY_POINTS = """
[realtime.detector]
fake = tests.server.plugin:open_detector
[realtime.transcriber]
fake = tests.server.plugin:open_transcriber
[realtime.chat]
fake = tests.server.plugin:open_chat
[realtime.synthesizer]
fake = tests.server.plugin:open_synthesizer
"""

CONFIGURATION = """
[server]
port = 0

[grpc]
port = 0
[detector]
engine = "fake"
[turn_detector]
engine = "none"
[transcriber]
engine = "fake"
[chat]
engine = "fake"
[synthesizer]
engine = "fake"
"""
"""What an operator writes to use them."""


class ChatOptions(Options, frozen=True):
    """What the model says."""

    answer: str = "Hello."


class Mouth(FakeSynthesizer):
    """Tells when it is given back."""

    async def close(self) -> None:
        print("the voice is closed", flush=True)  # noqa: T201  # what a subprocess has to say


def install(folder: Path) -> None:
    """Put the package into `folder`, as far as `importlib.metadata` cares."""
    metadata = folder / "scripted_engines-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: scripted-engines\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)


def open_detector(workshop: Workshop) -> FakeDetector:
    """Speech is what is loud."""
    return FakeDetector()


def open_transcriber(workshop: Workshop) -> FakeTranscriber:
    """Everybody asks the same."""
    return FakeTranscriber()


def open_chat(workshop: Workshop) -> FakeChat:
    """Says what the configuration wants it to."""
    return FakeChat([workshop.read_options(ChatOptions, "fake").answer])


def open_synthesizer(workshop: Workshop) -> Mouth:
    """Says when it is closed."""
    return Mouth(ms_per_letter=50)
