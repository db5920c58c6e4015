"""Small chat templates in the styles of well-known models, and a tokenizer that renders them as transformers does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

PLAIN = """\
{%- for message in messages %}<{{ message.role }}>{{ message.content }}</{{ message.role }}>{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}"""

HERMES = """\
{%- if tools %}<system>{% for tool in tools %}{{ tool | tojson }}
{% endfor %}</system>{% endif %}
{%- for message in messages %}<{{ message.role }}>{{ message.content }}
{%- for call in message.tool_calls or [] %}
{{ '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{ '}\\n</tool_call>' }}
{%- endfor %}</{{ message.role }}>{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}"""

LLAMA3 = """\
{%- for message in messages %}
{%- if message.role == "system" or message.role == "user" %}<|{{ message.role }}|>
{%- if tools and loop.index0 == 0 %}{% for tool in tools %}{{ tool | tojson(indent=4) }}
{% endfor %}{% endif %}{{ message.content | trim }}<|eot|>
{%- elif message.tool_calls %}
{%- if message.tool_calls | length != 1 %}{{ raise_exception("only single tool-calls") }}{% endif %}
{%- set call = message.tool_calls[0].function %}<|assistant|>
{{ '{"name": "' + call.name + '", ' }}{{ '"parameters": ' }}{{ call.arguments | tojson }}{{ "}" }}<|eot|>
{%- elif message.role == "tool" %}<|ipython|>{{ message.content }}<|eot|>
{%- else %}<|assistant|>{{ message.content }}<|eot|>
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% endif %}"""

MISTRAL = """\
{%- set ns = namespace(turn=0) %}
{%- set users = messages | selectattr("role", "equalto", "user") | list %}
{%- for message in messages %}
{%- if message.role != "tool" and not message.tool_calls %}
{%- if (message.role == "user") != (ns.turn % 2 == 0) %}{{ raise_exception("roles alternate") }}{% endif %}
{%- set ns.turn = ns.turn + 1 %}
{%- endif %}
{%- if message.role == "user" %}
{%- if tools and message == users[-1] %}[AVAILABLE_TOOLS] {{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
{{- "[INST] " + message.content + "[/INST]" }}
{%- elif message.tool_calls %}[TOOL_CALLS]SPACE[
{%- for call in message.tool_calls %}
{%- if call.id | length != 9 %}{{ raise_exception("ids have length 9") }}{% endif %}
{{- (call.function | tojson)[:-1] + ', "id": "' + call.id + '"}' }}{% if not loop.last %}, {% endif %}
{%- endfor %}]</s>
{%- elif message.role == "tool" %}[TOOL_RESULTS] {{ message.content }}[/TOOL_RESULTS]
{%- else %} {{ message.content }}</s>
{%- endif %}
{%- endfor %}"""

DEEPSEEK = """\
{%- for message in messages %}<{{ message.role }}>{{ message.content }}
{%- if message.tool_calls %}<｜tool▁calls▁begin｜>
{%- for call in message.tool_calls %}
{{- "<｜tool▁call▁begin｜>" + call.function.name + "<｜tool▁sep｜>" + call.function.arguments + "<｜tool▁call▁end｜>" }}
{%- endfor %}<｜tool▁calls▁end｜>{% endif %}</{{ message.role }}>{% endfor %}
{%- if add_generation_prompt %}<assistant>{% endif %}"""
"""Knows calls, with arguments as text, but does not tell the model of the tools."""

CODER = HERMES.replace('{"name": "', "<function=").replace('", "arguments": ', ">")
"""A format that is not known here."""

SWAPPED = HERMES.replace(
    """{{ '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{ '}\\n</tool_call>' }}""",
    """{{ '<tool_call>\\n{"arguments": ' }}
{{- call.function.arguments | tojson }}{{ ', "name": "' + call.function.name }}
{{- '"}\\n</tool_call>' }}""",
)
"""Hermes' format with the name behind the arguments, as some templates write earlier calls."""

SILENT = HERMES.replace("{{ tool | tojson }}", "a tool")
"""Hermes' format; does not tell the model of the tools."""


class TemplateTokenizer:
    """Characters as tokens; `texts` are the prompts that were encoded."""

    def __init__(self, template: str | None) -> None:
        self.chat_template = template
        self.texts: list[str] = []

    def encode(self, text: str) -> list[int]:
        self.texts.append(text)
        return [ord(character) for character in text]

    def apply_chat_template(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        tokenize: bool = True,
        return_dict: bool = True,
    ) -> Any:
        rendered, _ = render_jinja_template(
            conversations=[list(messages)],
            tools=tools,
            chat_template=self.chat_template,
            add_generation_prompt=add_generation_prompt,
        )
        return self.encode(rendered[0]) if tokenize else rendered[0]
