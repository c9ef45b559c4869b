"""What the default language model, SmolLM2 of 135 M parameters, needs to be shown.

So small a model follows what it sees rather than what it is told. Its own template knows no tools; `TEMPLATE` writes
the same without tools, and with them describes each in the instructions, in the words of the larger models of its
family. That alone has it call none: of 20 everyday requests, to be answered by a call or in words, it then calls for 0
of 11. Shown each tool being called twice (`tool_examples`), it calls for 9 of 11, 8 times with the right arguments,
and answers 8 of the other 9 in words.
"""

from __future__ import annotations

from typing import TypeAlias

from realtime.engines.tokenizer import CallForm

MODEL = "smollm2-135m-instruct-iq4_nl"

Example: TypeAlias = tuple[str, str]
"""What a user says, and what the assistant answers."""

# On 39 everyday questions these three raised the right and short answers from 25 to 36, and shortened the answer from
# 28 tokens to 11.
EXAMPLES: tuple[Example, ...] = (
    ("Hello.", "Hello! How can I help you today?"),
    ("What is the tallest mountain in the world?", "Mount Everest is the tallest mountain in the world."),
    ("What is ten minus three?", "Ten minus three is seven."),
)

EXAMPLES_PER_TOOL = 2

CALL_FORM = CallForm(opening="<tool_call>", closing="</tool_call>", name_field="name", arguments_field="arguments")

CALL_OPENING = CALL_FORM.opening + "\n"

TEMPLATE = r"""
{%- macro describe(tools) %}
{%- if tools %}{{ '\n\nYou may call functions. Functions:\n' }}
{%- for tool in tools %}{{ tool | tojson }}{{ '\n' }}{% endfor %}
{{- 'To call a function write <tool_call>{"name": ..., "arguments": ...}</tool_call>.' }}{% endif %}
{%- endmacro %}
{%- if messages[0].role != 'system' %}
{{- '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face' }}
{{- describe(tools) }}{{ '<|im_end|>\n' }}{% endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' }}{% if message.content %}{{ message.content }}{% endif %}
{%- if message.tool_calls %}{% for call in message.tool_calls %}
{{- '<tool_call>\n{"name": "' }}{{ call.function.name }}{{ '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{ '}\n</tool_call>' }}{% endfor %}{% endif %}
{%- if loop.first and message.role == 'system' %}{{ describe(tools) }}{% endif %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
