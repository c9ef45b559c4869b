"""Random walks: a client, a pipeline and a network that do anything at all, at any time.

A walk is a list of inputs, made up one by one from what the witness knows by then: ids that exist, ids that are over,
ids nobody ever heard of. Identifiers count, so the same inputs lead to the same session, and a walk that fails can be
walked again with inputs left out, until what is left is short enough to read.
"""

from __future__ import annotations

import json
from random import Random
from typing import TypeAlias

from realtime.protocol import reports
from realtime.protocol.offer import Offer
from realtime.protocol.wishes import AnswerRest, EndTurn, SaidAll, Wish
from tests.protocol.client import Client, Told
from tests.protocol.dice import Dice
from tests.protocol.wild_client import WildClient, spoken_by
from tests.protocol.wild_pipeline import WildPipeline

Input: TypeAlias = str | bytes | Wish | reports.Report
"""Text from the client, a wish of one that has fewer words, or a report from the pipeline."""

STEPS = 150
WISHES = (EndTurn(), AnswerRest(), AnswerRest(once_called=True), SaidAll())
OFFER = Offer(
    voices=frozenset({"anna"}),
    languages=frozenset({"en", "de"}),
    abilities=frozenset({"tools", "images", "counting"}),
    max_buffer_ms=1500,
)


def begin() -> Client:
    """Where every walk begins."""
    client = Client(offer=OFFER)
    client.open()
    return client


def step(client: Client, given: Input) -> Told:
    """One step; the witness objects to what must not be."""
    match given:
        case str() | bytes():
            return client.send_text(given)
        case EndTurn() | AnswerRest() | SaidAll():
            return client.wish(given)
    return client.report(given)


class Walker:
    """Makes up what happens next."""

    def __init__(self, random: Random, servers: bool = False, wishes: bool = False) -> None:
        """`servers`: whether the walk comes by MCP servers, of which not every dialect knows; `wishes`: by those."""
        self._wishes = wishes
        self._random = random
        dice = Dice(random)
        self._client, self._pipeline = WildClient(dice, servers), WildPipeline(dice)
        self._calm = random.choice([0.1, 0.5, 0.8])
        """How often the walk does what a well-behaved client and pipeline would do next."""
        self._first = [json.dumps({"type": "session.update", "session": self._client.session()})]

    def next_input(self, client: Client) -> Input:
        """Anything at all, but likelier something that leads on."""
        if self._first:
            return self._first.pop()
        if self._wishes and self._random.random() < 0.15:
            return self._random.choice(WISHES)
        if self._random.random() < self._calm:
            return self._sensible(client)
        if self._random.random() < 0.5:
            return self._pipeline.report(client)
        text = json.dumps(self._client.event(client))
        return self._client.damage(text) if self._random.random() < 0.05 else text

    def _sensible(self, client: Client) -> Input:
        witness = client.witness
        running = [id_ for id_, life in witness.live.items() if life.started]
        dice = self._random.random()
        if witness.ears.ducked or (witness.ears.confirms and witness.ears.heard and dice > 0.5):
            return self._pipeline.doubting()
        if dice < 0.35 and (waiting := self._servers(client)):
            return waiting
        if witness.ears.awaiting and dice < 0.45:
            return reports.NobodySpoke()
        if running and dice < 0.6:
            return self._pipeline.speaking(client, self._random.choice(running))
        if witness.unheard and dice < 0.8:
            return self._pipeline.hearing(self._random.choice(sorted(witness.unheard)))
        if spoken_by(client) and dice > 0.95:
            return json.dumps(self._client.truncate(client))
        if witness.detecting:
            return (
                reports.SpeechEnded(audio_end_ms=900)
                if witness.ears.speaking
                else reports.SpeechBegan(audio_start_ms=0)
            )
        return json.dumps({"type": self._random.choice(["input_audio_buffer.commit", "response.create"])})

    def _servers(self, client: Client) -> Input | None:
        """What would happen next with the MCP servers, if anything is to."""
        servers = client.witness.servers
        if servers.unapproved and self._random.random() < 0.5:
            return json.dumps(self._client.decide(client))
        return self._pipeline.tool_report(client) if servers.listing or servers.calling else None
