"""OpenAI's client for JavaScript: on a server, in a page that has only a secret, and as it was during the beta."""

from __future__ import annotations

import pytest

from realtime.engines.base import Transcriber
from tests.end_to_end.ear import transcript
from tests.end_to_end.node import Node
from tests.end_to_end.wer import word_error_rate
from tests.live import LiveServer
from tests.protocol.beta_contract import check_beta_event

pytestmark = [pytest.mark.model, pytest.mark.javascript, pytest.mark.timeout(180)]

QUESTION = "What is the capital of France?"


async def test_a_spoken_question_is_answered_aloud(
    live_server: LiveServer, node: Node, transcriber: Transcriber
) -> None:
    told = node.run("sdk_answers.js", live_server.url, node.question("france"))

    told.check()
    (heard,) = told.events("conversation.item.input_audio_transcription.completed")
    (said,) = told.events("response.output_audio_transcript.done")
    assert word_error_rate(heard["transcript"], QUESTION) == 0
    assert "paris" in said["transcript"].lower()
    spoken = await transcript(transcriber, told.sound(said["response_id"]))
    assert word_error_rate(spoken, said["transcript"]) <= 0.25


async def test_a_page_opens_a_session_with_the_secret_it_was_given(live_server: LiveServer, node: Node) -> None:
    told = node.run("sdk_in_page.js", live_server.url)

    told.check()
    (created,) = told.events("session.created")
    assert created["session"]["instructions"] == "Answer in one word."
    (answer,) = told.events("response.output_text.done")
    assert "paris" in answer["text"].lower()


async def test_the_beta_is_spoken_to_those_who_ask_for_it(live_server: LiveServer, node: Node) -> None:
    told = node.run("sdk_beta.js", live_server.url)

    told.check(check_beta_event)
    (answer,) = told.events("response.text.done")
    assert "paris" in answer["text"].lower()
