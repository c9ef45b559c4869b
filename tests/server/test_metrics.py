"""What a server counts, read as Prometheus reads it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from realtime.protocol.timing import Waterfall
from realtime.server.metrics import STAGES, Metrics
from tests.fakes import FakeChat, fake_engines
from tests.protocol.test_beta_server_events import response_with
from tests.protocol.timing import WATERFALL
from tests.server.house import QUESTION, House, refusal, until

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
Samples = dict[tuple[str, ...], float]
"""What was counted, by the name of the sample and the values of its labels."""


def samples(text: str) -> Samples:
    """All of it, if it is what Prometheus can read; of a bucket, its limit comes first."""
    return {
        (sample.name.removeprefix("realtime_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def counted(metrics: Metrics) -> Samples:
    """What it has counted."""
    text, _ = metrics.written("")
    return samples(text.decode())


async def scraped(house: House) -> Samples:
    """What a server has counted."""
    return samples((await house.get("/metrics")).text)


def spoken(**changes: float | bool | None) -> Waterfall:
    """An answer to a turn that ended by itself, in 327 ms."""
    return replace(WATERFALL, **changes)


# --- turns -------------------------------------------------------------------------------------------------------


def test_a_turn_is_counted_whole_and_by_its_stages() -> None:
    metrics = Metrics(lambda: 0)
    metrics.turn_answered(spoken())
    found = counted(metrics)
    assert found["voice_to_voice_seconds_sum", "false"] == 0.327
    assert found["decided_to_voice_seconds_sum", "false"] == pytest.approx(0.231)
    assert found["voice_to_voice_seconds_bucket", "0.3", "false"] == 0
    assert found["voice_to_voice_seconds_bucket", "0.35", "false"] == 1
    stages = {stage: found["turn_stage_seconds_sum", stage] for stage in STAGES}
    assert sum(stages.values()) == pytest.approx(0.327)
    assert (stages["endpoint"], stages["first_sentence"]) == (0.096, 0.08)


def test_what_was_got_ready_unheard_is_counted_apart() -> None:
    metrics = Metrics(lambda: 0)
    metrics.turn_answered(spoken())
    metrics.turn_answered(spoken(speculated=True, total_ms=99.0))
    found = counted(metrics)
    assert found["voice_to_voice_seconds_count", "true"] == found["voice_to_voice_seconds_count", "false"] == 1
    assert found["decided_to_voice_seconds_sum", "true"] == pytest.approx(0.003)


@pytest.mark.parametrize("missing", [("endpoint_ms",), ("first_sentence_ms", "first_sound_ms")])
def test_a_stage_there_was_none_of_is_not_counted_and_neither_is_the_whole(missing: tuple[str, ...]) -> None:
    """What the client has asked for, or was answered in writing, is no turn from voice to voice."""
    metrics = Metrics(lambda: 0)
    metrics.turn_answered(spoken(**dict.fromkeys(missing)))
    found = counted(metrics)
    assert ("voice_to_voice_seconds_count", "false") not in found
    counts = {stage: found.get(("turn_stage_seconds_count", stage), 0) for stage in STAGES}
    assert {stage for stage, count in counts.items() if not count} == {name.removesuffix("_ms") for name in missing}


def test_speculation_is_counted_by_what_became_of_it() -> None:
    """What was wasted can be read before anything was."""
    metrics = Metrics(lambda: 0)
    assert counted(metrics)["speculation_tokens_total", "dropped"] == 0
    metrics.speculation_kept(50.0, 30)
    metrics.speculation_dropped(120.0, 40)
    metrics.speculation_dropped(80.0, 2)
    found = counted(metrics)
    assert (found["speculations_total", "kept"], found["speculations_total", "dropped"]) == (1, 2)
    assert found["speculation_seconds_total", "dropped"] == pytest.approx(0.2)
    assert (found["speculation_tokens_total", "kept"], found["speculation_tokens_total", "dropped"]) == (30, 42)


def test_two_servers_count_apart() -> None:
    one, other = Metrics(lambda: 1), Metrics(lambda: 2)
    one.conversation_began()
    assert (counted(one)["conversations_begun_total",], counted(other)["conversations_begun_total",]) == (1, 0)
    assert (counted(one)["conversations",], counted(other)["conversations",]) == (1, 2)


def test_the_lag_is_a_histogram_and_an_early_clock_is_no_lag() -> None:
    metrics = Metrics(lambda: 0)
    for late_s in (0.0002, 0.02, -0.001):
        metrics.loop_woke(late_s)
    found = counted(metrics)
    assert found["event_loop_lag_seconds_count",] == 3
    assert found["event_loop_lag_seconds_bucket", "0.01"] == 2
    assert found["event_loop_lag_seconds_sum",] == pytest.approx(0.0202)


def test_the_document_names_what_is_counted() -> None:
    """Each metric with its labels and its kind, and none that there is not."""
    metrics = Metrics(lambda: 0)
    metrics.turn_answered(spoken())
    metrics.response_ended(response_with())
    metrics.conversation_refused("server_full")
    text, _ = metrics.written("")
    families = list(parser.text_string_to_metric_families(text.decode()))
    labels = {
        family.name: ",".join(sorted({name for sample in family.samples for name in sample.labels} - {"le"}))
        for family in families
    }
    told = {
        name.removesuffix("_total"): (names or "", kind)
        for name, names, kind in re.findall(r"^\| `(\w+)(?:\{(.+)\})?` \| (\w+) \|", DOCUMENT, re.MULTILINE)
    }
    assert told == {
        family.name: (labels[family.name], family.type) for family in families if not family.name.endswith("_created")
    }


# --- a whole server ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("server_logs")
async def test_a_conversation_is_counted() -> None:
    """Its turn, its tokens, and that it is going on."""
    async with House() as house:
        async with house.call() as caller:
            await caller.asks()
            found = await scraped(house)
            assert (found["conversations",], found["conversations_begun_total",]) == (1, 1)
            assert found["responses_total", "completed"] == 1
            assert (
                found["voice_to_voice_seconds_count", "false"] + found.get(("voice_to_voice_seconds_count", "true"), 0)
                == 1
            )
            assert (found["tokens_total", "read"], found["tokens_total", "cached"]) == (12, 5)
            assert found["tokens_total", "written"] == 6
            await until(lambda: _seen_lag(house))
        await house.holds(0)
        assert (await scraped(house))["conversations",] == 0


async def _seen_lag(house: House) -> bool:
    return (await scraped(house))["event_loop_lag_seconds_count",] > 0


@pytest.mark.usefixtures("server_logs")
async def test_an_interruption_is_counted() -> None:
    """As a response that was cancelled, too."""
    async with House(fake_engines(chat=FakeChat(gate=asyncio.Event()))) as house, house.call() as caller:
        await caller.says(*QUESTION)
        await caller.until("response.output_item.added")
        await caller.says(QUESTION[1])
        await caller.until("response.done")
        found = await scraped(house)
        assert (found["interruptions_total",], found["responses_total", "cancelled"]) == (1, 1)


@pytest.mark.usefixtures("server_logs")
async def test_who_is_refused_is_counted_by_the_reason() -> None:
    async with House(max_conversations=1) as house:
        async with house.call():
            await refusal(house)
        await refusal(house, "?intent=singing")
        found = await scraped(house)
        assert found["conversations_refused_total", "server_full"] == 1
        assert found["conversations_refused_total", "invalid_value"] == 1
        assert found["conversations_begun_total",] == 1


@pytest.mark.usefixtures("server_logs")
async def test_the_counts_are_for_those_who_may_come_in() -> None:
    """Health is for everybody."""
    async with House(api_keys=("secret",)) as house:
        refused = await house.get("/metrics")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        allowed = await house.get("/metrics", Authorization="Bearer secret")
        assert allowed.status_code == 200
        assert allowed.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.usefixtures("server_logs")
async def test_who_accepts_openmetrics_is_given_that() -> None:
    async with House() as house:
        answer = await house.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        families = {family.name for family in openmetrics.text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]
        assert families >= {"realtime_conversations", "realtime_turn_stage_seconds", "realtime_speculations"}
