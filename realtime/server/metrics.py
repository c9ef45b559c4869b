"""What a server counts, as Prometheus reads it: how fast turns are answered, by which stage, at what cost."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from realtime.protocol.server_events import ResponseObject
from realtime.protocol.timing import Waterfall

TURN_SECONDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Fine where people notice: they leave each other about 0.2 s, and find 0.7 s slow."""

STAGE_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, 5.0)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)

STAGES = ("endpoint", "transcription", "queueing", "first_token", "first_sentence", "first_sound", "send")
"""Of a waterfall, in their order."""


class Metrics:
    """Everything one server counts: a `Meter` of its conversations, and what happens at its door.

    Counts in any thread, in microseconds. Nothing in it says who talked, or about what.
    """

    def __init__(self, conversations: Callable[[], int]) -> None:
        """`conversations` says how many are going on."""
        self._registry = registry = CollectorRegistry()
        self._count_turns(registry)
        self._count_work(registry)
        Gauge("realtime_conversations", "Conversations going on.", registry=registry).set_function(conversations)
        self._begun = Counter("realtime_conversations_begun", "Conversations that began.", registry=registry)
        self._refused = Counter(
            "realtime_conversations_refused", "Conversations refused, by the error's code.", ["code"], registry=registry
        )
        self._lag = Histogram(
            "realtime_event_loop_lag_seconds",
            "How late the event loop woke from a sleep of 20 ms.",
            buckets=LAG_SECONDS,
            registry=registry,
        )

    def _count_turns(self, registry: CollectorRegistry) -> None:
        self._voice_to_voice = Histogram(
            "realtime_voice_to_voice_seconds",
            "From the user's last voiced sample to the answer's first sound sent, of turns that ended by themselves.",
            ["speculated"],
            buckets=TURN_SECONDS,
            registry=registry,
        )
        self._decided_to_voice = Histogram(
            "realtime_decided_to_voice_seconds",
            "The same from the moment on at which the turn was decided.",
            ["speculated"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self._stage = Histogram(
            "realtime_turn_stage_seconds",
            "The stages of every answer, spoken or written.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )

    def _count_work(self, registry: CollectorRegistry) -> None:
        self._responses = Counter(
            "realtime_responses", "Responses that ended, by how they did.", ["status"], registry=registry
        )
        self._interruptions = Counter(
            "realtime_interruptions", "Responses that the user talked over.", registry=registry
        )
        self._tokens = Counter(
            "realtime_tokens",
            "Tokens of responses: read, remembered of that (cached), and written.",
            ["kind"],
            registry=registry,
        )
        self._speculations = Counter(
            "realtime_speculations",
            "Answers begun while the user was silent, by what became of them: kept, or dropped.",
            ["outcome"],
            registry=registry,
        )
        self._speculation_seconds = Counter(
            "realtime_speculation_seconds",
            "From when they were begun until they were wanted or dropped.",
            ["outcome"],
            registry=registry,
        )
        self._speculation_tokens = Counter(
            "realtime_speculation_tokens", "Tokens read and written for them.", ["outcome"], registry=registry
        )
        for outcome in ("kept", "dropped"):  # so that both are there before the first
            self._speculated(outcome, 0, 0, count=0)

    # --- what conversations do -----------------------------------------------------------------------------------

    def turn_answered(self, waterfall: Waterfall) -> None:
        """The first of an answer is on its way."""
        for stage in STAGES:
            took_ms: float | None = getattr(waterfall, f"{stage}_ms")
            if took_ms is not None:
                self._stage.labels(stage).observe(took_ms / 1000)
        if waterfall.endpoint_ms is not None and waterfall.first_sound_ms is not None:
            speculated = str(waterfall.speculated).lower()
            self._voice_to_voice.labels(speculated).observe(waterfall.total_ms / 1000)
            self._decided_to_voice.labels(speculated).observe((waterfall.total_ms - waterfall.endpoint_ms) / 1000)

    def response_ended(self, response: ResponseObject) -> None:
        """A response is over."""
        self._responses.labels(response.status).inc()
        if response.status_details and response.status_details.reason == "turn_detected":
            self._interruptions.inc()
        if response.usage:
            self._tokens.labels("read").inc(response.usage.input_tokens)
            self._tokens.labels("cached").inc(response.usage.input_token_details.cached_tokens)
            self._tokens.labels("written").inc(response.usage.output_tokens)

    def speculation_kept(self, took_ms: float, tokens: int) -> None:
        """An answer begun early was wanted."""
        self._speculated("kept", took_ms, tokens)

    def speculation_dropped(self, took_ms: float, tokens: int) -> None:
        """An answer begun early was for nothing."""
        self._speculated("dropped", took_ms, tokens)

    def _speculated(self, outcome: str, took_ms: float, tokens: int, count: int = 1) -> None:
        self._speculations.labels(outcome).inc(count)
        self._speculation_seconds.labels(outcome).inc(took_ms / 1000)
        self._speculation_tokens.labels(outcome).inc(tokens)

    # --- what the server does ------------------------------------------------------------------------------------

    def conversation_began(self) -> None:
        """Somebody was let in."""
        self._begun.inc()

    def conversation_refused(self, code: str) -> None:
        """Somebody was not."""
        self._refused.labels(code).inc()

    def loop_woke(self, late_s: float) -> None:
        """The event loop woke so much later than asked."""
        self._lag.observe(max(0.0, late_s))

    def written(self, accept: str) -> tuple[bytes, str]:
        """All of it as text, and what kind of text: OpenMetrics for whoever accepts that."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type
