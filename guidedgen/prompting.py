"""From a prompt or a conversation to token ids: the model's chat template, or a plain layout where it has none.

Knows tokenizers only by three methods that transformers' ones have. The description of the output type goes to the end
of the last message, where small models still remember it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from guidedgen.errors import ModelError
from guidedgen.grammars.thinking import Markers, markers_of
from guidedgen.grammars.tool_formats import FORMATS
from guidedgen.grammars.tools import Tools
from guidedgen.tool_prompts import (
    Message,
    TemplateTools,
    arguments_of,
    native_messages,
    plain_messages,
    template_tools,
    told_of,
)

if TYPE_CHECKING:
    from guidedgen.vocabulary import Vocabulary

Conversation: TypeAlias = tuple[Message, ...]

_LABELS = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def conversation_of(prompt: str | None, messages: Sequence[Message] | None) -> Conversation:
    """One conversation from either way to ask.

    Raises:
        ValueError: both or neither are given, or a message is not one.
        TypeError: something else than a string, or than a list of dicts.
    """
    if (prompt is None) == (messages is None):
        raise ValueError("give either a prompt or messages=[...], not both and not neither")
    if messages is None:
        if not isinstance(prompt, str):
            typed = isinstance(prompt, type)
            remedy = "the output type comes second" if typed else "conversations go into messages=[...]"
            raise TypeError(f"a prompt is a string, not {type(prompt).__name__}; {remedy}")
        return ({"role": "user", "content": prompt},)
    if isinstance(messages, str | Mapping):
        raise TypeError(f'messages is a list of dicts, [{{"role": "user", "content": ...}}], not {messages!r}')
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise TypeError(f'messages[{index}] is {message!r}; write {{"role": "user", "content": ...}}')
        calls = message.get("tool_calls")
        silent = bool(calls) and message.get("content") is None
        if message.get("role") not in _LABELS or not (silent or isinstance(message.get("content"), str)):
            raise ValueError(f"messages[{index}] needs a role out of {', '.join(_LABELS)} and a text as content")
        _check_calls(index, message)
    if not messages or messages[-1]["role"] not in ("user", "tool"):
        raise ValueError("messages must end with one from the user or a tool: the model answers it")
    return tuple(messages)


def _check_calls(index: int, message: Message) -> None:
    try:
        for call in message.get("tool_calls") or ():
            if not isinstance(call["function"]["name"], str):
                raise TypeError
            arguments_of(call)
    except (KeyError, TypeError, ValueError):
        form = '{"type": "function", "id": ..., "function": {"name": ..., "arguments": {...}}}'
        raise ValueError(f"messages[{index}] has a tool_call that is not of the form {form}") from None


def add_description(conversation: Conversation, description: str | None) -> Conversation:
    """The conversation with the description of the output at its end."""
    if not description:
        return conversation
    last = conversation[-1]
    return (*conversation[:-1], {**last, "content": f"{last['content']}\n\n{description}"})


def add_feedback(conversation: Conversation, answer: str, complaint: str) -> Conversation:
    """The conversation continued by a refused answer and what was wrong with it."""
    return (
        *conversation,
        {"role": "assistant", "content": answer},
        {"role": "user", "content": f"That is not valid: {complaint}. Answer again, corrected."},
    )


@dataclass(frozen=True, kw_only=True)
class Prompter:
    """Encodes conversations for one model.

    Attributes:
        vocabulary: encodes plain text where there is no tokenizer.
        tokenizer: a transformers tokenizer, or None.
    """

    vocabulary: Vocabulary
    tokenizer: Any = None

    @property
    def has_template(self) -> bool:
        """Whether the model was trained on a chat format."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    @cached_property
    def tools(self) -> TemplateTools:
        """What the model's chat template can do with tools."""
        return template_tools(self._render) if self.has_template else TemplateTools()

    @cached_property
    def thinking(self) -> Markers | None:
        """The markers that the model puts around its reasoning, None where nothing tells."""
        template = getattr(self.tokenizer, "chat_template", None) or ""
        opening = self._opening() if self.has_template else ""
        return markers_of(self.vocabulary.special.keys(), str(template), opening)

    def _opening(self) -> str:
        """The end of a prompt, as the chat template writes it."""
        try:
            return self._render([{"role": "user", "content": "?"}], [])
        except Exception:  # a template that refuses this says so when the conversation comes
            return ""

    def settled(self, tools: Tools) -> Tools:
        """The tools with the format that they are called in: the one asked for, else the template's, else JSON."""
        known, asked = self.tools.format, tools.format
        if known is not None and asked in (None, known.name):
            return replace(tools, format=known)
        return tools if asked is not None else replace(tools, format=FORMATS["json"])

    def encode(self, conversation: Conversation, tools: Tools | None = None) -> list[int]:
        """Token ids up to the place where the answer starts.

        Args:
            conversation: what was said.
            tools: what the model is told that it may call; their format is settled.

        Raises:
            ModelError: the template refuses the conversation.
        """
        if tools is not None or _mentions_tools(conversation):
            known = self.tools
            if known.format is not None and (tools is None or tools.format == known.format):
                told = None if tools is None or known.tells else told_of(tools)
                declared = None if tools is None or not known.tells else tools.declarations
                return self._templated(native_messages(conversation, text=known.text, told=told), declared)
            written = FORMATS["json"] if tools is None else tools.written
            conversation = plain_messages(conversation, written, None if tools is None else told_of(tools))
        if not self.has_template:
            return self._encode_text(plain_layout(conversation))
        return self._templated(conversation)

    def _templated(self, conversation: Conversation, declared: Sequence[Any] | None = None) -> list[int]:
        try:
            return self._apply(conversation, declared)
        except Exception as error:
            merged = merge_system(conversation)
            if merged == conversation:
                raise _refused(error) from error
        try:
            return self._apply(merged, declared)
        except Exception as error:
            raise _refused(error) from error

    def _apply(self, conversation: Conversation, declared: Sequence[Any] | None) -> list[int]:
        messages = [dict(message) for message in conversation]
        given = {} if declared is None else {"tools": declared}
        ids = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=False, **given
        )
        return [int(token) for token in ids]

    def _render(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str:
        text = self.tokenizer.apply_chat_template(
            list(messages), tools=list(tools) or None, add_generation_prompt=True, tokenize=False
        )
        return str(text)

    def rewrite(self, prompt: Sequence[int], change: Callable[[str], str]) -> list[int]:
        """The tokens of a prompt whose text, special tokens and all, is changed.

        Raises:
            ValueError: the change leaves the text as it is.
        """
        if self.tokenizer is None or not hasattr(self.tokenizer, "decode"):
            before = self.vocabulary.decode_bytes(prompt).decode(errors="replace")
            after = change(before)
            tokens = list(self.vocabulary.encode(after))
        else:
            before = str(self.tokenizer.decode(list(prompt), skip_special_tokens=False))
            after = change(before)
            tokens = [int(token) for token in self.tokenizer.encode(after, add_special_tokens=False)]
        if after == before:
            raise ValueError(f"rewriting left the prompt as it is. Its text is: {before!r}")
        return tokens

    def _encode_text(self, text: str) -> list[int]:
        if self.tokenizer is None:
            return list(self.vocabulary.encode(text))
        return [int(token) for token in self.tokenizer.encode(text)]


def _mentions_tools(conversation: Conversation) -> bool:
    return any(message["role"] == "tool" or message.get("tool_calls") for message in conversation)


def plain_layout(conversation: Conversation) -> str:
    """Text for models without a chat format: a lone prompt stays as it is, so that a base model continues it."""
    if len(conversation) == 1 and conversation[0]["role"] == "user":
        return str(conversation[0]["content"])
    turns = [f"{_LABELS[message['role']]}: {message['content']}" for message in conversation]
    return "\n\n".join([*turns, "Assistant:"])


def merge_system(conversation: Conversation) -> Conversation:
    """The conversation with system messages moved into the next user message, for templates without a system role."""
    merged: list[Message] = []
    system: list[str] = []
    for message in conversation:
        if message["role"] == "system":
            system.append(message["content"])
        elif message["role"] == "user" and system:
            merged.append({"role": "user", "content": "\n\n".join([*system, message["content"]])})
            system.clear()
        else:
            merged.append(message)
    return tuple(merged)


def _refused(error: Exception) -> ModelError:
    return ModelError(
        f"the model's chat template refuses the conversation: {error}. "
        "Check the order of the roles, or send one prompt instead of messages."
    )
