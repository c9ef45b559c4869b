"""The beta dialect of the Realtime API, a translation at the wire: GA inside, whatever the client speaks.

| the server says (GA) | a client of the beta is told |
|---|---|
| `session.created`, `.updated` | the same, flat; `transcription_session.*` of a session that only listens |
| `conversation.item.added` | `conversation.item.created` |
| `conversation.item.done` | nothing: `response.output_item.done` says it of answers, and other items are done at once |
| `response.output_text.*` | `response.text.*` |
| `response.output_audio.*` | `response.audio.*` |
| `response.output_audio_transcript.*` | `response.audio_transcript.*` |
| `response.created`, `.done` | the same with `modalities`, `voice`, `output_audio_format`, and a shorter `usage` |
| `response.function_call_arguments.done` | the same without `name` |
| `….input_audio_transcription.completed` | the same without `languages` |
| `….input_audio_transcription.segment` | nothing: `completed` has the words |
| `input_audio_buffer.timeout_triggered` | nothing: the commit that follows says it |
| `input_audio_buffer.dtmf_event_received` | nothing |
| `mcp_list_tools.*`, `response.mcp_call*`, and what else is about an item of MCP | nothing |
| `error` | the same; `param` is the beta's path, also where the message quotes it |
| everything else | the same |

In items, `output_text` and `output_audio` are `text` and `audio`; there is no `input_image`. A field of GA's that the
beta has not (a transcription's `languages`, `idle_timeout_ms`) is not shown.

Old clients throw when they are told about an item that was not created before. Every item of the conversation is;
one of a response beside the conversation (`conversation: "none"`) is not in it, and is not announced.

| a client of the beta says | what it means (GA) |
|---|---|
| `session.update`, flat | `session.update` of the type `realtime` |
| `transcription_session.update`, flat | `session.update` of the type `transcription`; its `modalities` have no effect |
| `conversation.item.create` | the same, parts renamed |
| `response.create`, flat | the same; `max_output_tokens` is an older name of `max_response_output_tokens` |
| everything else | the same |

`modalities` are `["text"]` or both; a `tool_choice` that is not `auto`, `none` or `required` is the name of a function.
"""

from __future__ import annotations

from realtime.protocol.beta.client_events import decode
from realtime.protocol.beta.server_events import encode, to_beta_param
from realtime.protocol.beta.session import to_beta_session, to_ga_session

__all__ = ["decode", "encode", "to_beta_param", "to_beta_session", "to_ga_session"]
