"""What is to be known of the language model: `ModelMetadata`, `GetMetrics`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from realtime.backend.pb import backend_pb2 as pb
from realtime.backend.premises import Premises
from realtime.engines.base import Message, Prompt
from realtime.engines.load import KnowsWork
from realtime.engines.tokenizer import CallForm, Templated
from realtime.errors import NotServed

SHOWN: Final = Prompt(messages=(Message(role="user", text="Hello."),), thoughts=True)
"""The conversation in which the template is shown."""


class Metadata:
    """Tells what is known of the language model."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def model_metadata(self, request: pb.ModelOptions) -> pb.ModelMetadataResponse:
        """How the model that is loaded is shown a conversation, and how it writes a call. What the request says of
        loading is ignored. Raises `NotServed` for a model behind another server. Cancelling withdraws the question.
        """
        chat = self._premises.engines.chat
        if not isinstance(chat, Templated):
            raise NotServed(f"'ModelMetadata': the template of the language model {chat.model!r} is not known here.")
        thinking = await chat.rendered(SHOWN)
        silent = await chat.rendered(replace(SHOWN, thoughts=False))
        return pb.ModelMetadataResponse(
            supports_thinking=thinking != silent,
            rendered_template=thinking,
            tool_format=_markers(chat.call_form) if chat.call_form else None,
        )

    async def get_metrics(self, request: pb.MetricsRequest) -> pb.MetricsResponse:
        """The answer that the language model writes or has written last. The prompt stays untold: others' words are
        in it. Raises `NotServed` for a model behind another server. Cancelling is safe.
        """
        chat = self._premises.engines.chat
        if not isinstance(chat, KnowsWork):
            raise NotServed(f"'GetMetrics': the language model {chat.model!r} does not tell what it does.")
        work = chat.work
        if work is None:
            return pb.MetricsResponse()
        return pb.MetricsResponse(
            slot_id=work.slot,
            tokens_per_second=work.tokens_per_s,
            tokens_generated=work.tokens,
            prompt_tokens_processed=work.prompt_tokens,
        )


def _markers(form: CallForm) -> pb.ToolFormatMarkers:
    return pb.ToolFormatMarkers(
        format_type="tag_with_json",
        per_call_start=form.opening,
        per_call_end=form.closing,
        name_field=form.name_field,
        args_field=form.arguments_field,
    )
