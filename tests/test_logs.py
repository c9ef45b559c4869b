"""What is logged, in which form, and what never is."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import structlog

from realtime.errors import EngineFailed
from realtime.logs import set_up_logs
from realtime.settings import LogSettings
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, voice
from tests.server.house import House, in_base64

pytestmark = pytest.mark.usefixtures("server_logs")

log = structlog.get_logger("realtime.tests")
CANARY = "xylophone"


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines since the last look, as JSON."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_one_line_of_json_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    """With its level, its place and its time, whoever has logged it."""
    set_up_logs(LogSettings(format="json"))
    log.info("reply began", response="resp_1", took_ms=12)
    logging.getLogger("somebody.else").warning("%d of %d", 1, 2, extra={"shelf": "upper"})
    ours, theirs = logged(capsys)
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        **{"event": "reply began", "response": "resp_1", "took_ms": 12},
        **{"level": "info", "logger": "realtime.tests"},
    }
    assert (theirs["event"], theirs["logger"], theirs["shelf"]) == ("1 of 2", "somebody.else", "upper")


def test_people_are_shown_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Without colours where nobody sees them."""
    set_up_logs(LogSettings())
    log.info("reply began", response="resp_1")
    (line,) = capsys.readouterr().err.splitlines()
    assert "reply began" in line
    assert "response=resp_1" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("level", "ours", "theirs", "uvicorns"),
    [
        ("debug", ["debug", "info", "warning", "error"], ["info", "warning", "error"], ["warning", "error"]),
        ("info", ["info", "warning", "error"], ["info", "warning", "error"], ["warning", "error"]),
        ("warning", ["warning", "error"], ["warning", "error"], ["warning", "error"]),
        ("error", ["error"], ["error"], ["error"]),
    ],
)
def test_the_level_is_the_operators(
    level: Any, ours: list[str], theirs: list[str], uvicorns: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """But at debug level libraries would log what passes through them, so theirs is never that low."""
    set_up_logs(LogSettings(level=level, format="json"))
    for name, wanted in (("realtime.tests", ours), ("websockets.client", theirs), ("uvicorn.error", uvicorns)):
        for said in ("debug", "info", "warning", "error"):
            getattr(logging.getLogger(name), said)("something")
        assert [line["level"] for line in logged(capsys)] == wanted
    for said in ("debug", "info", "warning", "error"):
        getattr(log, said)("something")
    assert [line["level"] for line in logged(capsys)] == ours


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_where_and_not_what(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Local variables could hold what somebody said."""
    set_up_logs(LogSettings(format=form))

    def fail() -> None:
        said = f"a {CANARY}"
        raise ZeroDivisionError(len(said))

    try:
        fail()
    except ZeroDivisionError:
        log.exception("it broke")
        logging.getLogger("somebody.else").exception("so did this")
    shown = capsys.readouterr().err
    assert shown.count("ZeroDivisionError") >= 2
    assert shown.count("test_logs.py") >= 2
    assert f"a {CANARY}" not in shown


async def test_each_line_of_a_conversation_names_its_session(capsys: pytest.CaptureFixture[str]) -> None:
    """However many go on at once, and in whatever task it is logged."""
    set_up_logs(LogSettings(format="json"))
    engines = fake_engines(synthesizer=FakeSynthesizer(ms_per_letter=1))
    async with House(engines) as house, house.call() as one, house.call() as other:
        for caller in (one, other):
            await caller.asks()
    ours = ("realtime.conductor", "realtime.server.websocket")
    lines = [line for line in logged(capsys) if line["logger"].startswith(ours)]
    for caller in (one, other):
        session = caller.events[0]["session"]["id"]
        events = [line["event"] for line in lines if line["session"] == session]
        events.remove("turn answered")  # of so short an answer the first sound may be sent when the last is made
        assert events == ["conversation began", "transcribed", "reply began", "reply ended", "conversation ended"]


@pytest.mark.parametrize("form", ["json", "console"])
async def test_nobodys_words_and_nobodys_audio_are_logged(form: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """At no level, by nobody: spoken, written, configured or misspelt."""
    set_up_logs(LogSettings(level="debug", format=form))
    engines = fake_engines(
        transcriber=FakeTranscriber([f"My {CANARY}.", *[EngineFailed("The ears hurt.")] * 2, "Again."]),
        chat=FakeChat([f"Your {CANARY}.", f"No {CANARY}."]),
        synthesizer=FakeSynthesizer(ms_per_letter=1),
    )
    said = voice(768) * 0.9
    async with House(engines) as house, house.call() as caller:
        hints = {"model": "whisper-1", "prompt": CANARY}
        await caller.send(
            "session.update",
            session={"type": "realtime", "instructions": CANARY, "audio": {"input": {"transcription": hints}}},
        )
        await caller.until("session.updated")
        assert CANARY in await caller.asks(quiet(512), said, quiet(576))
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": CANARY}]}
        await caller.send("conversation.item.create", item=item)
        await caller.send("conversation.item.create", item={**item, "role": CANARY})
        await caller.until("error")
        await caller.line.send(f'{{"type": "{CANARY}"')
        await caller.until("error")
        await caller.send(CANARY)
        await caller.until("error")
        await caller.says(quiet(512), said, quiet(576))
        assert (await caller.until("response.done"))["response"]["status"] == "failed"
        assert CANARY in await caller.asks(quiet(512), said, quiet(576))
    shown = capsys.readouterr().err
    assert "conversation ended" in shown
    assert "transcription failed" in shown
    assert CANARY not in shown
    assert in_base64(said)[1000:1040] not in shown
