"""The demo page in a real browser, with a real server behind it.

Needs two fixtures:

- `live_server`: something with a `url` such as "http://127.0.0.1:8123", where a whole server (page and
  `/v1/realtime`, no access key) is listening. It must choose the subprotocol `realtime`, or browsers hang up, and send
  the page with a strict `Content-Security-Policy`: "default-src 'self'; connect-src 'self' ws: wss:";
- `spoken_question`: the path of a 16-bit mono WAV file that says "What is the capital of France?", and then nothing for
  long enough to be answered.

The browser plays that file as its microphone, again and again: a busy machine tears holes into what it plays, and who
was not understood asks again. It is the `chromium` on the search path if there is one, and Playwright's own otherwise.
"""

import asyncio
import base64
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, WebSocketRoute, async_playwright, expect

from realtime.audio import Audio, silence
from realtime.codecs.containers import write_wav
from tests.live import question

pytestmark = pytest.mark.browser

ANSWER_TIMEOUT_S = 60
HALF_A_SECOND = 12_000
"""Samples of the answer's 24 kHz audio."""

# Playwright's own wait_for_function evaluates text inside the page, which the policy forbids; a promise is allowed.
WAIT_FOR_SAMPLES = """
(enough) => new Promise((resolve) => {
  const look = () => {
    const { counters } = window.realtimeDemo;
    if (counters.samplesPlayed > enough) resolve(counters);
    else requestAnimationFrame(look);
  };
  look();
})
"""


class LiveServer(Protocol):
    """A whole server that is listening."""

    @property
    def url(self) -> str: ...


@asynccontextmanager
async def chromium(*switches: str) -> AsyncIterator[Browser]:
    """A browser that may play sound unasked and has a fake microphone."""
    always = ["--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream", "--no-sandbox"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*always, "--disable-gpu", "--disable-background-networking", *switches],
        )
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(browser: Browser, server: LiveServer) -> tuple[Page, list[str]]:
    """The page, and a list that gathers its complaints; violations of the server's content policy are among them."""
    page = await browser.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    response = await page.goto(f"{server.url}/")
    assert response is not None
    assert "default-src 'self'" in response.headers.get("content-security-policy", "")
    return page, complaints


@pytest.mark.model
async def test_speak_and_hear_the_answer(live_server: LiveServer, spoken_question: Path) -> None:
    microphone = f"--use-file-for-fake-audio-capture={spoken_question}"
    async with chromium("--use-fake-ui-for-media-stream", microphone) as browser:
        page, complaints = await open_page(browser, live_server)
        await page.get_by_role("button", name="Start").click()

        for who, word in (("user", "france"), ("assistant", "paris")):
            said = page.locator(f"#captions .{who} p", has_text=re.compile(word, re.IGNORECASE))
            await said.first.wait_for(timeout=ANSWER_TIMEOUT_S * 1000)
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            counters = await page.evaluate(WAIT_FOR_SAMPLES, HALF_A_SECOND)

        assert counters["loudestSample"] > 0.01
        assert counters["answerLatencyMs"] > 0
        assert counters["chunksSent"] > 0
        await expect(page.locator("#figures")).to_contain_text("answered in")
        await expect(page.locator("#captions .waterfall").first).to_contain_text("ms after your last sound")
        await expect(page.locator("#notices")).to_be_empty()
        await page.get_by_role("button", name="End").click()
        await expect(page.locator("#status")).to_have_text("Ready")
        assert complaints == []


@pytest.mark.model
async def test_talking_over_the_answer_cuts_it_where_it_was_heard(live_server: LiveServer, tmp_path: Path) -> None:
    """A question with a long answer, then another while that is being spoken."""
    pause = silence(6000, 24_000)
    spoken = np.concatenate([question("sky").pcm, pause, question("france").pcm])
    write_wav(tmp_path / "both.wav", Audio(spoken, 24_000))
    microphone = f"--use-file-for-fake-audio-capture={tmp_path / 'both.wav'}%noloop"
    async with chromium("--use-fake-ui-for-media-stream", microphone) as browser:
        page, complaints = await open_page(browser, live_server)
        await page.get_by_role("button", name="Start").click()
        cut = page.locator("#captions .assistant.cut")
        await expect(cut).to_have_count(1, timeout=ANSWER_TIMEOUT_S * 1000)
        counters = await page.evaluate("window.realtimeDemo.counters")
        played_ms = counters["samplesPlayed"] / 24
        assert 0 < counters["lastTruncate"]["audioEndMs"] <= played_ms
        assert played_ms - counters["lastTruncate"]["audioEndMs"] < 500, "sound went on after the cut"
        second = page.locator("#captions .assistant p").nth(1)
        await expect(second).to_contain_text(re.compile("paris", re.IGNORECASE), timeout=ANSWER_TIMEOUT_S * 1000)
        await expect(page.locator("#notices")).to_be_empty()  # the server took the truncation as right
        assert complaints == []


TIMINGS: list[dict[str, float | bool | None]] = [
    {
        **{"endpoint_ms": 200.0, "transcription_ms": 50.0, "queueing_ms": 0.0, "first_token_ms": 100.0},
        **{"first_sentence_ms": 20.0, "first_sound_ms": 29.6, "send_ms": 0.4, "total_ms": 400.0, "speculated": False},
    },
    {
        **{"endpoint_ms": None, "transcription_ms": 0.0, "queueing_ms": 0.0, "first_token_ms": 2000.0},
        **{"first_sentence_ms": 0.0, "first_sound_ms": 0.0, "send_ms": 0.0, "total_ms": 2000.0, "speculated": True},
    },
]


def answer_twice(line: WebSocketRoute) -> None:
    """In place of the server: two answers, once the page has said how it wants to talk."""

    def hear(message: str | bytes) -> None:
        heard = json.loads(message)
        if heard["type"] != "session.update" or heard["session"]["include"] != ["response.timing"]:
            return
        for name, timing in zip("ab", TIMINGS, strict=True):
            of = {"response_id": f"resp_{name}", "item_id": f"item_{name}"}
            tell("response.created", response={"id": of["response_id"]})
            tell("response.output_audio_transcript.delta", **of, delta="Paris. ")
            tell("response.timing", **of, timing=timing)
            tell("response.output_audio_transcript.delta", **of, delta="It lies on the Seine.")

    def tell(type_: str, **fields: Any) -> None:
        line.send(json.dumps({"type": type_, **fields}))

    line.on_message(hear)
    tell("session.created")


async def test_where_the_time_went_is_drawn_under_each_answer(live_server: LiveServer) -> None:
    """In words, for everybody; and as a bar, a second at full width, with a part for each stage there was."""
    async with chromium("--use-fake-ui-for-media-stream") as browser:
        page, complaints = await open_page(browser, live_server)
        await page.route_web_socket(re.compile("/v1/realtime"), answer_twice)
        await page.reload()
        await page.get_by_role("button", name="Start").click()

        first, second = page.locator("#captions .assistant").nth(0), page.locator("#captions .assistant").nth(1)
        await expect(first.locator("p")).to_have_text("Paris. It lies on the Seine.")
        words = "your silence 200 understanding 50 thinking 100 first words 20 voice 30"
        await expect(first.get_by_role("figure")).to_have_text(f"Answered 400 ms after your last sound: {words}")
        await expect(second.get_by_role("figure")).to_have_text(
            "Answered in 2000 ms, got ready while you were silent: thinking 2000"
        )
        full_px = await second.locator(".bar").evaluate("bar => bar.offsetWidth")
        parts_px = await first.locator(".bar i").evaluate_all("parts => parts.map(part => part.offsetWidth)")
        assert [round(part_px / full_px, 2) for part_px in parts_px] == [0.2, 0.05, 0.1, 0.02, 0.03]
        await expect(page.locator(".waterfall .bar[aria-hidden=true]")).to_have_count(2)
        assert complaints == []


WAIT_FOR_GAIN = """
([least, most]) => new Promise((resolve) => {
  const look = () => {
    const { gain } = window.realtimeDemo.counters;
    if (gain >= least && gain <= most) resolve(gain);
    else requestAnimationFrame(look);
  };
  look();
})
"""


async def test_the_answer_is_softer_while_somebody_may_be_interrupting(live_server: LiveServer) -> None:
    """By 18 dB; and as loud as before when nobody was."""
    lines: list[WebSocketRoute] = []

    def tell(type_: str, **fields: Any) -> None:
        lines[-1].send(json.dumps({"type": type_, "response_id": "resp_a", "item_id": "item_a"} | fields))

    def hear(message: str | bytes) -> None:
        if json.loads(message)["type"] == "session.update":
            answer("resp_a", "item_a")
            tell("response.output_audio.ducked")

    def answer(response_id: str, item_id: str) -> None:
        sound = base64.b64encode(bytes(48_000 * 30)).decode()
        tell("response.created", response={"id": response_id})
        tell("response.output_audio.delta", response_id=response_id, item_id=item_id, delta=sound)

    def pick_up(line: WebSocketRoute) -> None:
        lines.append(line)
        line.on_message(hear)
        tell("session.created")

    async with chromium("--use-fake-ui-for-media-stream") as browser:
        page, complaints = await open_page(browser, live_server)
        await page.route_web_socket(re.compile("/v1/realtime"), pick_up)
        await page.reload()
        await page.get_by_role("button", name="Start").click()
        await page.evaluate(WAIT_FOR_GAIN, [0.12, 0.13])
        await expect(page.locator("#status")).to_have_text("Speaking")
        tell("response.output_audio.resumed")
        await page.evaluate(WAIT_FOR_GAIN, [1, 1])
        tell("response.output_audio.ducked")
        await page.evaluate(WAIT_FOR_GAIN, [0.12, 0.13])
        tell("input_audio_buffer.speech_started")
        answer("resp_b", "item_b")
        await page.evaluate(WAIT_FOR_GAIN, [1, 1])
        assert complaints == []


async def test_a_refused_microphone_is_said_in_plain_words(live_server: LiveServer) -> None:
    async with chromium("--deny-permission-prompts") as browser:
        page, complaints = await open_page(browser, live_server)
        await page.get_by_role("button", name="Start").click()

        notice = page.get_by_role("alert")
        await expect(notice).to_contain_text("The microphone was refused")
        await expect(notice).to_contain_text("Allow the microphone for this page")
        await expect(page.locator("#status")).to_have_text("Ready")
        await notice.get_by_role("button", name="Dismiss").click()
        await expect(notice).to_be_empty()
        assert complaints == []


async def test_a_lost_connection_is_said_in_plain_words_and_can_be_taken_up_again(live_server: LiveServer) -> None:
    lines: list[WebSocketRoute] = []

    def hold(line: WebSocketRoute) -> None:
        line.connect_to_server()
        lines.append(line)

    async with chromium("--use-fake-ui-for-media-stream") as browser:
        page, complaints = await open_page(browser, live_server)
        await page.route_web_socket(re.compile("/v1/realtime"), hold)
        await page.reload()
        await page.get_by_role("button", name="Start").click()
        await expect(page.get_by_role("button", name="End")).to_be_visible()
        await lines[0].close(code=1011, reason="the test hangs up")

        notice = page.get_by_role("alert")
        await expect(notice).to_contain_text("The connection was lost")
        await expect(notice).to_contain_text("the test hangs up")
        await expect(page.locator("#status")).to_have_text("Not connected")

        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("button", name="End")).to_be_visible()
        await expect(notice).to_be_empty()
        assert len(lines) == 2
        assert complaints == []
