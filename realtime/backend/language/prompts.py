"""What a client wants written, as the language model is given it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from realtime.backend.language.functions import calls_of, choice_of, tools_of
from realtime.backend.language.sampling import sampling_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.base import Chat, Image, Message, Prompt, Urgency
from realtime.engines.sampling import Effort, Truncation
from realtime.errors import InvalidRequest, NotServed

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}

_PICTURES: Final = {"/9j/": "jpeg", "iVBOR": "png", "R0lGOD": "gif", "UklGR": "webp"}
"""Kinds of picture, by what their bytes begin with in base64."""

_WHOLE: Final = Truncation(retention=None)
"""The client knows what it has sent: nothing of it is left out unasked, and what does not fit is refused."""


def prompt_of(request: pb.PredictOptions, chat: Chat) -> Prompt:
    """The prompt for `chat`: a conversation, or else a text to be gone on with.

    Raises `InvalidRequest` for what makes no sense or `chat` cannot take, `NotServed` for what it cannot do.
    """
    if request.Messages and (request.UseTokenizerTemplate or not request.Prompt):
        prompt = _conversation(request, chat)
    elif request.Prompt:
        prompt = _text(request, chat)
    else:
        raise InvalidRequest(
            "'Prompt' is empty, and there are no 'Messages'.", code="missing_required_parameter", param="Prompt"
        )
    sampling = sampling_of(request)
    if sampling.grammar and "grammar" not in chat.abilities:
        raise NotServed(f"The language model {chat.model!r} takes no grammar ('Grammar'), or may not.")
    return replace(
        prompt,
        max_tokens=request.Tokens if request.Tokens > 0 else None,
        temperature=request.Temperature,
        sampling=sampling,
        truncation=_WHOLE,
        urgency=Urgency.UNATTENDED,
    )


def _text(request: pb.PredictOptions, chat: Chat) -> Prompt:
    if "completing" not in chat.abilities:
        raise NotServed(f"The language model {chat.model!r} takes conversations only: send 'Messages', no 'Prompt'.")
    _refuse_media(request, sees=False)
    return Prompt(text=request.Prompt)


def _conversation(request: pb.PredictOptions, chat: Chat) -> Prompt:
    _refuse_media(request, sees="images" in chat.abilities)
    messages = tuple(_message(message, f"Messages[{index}]") for index, message in enumerate(request.Messages))
    said = [message.role for message in messages if message.role != "system"]
    if said and set(said[-2:]) == {"assistant"}:
        raise InvalidRequest(
            "'Messages' must end with what the user or a function says, and may have one of the assistant's after it, "
            "which is gone on with.",
            param="Messages",
        )
    if request.Images:
        messages = _with_pictures(messages, tuple(_pictures(request)))
    # A grammar says itself how a call is written, and whoever sent it reads the call out of the text.
    tools = () if request.Grammar else tools_of(request.Tools)
    if tools and "tools" not in chat.abilities:
        raise InvalidRequest(f"The language model {chat.model!r} calls no functions.", param="Tools")
    thinking = request.Metadata.get("enable_thinking", "false")
    if thinking not in ("true", "false"):
        raise InvalidRequest(
            "'Metadata' has an 'enable_thinking' that is neither 'true' nor 'false'.", param="Metadata"
        )
    return Prompt(
        messages=messages,
        tools=tools,
        tool_choice="auto" if request.Grammar else choice_of(request.ToolChoice, tools),
        effort=_effort(request),
        thoughts=thinking == "true",
    )


def _message(message: pb.Message, field: str) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequest(f"'{field}.role' must be one of: {', '.join(_ROLES)}.", param=f"{field}.role")
    return Message(
        role=role,
        text=message.content,
        tool_calls=calls_of(message.tool_calls, f"{field}.tool_calls") if role == "assistant" else (),
        call_id=message.tool_call_id if role == "tool" else None,
    )


def _effort(request: pb.PredictOptions) -> Effort | None:
    wanted = request.Metadata.get("reasoning_effort")
    try:
        effort: Effort | None = msgspec.convert(wanted, Effort | None)
    except msgspec.ValidationError as problem:
        known = ", ".join(get_args(Effort))
        raise InvalidRequest(f"'Metadata' has a 'reasoning_effort' that is none of: {known}.", param="Metadata") from (
            problem
        )
    return effort


def _refuse_media(request: pb.PredictOptions, *, sees: bool) -> None:
    given = {"Images": bool(request.Images) and not sees, "Videos": request.Videos, "Audios": request.Audios}
    for field, unwanted in given.items():
        if unwanted:
            raise InvalidRequest(f"The language model takes no '{field}'.", param=field)


def _with_pictures(messages: tuple[Message, ...], pictures: tuple[Image, ...]) -> tuple[Message, ...]:
    """They belong to what the user has said last."""
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=None)
    if last is None:
        raise InvalidRequest("'Images' need a message of the user's.", param="Images")
    return (*messages[:last], replace(messages[last], images=pictures), *messages[last + 1 :])


def _pictures(request: pb.PredictOptions) -> Iterator[Image]:
    for index, picture in enumerate(request.Images):
        kind = next((kind for start, kind in _PICTURES.items() if picture.startswith(start)), None)
        if kind:
            yield Image(url=f"data:image/{kind};base64,{picture}")
        elif picture.startswith("data:image/"):
            yield Image(url=picture)
        else:
            param = f"Images[{index}]"
            raise InvalidRequest(f"'{param}' must be a JPEG, PNG, GIF or WebP picture in base64.", param=param)
