"""One reply, whole: written, spoken, and sent in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest

from realtime.audio import Audio
from realtime.engines.base import (
    Ability,
    AnswerPart,
    CallWhole,
    Finish,
    FinishReason,
    Prompt,
    Read,
    Speaking,
    Token,
    ToolCallPart,
    Urgency,
)
from realtime.errors import EngineFailed
from realtime.pipeline.answer import Asides
from realtime.pipeline.reply import AHEAD_MS, UNHEARD_PIECES, Reply, Voice
from realtime.pipeline.speak import Piece
from tests.fakes import FakeChat, FakeSynthesizer, HandClock, settle

PROMPT = Prompt(messages=())


@dataclass
class Improviser:
    """A model that answers with the given parts, and an exception is raised in its place."""

    parts: list[AnswerPart | Exception]
    given: int = 0
    closed: bool = False
    model: str = "improviser"
    abilities: frozenset[Ability] = frozenset({"tools"})

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerPart, None]:
        try:
            for part in self.parts:
                self.given += 1
                if isinstance(part, Exception):
                    raise part
                yield part
                await asyncio.sleep(0)
        finally:
            self.closed = True

    async def close(self) -> None:
        return


@dataclass
class Whisperer(FakeSynthesizer):
    """Stops in the middle of each sentence until it is let go on."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    closed: int = 0

    async def speak(self, text: str, speaking: Speaking) -> AsyncGenerator[Audio, None]:
        try:
            async for audio in super().speak(text, speaking):
                yield audio
                await self.gate.wait()
        finally:
            self.closed += 1


async def perform(reply: Reply, asides: Asides, play: Callable[[Piece], Awaitable[None]]) -> Finish:
    """Make a reply and let it out as it is made."""
    try:
        async with asyncio.TaskGroup() as tasks:
            making = tasks.create_task(reply.make())
            finish = await reply.let_out(asides, play)
            await making
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return finish


@dataclass
class Audience:
    """What came of one reply, with everything around it."""

    chat: FakeChat | Improviser = field(default_factory=FakeChat)
    synthesizer: FakeSynthesizer = field(default_factory=FakeSynthesizer)
    clock: HandClock = field(default_factory=HandClock)
    lead_ms: float = 500
    shown: list[str] = field(default_factory=list)
    played: list[Piece] = field(default_factory=list)
    asides: list[AnswerPart | str] = field(default_factory=list)

    def __post_init__(self) -> None:
        voice = Voice(synthesizer=self.synthesizer, speaking=Speaking(), rate_hz=24_000, lead_ms=self.lead_ms)
        self.spoken_reply = Reply(partial(self.chat.answer, PROMPT), voice, self.clock)
        self.written_reply = Reply(partial(self.chat.answer, PROMPT), None, self.clock)

    async def began(self) -> None:
        assert not self.shown
        assert not self.played
        self.asides.append("began")

    async def read(self, prompt: Read) -> None:
        self.asides.append(prompt)

    async def call(self, part: ToolCallPart) -> None:
        self.asides.append(part)

    async def call_is_whole(self, whole: CallWhole) -> None:
        self.asides.append(whole)

    async def written(self) -> Finish:
        """The reply in writing."""

        async def show(piece: Piece) -> None:
            self.shown.append(piece.text)

        return await perform(self.written_reply, self, show)

    async def spoken(self, play: Callable[[Piece], Awaitable[None]] | None = None) -> Finish:
        """The reply aloud."""

        async def keep(piece: Piece) -> None:
            self.played.append(piece)

        return await perform(self.spoken_reply, self, play or keep)

    @property
    def text(self) -> str:
        """The words that were sent."""
        return "".join([*self.shown, *(piece.text for piece in self.played)])

    @property
    def played_ms(self) -> float:
        """The sound that was sent."""
        return sum(len(piece.pcm) for piece in self.played) / 24


async def test_an_answer_is_written_as_it_comes() -> None:
    """Word by word, and then how it ended."""
    reply = Audience()
    finish = await reply.written()
    assert reply.shown == ["Paris.", " It", " lies", " on", " the", " Seine."]
    assert (finish.reason, finish.completion_tokens) == ("stop", 6)
    assert reply.asides == ["began"]


async def test_an_answer_is_spoken_in_its_own_time() -> None:
    """50 ms a letter, half a second ahead."""
    reply = Audience()
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(reply.spoken())
        await reply.clock.advance(0)
        assert reply.played_ms == 500
        await reply.clock.advance(0.3)
        assert reply.played_ms == 800
        assert not speaking.done()
        await reply.clock.advance(10)
    assert reply.text == "Paris. It lies on the Seine."
    assert reply.played_ms == 50 * len("Paris.It lies on the Seine.")
    assert speaking.result().completion_tokens == 6
    assert reply.asides == ["began"]


async def test_the_first_sentence_is_spoken_while_the_model_still_writes() -> None:
    """As soon as it is known to be one."""
    chat = FakeChat(gate=asyncio.Event())
    reply = Audience(chat)
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(reply.spoken())
        await settle()
        assert (reply.asides, reply.played) == (["began"], [])
        assert chat.gate
        chat.gate.set()
        await settle(5)
        chat.gate.clear()
        await settle()
        assert reply.text == "Paris."
        assert not speaking.done()
        chat.gate.set()
        await reply.clock.advance(10)


@pytest.mark.parametrize("aloud", [True, False])
async def test_an_answer_without_a_word_has_never_begun(aloud: bool) -> None:
    """It is complete all the same."""
    reply = Audience(Improviser([Finish(reason="length", completion_tokens=0)]))
    finish = await (reply.spoken() if aloud else reply.written())
    assert finish.reason == "length"
    assert (reply.asides, reply.text) == ([], "")


async def test_calls_of_functions_are_not_spoken() -> None:
    """They are no words."""
    call, whole = ToolCallPart(index=0, call_id="c", name="clock", arguments="{}"), CallWhole(index=0)
    reply = Audience(Improviser([Token("Wait."), call, whole, Finish(reason="tool_calls")]))
    assert (await reply.written()).reason == "tool_calls"
    assert reply.text == "Wait."
    assert reply.asides == ["began", call, whole]
    assert reply.written_reply.answer.tokens_written == 2


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
async def test_a_call_is_whole_when_the_model_says_so(reason: FinishReason) -> None:
    """However the answer ends: somebody would make half a call."""
    call = ToolCallPart(index=0, call_id="c", name="clock", arguments="{")
    reply = Audience(Improviser([call, Finish(reason=reason)]))
    await reply.written()
    assert reply.asides == [call]


async def test_cancelling_stops_the_model_and_the_voice() -> None:
    """Both have let go of everything when the cancelled reply is over; nothing is played afterwards."""
    chat, synthesizer = FakeChat(gate=asyncio.Event(), script=["One. Two. Three."]), Whisperer()
    assert chat.gate
    reply = Audience(chat, synthesizer)
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(reply.spoken())
        await settle()
        chat.gate.set()
        await settle()
        assert [text for text, _ in synthesizer.spoken] == ["One."]
        speaking.cancel()
        await asyncio.wait([speaking])
        assert (chat.stopped, synthesizer.closed) == (1, 1)
    assert speaking.cancelled()
    await reply.clock.advance(60)
    assert reply.played == []


async def test_cancelling_a_reply_that_is_being_played_stops_it_there() -> None:
    """The model and the voice have been done for long; what they made is not sent."""
    reply = Audience()
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(reply.spoken())
        await reply.clock.advance(0.2)
        speaking.cancel()
        await reply.clock.advance(60)
    assert speaking.cancelled()
    assert reply.played_ms == 700


async def test_cancelling_a_written_reply_stops_the_model() -> None:
    """At the word it had come to."""
    chat = FakeChat(gate=asyncio.Event())
    reply = Audience(chat)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(reply.written())
        await settle()
        writing.cancel()
    assert (reply.shown, chat.stopped) == (["Paris."], 1)


async def test_a_long_answer_does_not_run_ahead_of_its_listener() -> None:
    """No more is spoken than 10 s and the sentence that no longer fits; the model waits like everybody else."""
    sentence = "Nine words that take two seconds to be said. "
    chat = Improviser([*[Token(sentence)] * 500, Finish(reason="stop")])
    reply = Audience(chat, FakeSynthesizer(ms_per_letter=2000 / len(sentence.strip())))
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(reply.spoken())
        await reply.clock.advance(0)
        ahead = len(reply.synthesizer.spoken)
        assert AHEAD_MS / 2000 <= ahead <= AHEAD_MS / 2000 + 2
        assert chat.given <= ahead + 1
        await reply.clock.advance(20)
        assert len(reply.synthesizer.spoken) <= ahead + 10 + 1
        speaking.cancel()
    assert chat.closed


@pytest.mark.parametrize("aloud", [True, False])
async def test_a_model_that_fails_fails_the_reply(aloud: bool) -> None:
    """With its own words, and nothing goes on behind it."""
    reply = Audience(Improviser([Token("One. "), Token("Two"), EngineFailed("out of memory")]))
    async with asyncio.TaskGroup() as tasks:
        replying = tasks.create_task(_failing(reply.spoken() if aloud else reply.written()))
        await reply.clock.advance(60)
    assert str(replying.result()) == "out of memory"


async def test_a_voice_that_fails_fails_the_reply_and_stops_the_model() -> None:
    """Nobody would hear what it still writes."""
    chat = Improviser([Token("One. "), *[Token("and ")] * 100])
    reply = Audience(chat, FakeSynthesizer(fails=True))
    assert str(await _failing(reply.spoken())) == "the fake voice is hoarse"
    assert chat.closed
    assert chat.given < 100


@pytest.mark.parametrize("aloud", [True, False])
async def test_an_answer_that_breaks_off_is_a_failure_once_it_was_heard(aloud: bool) -> None:
    """An answer is closed by a `Finish`; without one, nobody knows whether that was all."""
    reply = Audience(Improviser([Token("Paris. "), Token("It")]))
    async with asyncio.TaskGroup() as tasks:
        replying = tasks.create_task(_failing(reply.spoken() if aloud else reply.written()))
        await reply.clock.advance(60)
    assert "the language model broke off its answer" in str(replying.result())
    assert reply.text.split() == ["Paris.", "It"]


async def test_a_fault_in_playing_stops_model_and_voice() -> None:
    """It is told as it is, not as a group of faults."""
    chat = Improviser([Token("One. "), *[Token("and ")] * 100])
    reply = Audience(chat)

    async def play(piece: Piece) -> None:
        raise ConnectionError("nobody there")

    with pytest.raises(ConnectionError, match="nobody there"):
        await reply.spoken(play)
    assert chat.closed
    assert chat.given < 100


async def _failing(reply: Awaitable[Finish]) -> EngineFailed:
    with pytest.raises(EngineFailed) as failure:
        await reply
    return failure.value


# --- begun before it is wanted ---------------------------------------------------------------------------------------


async def test_only_the_beginning_is_made_of_what_nobody_has_asked_for() -> None:
    """And nothing of it is told; once it is let out, all of it is there, from the first word on."""
    chat = FakeChat(["One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."])
    audience = Audience(chat, FakeSynthesizer(ms_per_letter=100))
    reply = audience.spoken_reply
    async with asyncio.TaskGroup() as tasks:
        making = tasks.create_task(reply.make())
        await settle()
        made = sum(len(text) for text, _ in audience.synthesizer.spoken)
        assert UNHEARD_PIECES <= made < UNHEARD_PIECES + len("Three.")
        assert {speaking.urgency for _, speaking in audience.synthesizer.spoken} == {Urgency.SPECULATIVE}
        assert (audience.asides, audience.played) == ([], [])

        async def keep(piece: Piece) -> None:
            audience.played.append(piece)

        letting_out = tasks.create_task(reply.let_out(audience, keep))
        await audience.clock.advance(10)
        await making
    assert audience.text == "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."
    assert audience.asides == ["began"]
    assert audience.synthesizer.spoken[-1][1].urgency is Urgency.FINAL
    assert letting_out.result().reason == "stop"


async def test_a_reply_in_writing_waits_after_its_first_words() -> None:
    """The same without a voice."""
    audience = Audience(FakeChat(["word " * 99 + "end"]))
    async with asyncio.TaskGroup() as tasks:
        making = tasks.create_task(audience.written_reply.make())
        await settle(500)
        assert audience.written_reply.answer.tokens_written == UNHEARD_PIECES + 1
        assert not making.done()
        making.cancel()


async def test_what_is_not_to_be_said_is_told_in_its_order_when_it_may_be() -> None:
    """A call that was written before anybody wanted it is passed on like any other, and before what follows it."""
    read = Read(prompt_tokens=30, cached_tokens=10)
    call, whole = ToolCallPart(index=0, call_id="call_1", name="clock"), CallWhole(index=0)
    late = ToolCallPart(index=1, call_id="call_2", name="clock")
    end = Finish(reason="tool_calls", prompt_tokens=30, cached_tokens=10, completion_tokens=4)
    audience = Audience(Improviser([read, Token("Hm."), call, whole, late, end]))
    reply = audience.written_reply
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(reply.make())
        await settle()
        assert audience.asides == []
        assert reply.answer.tokens_worked == 20 + 4

        async def show(piece: Piece) -> None:
            audience.shown.append(piece.text)

        await reply.let_out(audience, show)
    assert audience.asides == [read, "began", call, whole, late]
    assert audience.shown == ["Hm."]


async def test_one_that_failed_unheard_is_known_to_have() -> None:
    """Nobody is told; whoever would have let it out can make another."""
    reply = Audience(Improviser([EngineFailed("out of memory")])).spoken_reply
    assert not reply.failed
    await reply.make()
    assert reply.failed
