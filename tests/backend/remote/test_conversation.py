"""A whole conversation whose ears, mind and voice are on another machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from realtime.backend.remote.chat import open_remote_chat
from realtime.backend.remote.synthesizer import open_remote_synthesizer
from realtime.backend.remote.transcriber import open_remote_transcriber
from realtime.engines.ensemble import Engines
from realtime.engines.registry import Workshop
from tests.backend.elsewhere import elsewhere
from tests.backend.remote.remote_backend import workshop
from tests.backend.rooms import premises_of
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, voice
from tests.server.house import until

ANSWER = "Paris. It lies on the Seine."


def remote(address: str) -> Engines:
    """Engines of which only what has to be near is near."""
    there: Workshop = workshop(address)
    return replace(
        fake_engines(),
        transcriber=open_remote_transcriber(there),
        chat=open_remote_chat(there),
        synthesizer=open_remote_synthesizer(there),
    )


async def is_over(engines: Engines) -> None:
    for engine in (engines.transcriber, engines.chat, engines.synthesizer):
        await engine.close()


async def test_a_question_is_answered_and_an_interruption_stops_the_far_side() -> None:
    """The first answer is heard whole; the second is talked over while its mind still waits for words."""
    ears = FakeTranscriber(script=["What is the capital of France?"])
    mind = FakeChat(script=[ANSWER, "Well. Let me think about that.", ANSWER])
    mouth = FakeSynthesizer(ms_per_letter=10)
    async with elsewhere(premises_of(fake_engines(transcriber=ears, chat=mind, synthesizer=mouth))) as address:
        engines = await asyncio.to_thread(remote, address)
        async with Dialogue(engines, real_time=True) as dialogue:
            await dialogue.says(quiet(500), voice(800), quiet(700))
            first = (await dialogue.until("response.done"))["response"]
            assert first["status"] == "completed"
            assert dialogue.words(first["id"]) == ANSWER
            letters = len(ANSWER) - 1  # the blank between its sentences is not spoken
            assert len(dialogue.sound(first["id"])) == letters * 240
            assert mind.prompts[0].messages[-1].text == "What is the capital of France?"

            mind.gate = asyncio.Event()  # of the other loop, and never set
            await dialogue.says(voice(800), quiet(700))
            await dialogue.until("response.created", 2)
            await until(lambda: len(mind.prompts) == 2)
            assert mind.stopped == 0
            await dialogue.says(voice(800))
            second = (await dialogue.until("response.done", 2))["response"]
            assert (second["status"], second["status_details"]["reason"]) == ("cancelled", "turn_detected")
            await until(lambda: mind.stopped == 1)

            mind.gate = None
            await dialogue.says(quiet(700))
            third = (await dialogue.until("response.done", 3))["response"]
            assert third["status"] == "completed"
            assert dialogue.words(third["id"]) == ANSWER
        await is_over(engines)


async def test_a_far_side_that_fails_ends_an_answer_and_not_the_conversation() -> None:
    """The client is told, without anybody's words; the next answer comes."""
    mind = FakeChat(script=[RuntimeError("What you said was odd."), ANSWER])
    mouth = FakeSynthesizer(ms_per_letter=5)
    async with elsewhere(premises_of(fake_engines(chat=mind, synthesizer=mouth))) as address:
        engines = await asyncio.to_thread(remote, address)
        async with Dialogue(engines, real_time=True) as dialogue:
            await dialogue.says(quiet(500), voice(800), quiet(700))
            failed = (await dialogue.until("response.done"))["response"]
            assert failed["status"] == "failed"
            assert failed["status_details"]["error"]["code"] == "engine_failed"
            assert "odd" not in str(dialogue.events)
            await dialogue.says(voice(800), quiet(700))
            answered = (await dialogue.until("response.done", 2))["response"]
            assert answered["status"] == "completed"
        await is_over(engines)
