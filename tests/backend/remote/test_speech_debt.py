"""What a speech-to-speech backend owes: every state, and what follows it."""

from __future__ import annotations

import asyncio

import pytest

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.remote.speech_debt import Cause, Owed, SpeechDebt
from tests.backend.remote.speech_backend import event

DELTA = event("response.audio_transcript.delta", delta="Well")
DONE = event("response.done")
CANCELLED = event("response.done", cancelled=True)
UNREADABLE = pb.AudioToAudioResponse(event="response.done", meta=b"{")

NOTHING, ANSWER, STOP, WORD, BOTH = Owed

WAYS: dict[Owed, tuple[Cause, ...]] = {
    NOTHING: (),
    ANSWER: ("ask",),
    STOP: ("ask", "stop"),
    WORD: ("ask", "stop", "done"),
    BOTH: ("ask", "stop", "done", "ask"),
}
"""How each state comes about."""

FOLLOWS: dict[Owed, dict[Cause, Owed]] = {
    NOTHING: {"ask": ANSWER, "stop": NOTHING, "done": NOTHING, "cancelled": NOTHING},
    ANSWER: {"ask": ANSWER, "stop": STOP, "done": NOTHING, "cancelled": NOTHING},
    STOP: {"ask": STOP, "stop": STOP, "done": WORD, "cancelled": NOTHING},
    WORD: {"ask": BOTH, "stop": WORD, "done": WORD, "cancelled": NOTHING},
    BOTH: {"ask": BOTH, "stop": STOP, "done": WORD, "cancelled": ANSWER},
}


def tell(debt: SpeechDebt, cause: Cause) -> bool:
    """Whether it may be part of an answer; what we say ourselves is not asked about."""
    match cause:
        case "ask":
            debt.ask()
        case "stop":
            debt.stop()
        case "done":
            return debt.hear(DONE)
        case "cancelled":
            return debt.hear(CANCELLED)
    return True


def owing(owed: Owed) -> SpeechDebt:
    debt = SpeechDebt()
    for cause in WAYS[owed]:
        tell(debt, cause)
    return debt


@pytest.mark.parametrize("owed", Owed)
@pytest.mark.parametrize("cause", ["ask", "stop", "done", "cancelled"])
def test_what_follows_what(owed: Owed, cause: Cause) -> None:
    """A word that was awaited is part of no answer; whatever else comes may be."""
    debt = owing(owed)
    assert debt.owed is owed
    awaited = cause == "cancelled" and owed in (STOP, WORD, BOTH)
    assert tell(debt, cause) is not awaited
    assert debt.owed is FOLLOWS[owed][cause]


@pytest.mark.parametrize("owed", Owed)
def test_another_answer_may_be_asked_for_when_none_is_to_come(owed: Owed) -> None:
    """A word that it stopped is not waited for: it may never come."""
    assert owing(owed).clear is (owed in (NOTHING, WORD))


@pytest.mark.parametrize("owed", Owed)
def test_the_middle_of_an_answer_changes_nothing(owed: Owed) -> None:
    debt = owing(owed)
    assert debt.hear(DELTA)
    assert debt.owed is owed


@pytest.mark.parametrize("owed", Owed)
def test_an_end_that_cannot_be_read_is_an_end(owed: Owed) -> None:
    """Whoever takes the answer will find out what is wrong with it."""
    debt = owing(owed)
    assert debt.hear(UNREADABLE)
    assert debt.owed is FOLLOWS[owed]["done"]


@pytest.mark.parametrize("owed", Owed)
def test_of_a_stream_that_is_over_nothing_is_expected(owed: Owed) -> None:
    debt = owing(owed)
    debt.write_off()
    assert (debt.owed, debt.clear) == (NOTHING, True)


@pytest.mark.parametrize("cause", ["done", "cancelled"])
async def test_waiting_ends_with_the_answer(cause: Cause) -> None:
    """And not before."""
    debt = owing(STOP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await debt.wait_until_clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(debt.wait_until_clear())
        tell(debt, cause)
    assert waiting.done()
