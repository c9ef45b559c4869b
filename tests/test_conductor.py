"""Whole conversations: the scenarios of docs/flows.md, by the same names.

Time is the audio's own: the clock is moved by hand, and nothing is said about how long anything took.
"""

from __future__ import annotations

import asyncio

import pytest

from realtime.engines.base import Message
from realtime.errors import EngineFailed
from realtime.pipeline.endpoint import HUSH_MS
from realtime.pipeline.reply import AHEAD_MS
from tests.dialogue import QUESTION, Dialogue
from tests.fakes import FakeChat, FakeSynthesizer, FakeTranscriber, fake_engines, quiet, voice

pytestmark = pytest.mark.usefixtures("no_blocking")

COMMITTED = [
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
OPENED = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
CLOSED = [
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
SPOKEN = ["response.output_audio.done", "response.output_audio_transcript.done", *CLOSED]
SPEECH = ["response.output_audio_transcript.delta", "response.output_audio.delta"]


async def test_normal_turn() -> None:
    """Somebody asks, the answer is spoken as it is heard, and everything is told in OpenAI's order."""
    transcriber, chat = FakeTranscriber([" What is|the capital? "]), FakeChat(["Paris, it is."])
    async with Dialogue(fake_engines(transcriber=transcriber, chat=chat), instructions="Be brief.") as client:
        await client.tunes(transcription={"model": "whisper-1"})
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.names == [
            "session.created",
            "conversation.created",
            "session.updated",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            *COMMITTED,
            "response.created",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
            "rate_limits.updated",
            *OPENED,
            *[SPEECH[0], SPEECH[1]] * 3,
            *SPOKEN,
        ]
        started, stopped = (client.last(f"input_audio_buffer.speech_{what}") for what in ("started", "stopped"))
        assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (512 - 300, 512 + 768 + 512)
        assert [len(speech) for speech in transcriber.heard] == [(512 + 768 + HUSH_MS - 212) * 16]
        user_item = client.last("input_audio_buffer.committed")["item_id"]
        assert {started["item_id"], stopped["item_id"], client.all("conversation.item.added")[0]["item"]["id"]} == {
            user_item
        }
        transcription = "conversation.item.input_audio_transcription"
        assert client.last(f"{transcription}.completed")["transcript"] == "What is the capital?"
        assert [event["delta"] for event in client.all(f"{transcription}.delta")] == ["What is", " the capital?"]
        assert chat.prompts[0].messages == (
            Message(role="system", text="Be brief."),
            Message(role="user", text="What is the capital?"),
        )
        response = client.response
        assert (response["status"], response["usage"]["output_tokens"]) == ("completed", 3)
        assert client.words(response["id"]) == "Paris, it is."
        assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "Paris, it is."}]
        assert len(client.sound(response["id"])) == 13 * 50 * 24
        assert client.most_unheard_ms(response["id"]) == 500


async def test_push_to_talk() -> None:
    """The client says when a turn is over, and when it wants an answer; every sample it sent is part of the turn."""
    transcriber = FakeTranscriber()
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.tunes(turn_detection=None)
        for _ in range(7):
            await client.says(voice(101), quiet(900))
        assert client.names[-1] == "session.updated"
        await client.asks("input_audio_buffer.commit")
        assert client.names_since("session.updated")[1:] == COMMITTED
        assert [len(speech) for speech in transcriber.heard] == [7 * 1001 * 16]
        await client.asks("response.create")
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Paris. It lies on the Seine."
        await client.asks("input_audio_buffer.commit")
        assert client.last("error")["error"]["code"] == "input_audio_buffer_commit_empty"


async def test_text_answer() -> None:
    """Written as the model writes it: nobody waits for a voice, nor for the time speech would take."""
    synthesizer = FakeSynthesizer()
    async with Dialogue(fake_engines(synthesizer=synthesizer)) as client:
        await client.asks("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        await client.says(*QUESTION)
        assert client.names_since("response.created") == [
            "response.created",
            "rate_limits.updated",
            *OPENED,
            "response.output_text.delta",
            "response.output_text.done",
            *CLOSED,
        ]
        assert [event["delta"] for event in client.all("response.output_text.delta")] == [
            *("Paris.", " It", " lies", " on", " the", " Seine."),
        ]
        assert client.response["output"][0]["content"] == [
            {"type": "output_text", "text": "Paris. It lies on the Seine."}
        ]
        assert synthesizer.spoken == []


async def test_barge_in() -> None:
    """Who is talked over falls silent at once, stops thinking, and remembers only what was sent."""
    transcriber, chat = FakeTranscriber(["Count.", "Stop!"]), FakeChat(["One two three. Four five six.", "Yes."])
    chat.gate = asyncio.Event()
    async with Dialogue(fake_engines(transcriber=transcriber, chat=chat)) as client:
        await client.says(*QUESTION)
        chat.gate.set()
        await client.goes_on(0.1)
        chat.gate.clear()
        first = client.last("response.created")["response"]["id"]
        assert client.words(first) == "One two three."

        await client.says(voice(128))
        assert client.names_since("input_audio_buffer.speech_started") == [
            "input_audio_buffer.speech_started",
            *SPOKEN,
        ]
        details = {"type": "cancelled", "reason": "turn_detected"}
        assert (client.response["id"], client.response["status_details"]) == (first, details)
        assert client.response["output"][0]["status"] == "incomplete"
        assert client.most_unheard_ms(first) <= 500

        chat.gate.set()
        heard = len(client.sound(first))
        await client.goes_on(30)
        assert len(client.sound(first)) == heard
        await client.says(voice(500), quiet(576))
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Yes."
        assert [message.text for message in chat.prompts[1].messages[1:]] == ["Count.", "One two three.", "Stop!"]


async def test_client_cancel() -> None:
    """The client stops a response by name or without; when there is none, it is told so and nothing else happens."""
    chat = FakeChat(["One. Two. Three. Four. Five. Six."], gate=asyncio.Event())
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.says(*QUESTION)
        await client.asks("response.cancel", response_id="resp_of_somebody_else", event_id="mine")
        error = client.last("error")["error"]
        assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "mine")
        assert chat.stopped == 0

        await client.asks("response.cancel", response_id=client.last("response.created")["response"]["id"])
        assert client.response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert chat.stopped == 1
        await client.asks("response.cancel")
        assert client.last("error")["error"]["code"] == "response_cancel_not_active"

        assert chat.gate
        chat.gate.set()
        await client.asks("response.create")
        await client.asks("response.cancel")
        assert client.names[-1] == "response.done"
        assert client.response["status"] == "cancelled"
        before = len(client.events)
        await client.goes_on(30)
        assert len(client.events) == before


async def test_interrupt_response_off() -> None:
    """The answer is spoken to its end, and only then is the next turn answered."""
    transcriber, chat = FakeTranscriber(["First?", "Second?"]), FakeChat(["The first answer.", "The second."])
    async with Dialogue(fake_engines(transcriber=transcriber, chat=chat)) as client:
        await client.tunes(turn_detection={"type": "server_vad", "interrupt_response": False})
        await client.says(*QUESTION)
        await client.says(*QUESTION)
        assert client.names[-len(COMMITTED) :] == COMMITTED
        assert len(client.all("response.created")) == 1
        await client.goes_on(5)
        first, second = [event["response"] for event in client.all("response.done")]
        assert (first["status"], client.words(first["id"])) == ("completed", "The first answer.")
        assert (second["status"], client.words(second["id"])) == ("completed", "The second.")
        names = client.names
        assert names.index("response.done") < len(names) - 1 - names[::-1].index("response.created")
        assert [message.text for message in chat.prompts[1].messages[1:]] == ["First?", "The first answer.", "Second?"]


async def test_empty_transcript() -> None:
    """A cough is no question: the response ends without a word, and the model is not asked."""
    transcriber, chat = FakeTranscriber(["", "Hello?"]), FakeChat(["Hi."])
    async with Dialogue(fake_engines(transcriber=transcriber, chat=chat)) as client:
        await client.tunes(transcription={"model": "whisper-1"})
        await client.says(*QUESTION)
        assert client.last("conversation.item.input_audio_transcription.completed")["transcript"] == ""
        assert (client.response["status"], client.response["output"]) == ("completed", [])
        assert chat.prompts == []
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Hi."
        assert [message.text for message in chat.prompts[0].messages[1:]] == ["Hello?"]


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (EngineFailed("The ears are out of memory."), "engine_failed", "The ears are out of memory."),
        (
            ZeroDivisionError("Ada said 0"),
            "server_error",
            "The transcription failed because of an error in the server.",
        ),
    ],
)
async def test_transcription_failure(failure: Exception, code: str, message: str) -> None:
    """The turn's response fails with the reason, and the conversation goes on; a bug does not tell what it saw."""
    transcriber = FakeTranscriber([failure, failure, "Hello?"])
    async with Dialogue(fake_engines(transcriber=transcriber)) as client:
        await client.tunes(transcription={"model": "whisper-1"})
        await client.says(*QUESTION)
        told = client.last("conversation.item.input_audio_transcription.failed")
        assert told["item_id"] == client.last("input_audio_buffer.committed")["item_id"]
        assert (told["error"]["code"], told["error"]["message"]) == (code, message)
        assert client.response["status"] == "failed"
        assert client.response["status_details"]["error"] == {"type": "server_error", "code": code, "message": message}
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.response["status"] == "completed"


@pytest.mark.parametrize("where", ["before the first word", "in the model", "in the voice", "in our own code"])
async def test_engine_failure_mid_reply(where: str) -> None:
    """What was opened is closed, the response has failed and says why, and the next one may do better."""
    chat, synthesizer = FakeChat(gate=asyncio.Event()), FakeSynthesizer()
    if where == "before the first word":
        chat.script = [EngineFailed("The model is gone.")]
    async with Dialogue(fake_engines(chat=chat, synthesizer=synthesizer)) as client:
        await client.says(*QUESTION)
        match where:
            case "in the model":
                chat.fails = EngineFailed("The model is gone.")
            case "in the voice":
                synthesizer.fails = True
            case "in our own code":
                chat.fails = KeyError("what Ada said")
        assert chat.gate
        chat.gate.set()
        await client.goes_on(1)
        opened = where != "before the first word"
        assert client.names_since("rate_limits.updated")[1:] == [*(OPENED + SPOKEN if opened else ["response.done"])]
        assert client.response["status"] == "failed"
        error = client.response["status_details"]["error"]
        assert (error["code"], error["message"]) == {
            "in the voice": ("engine_failed", "the fake voice is hoarse"),
            "in our own code": ("server_error", "The reply failed because of an error in the server."),
        }.get(where, ("engine_failed", "The model is gone."))

        chat.script, chat.fails, synthesizer.fails = ["Better."], None, False
        await client.says(*QUESTION)
        await client.goes_on(5)
        assert client.words(client.response["id"]) == "Better."


async def test_hang_up_mid_reply() -> None:
    """Nobody listens: the model stops at its next word, and nothing more is sent."""
    chat = FakeChat(["One. Two. Three. Four."], gate=asyncio.Event())
    transcriber = FakeTranscriber()
    async with Dialogue(fake_engines(chat=chat, transcriber=transcriber)) as client:
        await client.says(*QUESTION)
        transcriber.gate = asyncio.Event()
        await client.says(quiet(512))
        told = len(client.events)
        client.hang_up()
        await client.goes_on()
        assert (client.ending(), client.running.done(), chat.stopped) == ("hung up", True, 1)
        assert len(client.events) == told


async def test_slow_client() -> None:
    """Who does not read is waited for: no more is made than may wait, and nothing is lost."""
    answer = "Some words to be said. " * 30
    chat, synthesizer = FakeChat([answer]), FakeSynthesizer()
    async with Dialogue(fake_engines(chat=chat, synthesizer=synthesizer)) as client:
        await client.says(*QUESTION)
        client.reading.clear()
        told = len(client.events)
        await client.goes_on(600)
        spoken_ms = sum(len(text) * 50 for text, _ in synthesizer.spoken)
        assert len(client.events) == told
        assert spoken_ms < AHEAD_MS + 5_000
        client.reading.set()
        await client.goes_on(40)
        assert client.response["status"] == "completed"
        assert client.words(client.response["id"]) == answer.strip()


async def test_drain_while_speaking() -> None:
    """The server is about to stop: the answer is spoken to its end, nothing begins, and then it is over."""
    chat = FakeChat(["Let me finish this."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.says(*QUESTION)
        await client.conductor.drain()
        await client.goes_on(0.2)
        assert client.ending() is None
        await client.asks("response.create")
        assert client.last("error")["error"]["code"] == "server_shutting_down"
        await client.goes_on(5)
        assert client.ending() == "drained"
        assert (client.response["status"], client.words(client.response["id"])) == ("completed", "Let me finish this.")
        assert len(chat.prompts) == 1


async def test_out_of_band_response() -> None:
    """A second answer is written beside the one that is spoken, knows only its own context, and leaves no trace."""
    chat = FakeChat(["Spoken for everybody.", "A label.", "Done."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.says(*QUESTION)
        spoken = client.last("response.created")["response"]["id"]
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Classify."}]}
        await client.asks(
            "response.create",
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"purpose": "label"},
                "input": [item],
            },
        )
        beside = client.response
        assert (beside["status"], beside["conversation_id"]) == ("completed", None)
        assert beside["metadata"] == {"purpose": "label"}
        assert client.words(beside["id"]) == "A label."
        await client.goes_on(5)
        assert (client.response["id"], client.response["status"]) == (spoken, "completed")
        assert [message.text for message in chat.prompts[1].messages[1:]] == ["Classify."]

        await client.says(*QUESTION)
        await client.goes_on(5)
        assert "A label." not in [message.text for message in chat.prompts[2].messages]
        assert "Classify." not in [message.text for message in chat.prompts[2].messages]


async def test_truncate_after_barge_in() -> None:
    """The client says how much was heard, and that is what the model believes it has said."""
    chat = FakeChat(["aaa bbb ccc ddd eee fff ggg hhh.", "Go on."])
    async with Dialogue(fake_engines(chat=chat)) as client:
        await client.says(*QUESTION)
        await client.goes_on(0.6)
        await client.says(voice(96))
        item_id = client.response["output"][0]["id"]
        assert client.words(client.response["id"]) == "aaa bbb ccc ddd eee fff"
        await client.asks("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=600)
        assert client.last("conversation.item.truncated")["audio_end_ms"] == 600
        await client.says(voice(500), quiet(576))
        await client.goes_on(5)
        assert [message.text for message in chat.prompts[1].messages[1:]] == [
            "What is the capital of France?",
            "aaa bbb ccc ddd",
            "What is the capital of France?",
        ]
        await client.asks("conversation.item.retrieve", item_id=item_id)
        retrieved = client.last("conversation.item.retrieved")["item"]
        assert retrieved["content"] == [{"type": "output_audio", "transcript": "aaa bbb ccc ddd"}]
