"""Speech over an answer that has to be meant: the voice is ducked, it is decided, and the answer stops or goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from realtime.audio import Pcm, ms_to_samples
from realtime.engines.ensemble import Engines
from realtime.errors import EngineFailed
from tests.dialogue import Dialogue
from tests.fakes import FakeChat, FakeTranscriber, fake_engines, quiet, voice
from tests.pipeline.voices import spoken

ANSWER = "The Seine flows through Paris and on to the sea, and all of it is very beautiful in spring."
RATE_HZ = 24_000
PIECE_MS = 40
"""Of sound, in one append, as time passes."""
DUCKED, RESUMED = "response.output_audio.ducked", "response.output_audio.resumed"
STARTED = "input_audio_buffer.speech_started"
CONFIRMED = {"barge_in": "confirmed"}


def engines(*heard: str | Exception, gate: asyncio.Event | None = None) -> Engines:
    """The user's sounds will be heard as these words, look by look."""
    return fake_engines(
        chat=FakeChat([ANSWER, "Very well."]), transcriber=FakeTranscriber(script=list(heard) or [""], gate=gate)
    )


async def is_answered(dialogue: Dialogue, **detection: Any) -> str:
    """Ask in writing, and let a second of the answer be heard; its response's id."""
    await dialogue.tunes(turn_detection={**CONFIRMED, **detection})
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tell me about Paris."}]}
    await dialogue.asks("conversation.item.create", item=item)
    await dialogue.asks("response.create")
    await dialogue.says(quiet(1000))
    await dialogue.goes_on(1)
    response_id: str = dialogue.last("response.created")["response"]["id"]
    return response_id


async def passes(dialogue: Dialogue, *sounds: Pcm) -> None:
    """What the microphone hears, in time."""
    sound = np.concatenate(sounds)
    step = ms_to_samples(PIECE_MS, RATE_HZ)
    for start in range(0, len(sound), step):
        await dialogue.says(sound[start : start + step])
        await dialogue.clock.advance(len(sound[start : start + step]) / RATE_HZ)


def at_s(dialogue: Dialogue, type_: str) -> float:
    """When the last event of that type was sent."""
    return [told.at_s for told in dialogue.told if told.event["type"] == type_][-1]


def sent_between(dialogue: Dialogue, since_s: float, until_s: float) -> int:
    """Pieces of sound."""
    sounds = [told for told in dialogue.told if told.event["type"] == "response.output_audio.delta"]
    return sum(since_s < told.at_s < until_s for told in sounds)


async def is_whole(dialogue: Dialogue, response_id: str) -> None:
    """The answer ends as if nothing had been: each word and each sample once, at its pace."""
    await dialogue.goes_on(9)
    assert dialogue.response["id"] == response_id
    assert dialogue.response["status"] == "completed"
    assert dialogue.words(response_id) == ANSWER
    assert len(dialogue.sound(response_id)) == len(ANSWER) * 50 * RATE_HZ // 1000
    assert dialogue.most_unheard_ms(response_id) == 500


# --- the flows ---------------------------------------------------------------------------------------------------


async def test_confirmed_interruption() -> None:
    """Ducked at once; stopped when it is clear that words were said; a turn from their true beginning."""
    async with Dialogue(engines("stop", "Stop that.", "Stop that.")) as dialogue:
        response_id = await is_answered(dialogue)
        began_s = dialogue.clock.now_s()
        await passes(dialogue, spoken(600))
        assert at_s(dialogue, DUCKED) - began_s <= 0.25
        assert at_s(dialogue, STARTED) - began_s <= 0.56
        assert sent_between(dialogue, at_s(dialogue, DUCKED), at_s(dialogue, STARTED)) == 0
        assert dialogue.names_since(DUCKED)[:2] == [DUCKED, STARTED]
        assert RESUMED not in dialogue.names
        assert dialogue.response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert abs(dialogue.last(STARTED)["audio_start_ms"] - (1000 - 300)) <= 64
        await passes(dialogue, quiet(1000))
        assert dialogue.last("input_audio_buffer.committed")
        heard = dialogue.words(response_id)
        await passes(dialogue, quiet(500))
        assert ANSWER.startswith(heard)
        assert dialogue.words(dialogue.last("response.created")["response"]["id"]) == "Very well."


async def test_dismissed_interruption() -> None:
    """ "Mm-hmm": ducked, then the answer goes on from the same word, and nothing has been."""
    async with Dialogue(engines("Uh-huh.")) as dialogue:
        response_id = await is_answered(dialogue)
        before = dialogue.names
        await passes(dialogue, spoken(260), quiet(400))
        assert dialogue.names_since(DUCKED)[:2] == [DUCKED, RESUMED]
        assert sent_between(dialogue, at_s(dialogue, DUCKED), at_s(dialogue, RESUMED)) == 0
        named = {key: dialogue.last(DUCKED)[key] for key in ("response_id", "item_id")}
        assert named["response_id"] == response_id
        assert named == {key: dialogue.last(RESUMED)[key] for key in named}
        await is_whole(dialogue, response_id)
        assert set(dialogue.names) - set(before) <= {DUCKED, RESUMED, *ENDING}
        assert len(dialogue.all("conversation.item.added")) == 2, "the question and the answer"


ENDING = {
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
}


# --- what it was -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sound", "heard"),
    [
        pytest.param(spoken(400), [""], id="a cough: nothing is heard in it"),
        pytest.param(spoken(96), ["Stop."], id="a click"),
        pytest.param(voice(400), ["Stop."], id="a hum"),
        pytest.param(spoken(900), ["flows through Paris", "flows through Paris, end on to"], id="its own echo"),
        pytest.param(spoken(1400), [""], id="music"),
        pytest.param(spoken(340), [EngineFailed("deaf")], id="short, and nobody knows what was said"),
    ],
)
async def test_no_interruption(sound: Pcm, heard: list[str | Exception]) -> None:
    async with Dialogue(engines(*heard)) as dialogue:
        response_id = await is_answered(dialogue)
        await passes(dialogue, sound, quiet(500))
        assert STARTED not in dialogue.names
        assert len(dialogue.all(DUCKED)) == len(dialogue.all(RESUMED)) == 1
        await is_whole(dialogue, response_id)


@pytest.mark.parametrize(
    ("sound", "heard", "within_s"),
    [
        pytest.param(spoken(1200), ["Yeah.", "Yeah.", "Yeah."], 1.1, id="longer than any backchannel"),
        pytest.param(spoken(1200), ["Yeah.", "Yeah, but what"], 0.84, id="a backchannel, and another thing"),
        pytest.param(spoken(300), ["No.", "No."], 0.5, id="a short word"),
        pytest.param(spoken(700), [EngineFailed("deaf")], 1.2, id="long, and nobody knows what was said"),
    ],
)
async def test_an_interruption(sound: Pcm, heard: list[str | Exception], within_s: float) -> None:
    async with Dialogue(engines(*heard)) as dialogue:
        await is_answered(dialogue)
        began_s = dialogue.clock.now_s()
        await passes(dialogue, sound, quiet(500))
        assert at_s(dialogue, STARTED) - began_s <= within_s
        assert RESUMED not in dialogue.names
        assert dialogue.response["status"] == "cancelled"


async def test_words_that_come_too_late_are_not_waited_for() -> None:
    async with Dialogue(engines("Uh-huh.", gate=asyncio.Event())) as dialogue:
        response_id = await is_answered(dialogue)
        await passes(dialogue, spoken(300), quiet(500))
        assert dialogue.names_since(DUCKED)[:2] == [DUCKED, RESUMED]
        await is_whole(dialogue, response_id)


async def test_no_look_is_heard_twice_when_the_inbox_is_full() -> None:
    """The next look comes while the words of the first wait for room. Misheard once, it does not stop the answer."""
    gate = asyncio.Event()
    ears = FakeTranscriber(script=["", "It has", "It has"], gate=gate)
    async with Dialogue(fake_engines(chat=FakeChat([ANSWER]), transcriber=ears)) as dialogue:
        await is_answered(dialogue)
        sound, step = spoken(720), ms_to_samples(20, RATE_HZ)
        began = ms_to_samples(400, RATE_HZ)
        await passes(dialogue, sound[:began])
        dialogue.reading.clear()
        await dialogue.tunes(noise_reduction=None)
        for start in range(began, len(sound), step):
            await dialogue.says(sound[start : start + step])
        assert dialogue.conductor._inbox.full()
        gate.set()
        await dialogue.goes_on()
        gate.clear()
        dialogue.reading.set()
        await dialogue.goes_on()
        lengths = [len(heard) for heard in ears.heard]
        assert len(lengths) == len(set(lengths)) == 2
        gate.set()
        await dialogue.goes_on()
        assert STARTED not in dialogue.names


async def test_all_in_one_append_is_decided_as_well() -> None:
    """By what can be known without words: it has lasted."""
    async with Dialogue(engines("Uh-huh.")) as dialogue:
        await is_answered(dialogue)
        await dialogue.says(spoken(1500), quiet(2000))
        await dialogue.goes_on(0.1)
        await dialogue.goes_on(0.1)
        assert dialogue.names_since(DUCKED)[:2] == [DUCKED, STARTED]
        assert dialogue.last("input_audio_buffer.committed")


# --- when --------------------------------------------------------------------------------------------------------


async def test_immediate_is_as_it_was() -> None:
    """Unasked for, or asked for by name."""
    for detection in ({"barge_in": "immediate"}, {"interrupt_response": False}):
        async with Dialogue(engines("Uh-huh.")) as dialogue:
            await is_answered(dialogue, **detection)
            await passes(dialogue, spoken(128))
            assert DUCKED not in dialogue.names
            assert dialogue.last(STARTED)


async def test_without_an_answer_speech_is_speech() -> None:
    """ "Yes" is an answer when nothing is being said."""
    async with Dialogue(engines("Yes.")) as dialogue:
        await dialogue.tunes(turn_detection=CONFIRMED)
        await passes(dialogue, spoken(300), quiet(1000))
        assert DUCKED not in dialogue.names
        assert dialogue.last("input_audio_buffer.committed")


async def test_yes_at_the_end_of_an_answer_is_a_turn() -> None:
    """There is nothing left to listen to when it is understood."""
    async with Dialogue(engines("Yes.")) as dialogue:
        await is_answered(dialogue)
        await dialogue.goes_on((len(ANSWER) * 50 - 1000 - 120) / 1000)
        await passes(dialogue, spoken(300), quiet(300))
        assert dialogue.names_since("response.done")[1:3] == [DUCKED, STARTED]
        await passes(dialogue, quiet(500))
        assert dialogue.last("input_audio_buffer.committed")


async def test_suspected_while_the_reply_ends() -> None:
    """All was sent, half a second is left to be heard; a cough changes nothing."""
    async with Dialogue(engines("")) as dialogue:
        response_id = await is_answered(dialogue)
        await dialogue.goes_on((len(ANSWER) * 50 - 1000 - 400) / 1000)
        assert dialogue.response["status"] == "completed"
        await passes(dialogue, spoken(200), quiet(500))
        assert dialogue.names_since(DUCKED) == [DUCKED, RESUMED]
        assert dialogue.last(RESUMED)["response_id"] == response_id


async def test_the_client_cancels_while_ducked() -> None:
    """It goes on being decided what the sound was; by now it interrupts nothing, so words are a turn."""
    async with Dialogue(engines("Okay.")) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, spoken(200))
        await dialogue.asks("response.cancel")
        assert dialogue.response["status_details"]["reason"] == "client_cancelled"
        await passes(dialogue, spoken(100), quiet(300))
        assert dialogue.names_since("response.done") == ["response.done", STARTED]


@pytest.mark.parametrize("update", [{"barge_in": "immediate"}, {"interrupt_response": False}])
async def test_the_mode_is_switched_while_ducked(update: dict[str, Any]) -> None:
    """The speech counts at once."""
    async with Dialogue(engines("Uh-huh.")) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, spoken(160))
        await dialogue.tunes(turn_detection=update)
        assert dialogue.names_since("session.updated")[:3] == ["session.updated", RESUMED, STARTED]
        await passes(dialogue, spoken(160), quiet(1000))
        assert dialogue.last("input_audio_buffer.committed")


async def test_turns_are_no_longer_detected_while_ducked() -> None:
    async with Dialogue(engines("Uh-huh.")) as dialogue:
        response_id = await is_answered(dialogue)
        await passes(dialogue, spoken(160))
        await dialogue.tunes(turn_detection=None)
        assert dialogue.names_since("session.updated")[:2] == ["session.updated", RESUMED]
        await is_whole(dialogue, response_id)


@pytest.mark.parametrize("what", ["clear", "commit"])
async def test_the_client_takes_the_sound_while_ducked(what: str) -> None:
    """Then it is nobody's any more."""
    async with Dialogue(engines("Uh-huh.")) as dialogue:
        response_id = await is_answered(dialogue)
        await passes(dialogue, spoken(160))
        await dialogue.asks(f"input_audio_buffer.{what}")
        done = {"clear": "cleared", "commit": "committed"}[what]
        assert dialogue.names_since(DUCKED)[:3] == [DUCKED, RESUMED, f"input_audio_buffer.{done}"]
        await is_whole(dialogue, response_id)


async def test_two_suspicions_in_a_row() -> None:
    """The second is as good as the first."""
    async with Dialogue(engines("Mm-hmm.", "And another thing.")) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, spoken(240), quiet(300), spoken(600))
        told = [name for name in dialogue.names if name in (DUCKED, RESUMED, STARTED)]
        assert told == [DUCKED, RESUMED, DUCKED, STARTED]


async def test_after_a_noise_another_is_not_told_of_before_it_is_known_what_it_is() -> None:
    """Typing and music would make the answer falter."""
    async with Dialogue(engines("", "", "Wait!")) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, spoken(280), quiet(300), spoken(280), quiet(300))
        assert len(dialogue.all(DUCKED)) == 1
        await passes(dialogue, spoken(600))
        told = [name for name in dialogue.names if name in (DUCKED, RESUMED, STARTED)]
        assert told == [DUCKED, RESUMED, STARTED]


async def test_a_microphone_that_falls_silent_does_not_hold_the_answer() -> None:
    """No more sound comes, not even silence."""
    async with Dialogue(engines("")) as dialogue:
        response_id = await is_answered(dialogue)
        await passes(dialogue, spoken(160))
        assert dialogue.names[-1] == DUCKED
        await dialogue.goes_on(2)
        assert RESUMED in dialogue.names
        await is_whole(dialogue, response_id)


async def test_draining_while_ducked() -> None:
    """What is being said is said to its end."""
    async with Dialogue(engines("Uh-huh.")) as dialogue:
        response_id = await is_answered(dialogue)
        await passes(dialogue, spoken(160))
        await dialogue.conductor.drain()
        await passes(dialogue, spoken(160), quiet(400))
        assert RESUMED in dialogue.names
        await dialogue.goes_on(9)
        assert dialogue.words(response_id) == ANSWER
        assert dialogue.ending() == "drained"


async def test_hanging_up_while_ducked() -> None:
    """Nothing is left over, which leaving the dialogue checks."""
    async with Dialogue(engines("Uh-huh.", gate=asyncio.Event())) as dialogue:
        await is_answered(dialogue)
        await passes(dialogue, spoken(400))
        assert dialogue.names[-1] == DUCKED


async def test_the_turn_keeps_the_sound_from_its_true_beginning() -> None:
    """As much as with immediate barge-in."""
    taken = []
    for mode in ("immediate", "confirmed"):
        ears = FakeTranscriber(script=["Stop that."])
        async with Dialogue(fake_engines(chat=FakeChat([ANSWER]), transcriber=ears)) as dialogue:
            await is_answered(dialogue, barge_in=mode)
            await passes(dialogue, spoken(700), quiet(1000))
            taken.append(ears.heard[-1])
    assert len(taken[0]) == len(taken[1])
    np.testing.assert_array_equal(taken[0], taken[1])
