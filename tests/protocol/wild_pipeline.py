"""A pipeline, and tool servers, that report anything at all."""

from __future__ import annotations

from realtime.protocol import reports
from realtime.protocol.items import ListedTool, McpCall, McpExecutionError
from realtime.protocol.server_events import RateLimit
from tests.protocol.client import Client
from tests.protocol.dice import Dice
from tests.protocol.timing import WATERFALL
from tests.protocol.wild_client import ids_of


class WildPipeline:
    """Makes up reports."""

    def __init__(self, dice: Dice) -> None:
        self._dice, self._random = dice, dice.random

    def report(self, client: Client) -> reports.Report:
        """Anything, about what there is or was."""
        witness = client.witness
        match self._random.randrange(16):
            case 15:
                return self.doubting()
            case 12:
                return reports.NobodySpoke()
            case 13 | 14:
                return self.tool_report(client)
            case 9 if self._random.random() < 0.05:
                return reports.Expired()
            case 0:
                return reports.SpeechBegan(audio_start_ms=self._random.randrange(500))
            case 1 | 2:
                return reports.SpeechEnded(audio_end_ms=self._random.randrange(2000))
            case 3 | 4 | 5 | 6:
                return self.hearing(
                    self._dice.any([witness.ears.following or "nobody"], witness.unheard, witness.order)
                )
            case 7 if self._random.random() < 0.05:
                return reports.Draining()
            case 8 if self._random.random() < 0.05:
                return reports.HungUp()
        return self.speaking(client, self._dice.any(witness.live, witness.made.done))

    def doubting(self) -> reports.Report:
        """Somebody may be talking over an answer."""
        options: list[reports.SpeechReport] = [reports.SpeechSuspected(), reports.SpeechDismissed()]
        return self._random.choice([*options, reports.SpeechBegan(audio_start_ms=0)])

    def hearing(self, item_id: str) -> reports.Report:
        """What the user has said."""
        words = self._random.choice(["Hello.", "Stop!", "Go on.", "", " "])
        match self._random.randrange(8):
            case 0 | 1:
                return reports.Heard(item_id=item_id, text=words, words=(reports.HeardWord(words, -0.1),))
            case 2:
                return reports.NotHeard(item_id=item_id, code="engine_failed", message="It broke.")
        return reports.HeardAll(item_id=item_id, text=words, speech_seconds=1.5)

    def speaking(self, client: Client, response_id: str) -> reports.Report:
        """How a response goes on."""
        words = self._random.choice(["Well, ", "then.", ""])
        life = client.witness.live.get(response_id)
        match self._random.randrange(23):
            case 0:
                return reports.Began(response_id=response_id)
            case 14 | 15 | 16 | 17 | 18 | 19:
                return self._calling(life.writing if life else set(), response_id)
            case 20:
                return reports.PromptRead(response_id=response_id, prompt_tokens=30, cached_tokens=20)
            case 21:
                limit = RateLimit(name="tokens", limit=100, remaining=60, reset_seconds=1.5)
                return reports.Allowance(response_id=response_id, limits=(limit,))
            case 22:
                return reports.Timed(response_id=response_id, waterfall=WATERFALL)
            case 1:
                return reports.Failed(response_id=response_id, code="engine_failed", message="It broke.")
            case 2 | 3:
                return reports.Answered(
                    response_id=response_id,
                    reason=self._random.choice(["stop", "tool_calls", "length", "content_filter"]),
                    prompt_tokens=30,
                    cached_tokens=20,
                    completion_tokens=7,
                )
        if life.aloud if life else self._random.random() < 0.5:
            return reports.Spoke(
                response_id=response_id, text=words, audio=self._random.randbytes(self._random.choice([0, 7, 480]))
            )
        return reports.Wrote(response_id=response_id, text=words, tokens=self._random.randrange(9))

    def _calling(self, writing: set[str], response_id: str) -> reports.Report:
        if not writing or self._random.random() < 0.2:
            call_id = f"call_{self._dice.number()}"
            name = self._random.choice(["dance", "buy", "look", "look"])
            return reports.CallBegan(response_id=response_id, call_id=call_id, name=name)
        call_id = self._random.choice(sorted(writing))
        if self._random.random() < 0.5:
            return reports.CallEnded(response_id=response_id, call_id=call_id)
        return reports.CallWrote(response_id=response_id, call_id=call_id, text=self._random.choice(["{", "}", ""]))

    def tool_report(self, client: Client) -> reports.Report:
        """What a tool server has, or what came of a call."""
        servers = client.witness.servers
        if self._random.random() < 0.5:
            item_id = self._dice.any(servers.listing, client.witness.order)
            if self._random.random() < 0.2:
                return reports.ToolsNotListed(item_id=item_id)
            tools = tuple(
                ListedTool(name=name, input_schema={}, annotations={"readOnlyHint": name == "look"})
                for name in ("buy", "look")
            )
            return reports.ToolsListed(item_id=item_id, tools=tools)
        item_id = self._dice.any(servers.calling, ids_of(client, McpCall))
        if self._random.random() < 0.5:
            return reports.ToolFailed(item_id=item_id, error=McpExecutionError(message="It broke."))
        return reports.ToolAnswered(item_id=item_id, output="Done.")
