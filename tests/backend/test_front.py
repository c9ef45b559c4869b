"""One server's conversations answered by another server of ours: conductor, channel, room, conductor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from realtime.backend.remote.channels import Channels
from realtime.backend.remote.connection import make_line
from realtime.backend.remote.speech_to_speech import RemoteSpeechToSpeech, SpeechToSpeechOptions
from realtime.engines.base import Message
from realtime.errors import EngineFailed
from tests.backend.doorway import Doorway
from tests.backend.rooms import premises_of
from tests.dialogue import QUESTION, Dialogue
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, voice
from tests.server.house import until
from tests.tools import WEATHER, call, update


class Front(Dialogue):
    """A conversation that is over when it is over in both servers; it is the door that must leave nothing behind."""

    def __init__(self, door: Doorway, near_ear: FakeTranscriber) -> None:
        options = SpeechToSpeechOptions(voices=("emma",))
        self._door = door
        self._engine = RemoteSpeechToSpeech(Channels(make_line(door.address, options)), options)
        engines = fake_engines(speech_to_speech=self._engine, transcriber=near_ear)
        super().__init__(engines, real_time=True, instructions="Be brief.")

    async def __aenter__(self) -> Self:
        self.running = asyncio.get_running_loop().create_task(self._converse())
        await self.goes_on()
        return self

    async def is_cancelled(self) -> None:
        await super().is_cancelled()
        await self._engine.close()
        await until(lambda: self._door.going_on == 0)


@asynccontextmanager
async def fronted(
    chat: FakeChat, *heard: str, ms_per_letter: float = 5
) -> AsyncIterator[tuple[Front, FakeTranscriber]]:
    """A client of a front server, and the ear of the server behind it, which `chat` answers in."""
    script: list[str | Exception] = list(heard) or ["What is the capital of France?"]
    far_ear, near_ear = FakeTranscriber(script), FakeTranscriber(script)
    far = fake_engines(chat=chat, synthesizer=FakeSynthesizer(ms_per_letter=ms_per_letter), transcriber=far_ear)
    async with Doorway(premises_of(far)) as door, Front(door, near_ear) as client:
        yield client, far_ear


async def test_a_question_is_heard_far_away_and_answered_here() -> None:
    """Every sample of the turn gets there; words, sound and usage come back."""
    chat = FakeChat(["Paris, it is.", "Rome."])
    async with fronted(chat) as (client, far_ear):
        await update(client, audio={"output": {"voice": "emma"}})
        await client.says(*QUESTION)
        response = (await client.until("response.done"))["response"]
        assert (response["status"], client.words(response["id"])) == ("completed", "Paris, it is.")
        assert len(client.sound(response["id"])) == 13 * 5 * 24
        assert response["usage"]["output_tokens"] == 3
        assert abs(len(far_ear.heard[0]) - (768 + 300 + 512) * 16) <= 32
        await client.says(*QUESTION)
        again = (await client.until("response.done", 2))["response"]
        assert client.words(again["id"]) == "Rome."
        assert [(message.role, message.text) for message in chat.prompts[1].messages] == [
            ("system", "Be brief."),
            ("user", "What is the capital of France?"),
            ("assistant", "Paris, it is."),
            ("user", "What is the capital of France?"),
        ]


async def test_a_function_is_called_through_both() -> None:
    """What it gives goes back all the way."""
    chat = FakeChat([call("get_weather", '{"city"', ': "Paris"}'), "It is 18 degrees."])
    async with fronted(chat) as (client, _):
        await update(client, tools=[WEATHER])
        await client.says(*QUESTION)
        done = await client.until("response.function_call_arguments.done")
        await client.until("response.done")
        assert (done["name"], done["arguments"]) == ("get_weather", '{"city": "Paris"}')
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": "18"}
        await client.asks("conversation.item.create", item=output)
        await client.asks("response.create")
        response = (await client.until("response.done", 2))["response"]
        assert (response["status"], client.words(response["id"])) == ("completed", "It is 18 degrees.")
        assert chat.prompts[1].messages[-1] == Message(role="tool", text="18", call_id=done["call_id"])
        assert len(chat.prompts) == 2


async def test_talking_over_it_stops_the_far_server() -> None:
    """At once, and the far conversation goes on with what is said next."""
    chat = FakeChat(["One two three. Four five six.", "Yes."], gate=asyncio.Event())
    async with fronted(chat, "Count.", "Stop!", ms_per_letter=50) as (client, _):
        assert chat.gate
        await client.says(*QUESTION)
        await until(lambda: bool(chat.prompts))
        for _ in range(4):
            chat.gate.set()
            await client.goes_on()
        await client.until("response.output_audio.delta")
        chat.gate.clear()
        await client.says(voice(320))
        first = (await client.until("response.done"))["response"]
        assert first["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        told = len(client.words(first["id"]))
        chat.gate.set()
        await client.says(voice(320), quiet(576))
        response = (await client.until("response.done", 2))["response"]
        assert client.words(response["id"]) == "Yes."
        assert len(client.words(first["id"])) == told
        assert [message.text for message in chat.prompts[1].messages if message.role == "user"] == ["Count.", "Stop!"]


async def test_a_written_question_and_none() -> None:
    """A client that writes is answered aloud, or in writing; and so is one that only wants to be spoken to."""
    chat = FakeChat(["Hello.", "Paris.", "Rome."])
    async with fronted(chat) as (client, _):
        await client.asks("response.create")
        await client.until("response.done")
        for count, text in ((2, "And France?"), (3, "And Italy?")):
            content = [{"type": "input_text", "text": text}]
            await client.asks("conversation.item.create", item={"type": "message", "role": "user", "content": content})
            await client.asks("response.create", response={"output_modalities": ["text"]})
            await client.until("response.done", count)
        answers = [event["response"]["id"] for event in client.all("response.done")]
        assert [client.words(answer) for answer in answers] == ["Hello.", "Paris.", "Rome."]
        assert {event["response"]["status"] for event in client.all("response.done")} == {"completed"}
        assert len(chat.prompts) == 3


async def test_what_fails_far_away_fails_here_and_the_next_answer_is_told_all() -> None:
    """The near session lives."""
    chat = FakeChat(["Paris.", EngineFailed("the model is ill"), "Rome."])
    async with fronted(chat, "France?", "Spain?", "Italy?") as (client, _):
        for count in range(1, 4):
            await client.says(*QUESTION)
            await client.until("response.done", count)
        statuses = [event["response"]["status"] for event in client.all("response.done")]
        assert statuses == ["completed", "failed", "completed"]
        assert [message.text for message in chat.prompts[2].messages] == [
            "Be brief.",
            "France?",
            "Paris.",
            "Spain?",
            "Italy?",
        ]
