"""From a prompt or a conversation to token ids: the model's chat template, or a plain layout where it has none.

Knows tokenizers only by three methods that transformers' ones have. The description of the output type goes to the end
of the last message, where small models still remember it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from guidedgen.errors import ModelError

if TYPE_CHECKING:
    from guidedgen.vocabulary import Vocabulary

Message: TypeAlias = Mapping[str, str]  # role, content
Conversation: TypeAlias = tuple[Message, ...]

_LABELS = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def conversation_of(prompt: str | None, messages: Sequence[Message] | None) -> Conversation:
    """One conversation from either way to ask.

    Raises:
        ValueError: both or neither are given, or a message is not one.
    """
    if (prompt is None) == (messages is None):
        raise ValueError("give either a prompt or messages=[...], not both and not neither")
    if messages is None:
        if not isinstance(prompt, str):
            raise TypeError(f"a prompt is a string, not {type(prompt).__name__}; conversations go into messages=[...]")
        return ({"role": "user", "content": prompt},)
    for index, message in enumerate(messages):
        if not isinstance(message.get("content"), str) or message.get("role") not in _LABELS:
            raise ValueError(f"messages[{index}] needs a role out of {', '.join(_LABELS)} and a text as content")
    if not messages or messages[-1]["role"] not in ("user", "tool"):
        raise ValueError("messages must end with one from the user or a tool: the model answers it")
    return tuple(messages)


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

    def encode(self, conversation: Conversation) -> list[int]:
        """Token ids up to the place where the answer starts.

        Raises:
            ModelError: the template refuses the conversation.
        """
        if not self.has_template:
            return self._encode_text(plain_layout(conversation))
        try:
            return self._apply(conversation)
        except Exception as error:
            merged = merge_system(conversation)
            if merged == conversation:
                raise _refused(error) from error
        try:
            return self._apply(merged)
        except Exception as error:
            raise _refused(error) from error

    def _apply(self, conversation: Conversation) -> list[int]:
        messages = [dict(message) for message in conversation]
        ids = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
        return [int(token) for token in ids]

    def _encode_text(self, text: str) -> list[int]:
        if self.tokenizer is None:
            return list(self.vocabulary.encode(text))
        return [int(token) for token in self.tokenizer.encode(text)]


def plain_layout(conversation: Conversation) -> str:
    """Text for models without a chat format: a lone prompt stays as it is, so that a base model continues it."""
    if len(conversation) == 1 and conversation[0]["role"] == "user":
        return conversation[0]["content"]
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
