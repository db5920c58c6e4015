"""From prompts and conversations to the text that a model reads."""

from __future__ import annotations

from typing import Any

import pytest

from guidedgen.errors import ModelError
from guidedgen.prompting import (
    Prompter,
    add_description,
    add_feedback,
    conversation_of,
    merge_system,
    plain_layout,
)

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hello"}
ANSWER = {"role": "assistant", "content": "Hi"}


class StubTokenizer:
    """Encodes characters; its template writes `role:content;`, and may refuse the system role as Gemma's does."""

    def __init__(self, *, template: bool = True, system: bool = True, alternate: bool = False) -> None:
        self.chat_template = "template" if template else None
        self.system, self.alternate = system, alternate

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def apply_chat_template(self, messages: list[dict[str, str]], **options: Any) -> list[int]:
        assert options == {"add_generation_prompt": True, "tokenize": True, "return_dict": False}
        if not self.system and messages[0]["role"] == "system":
            raise ValueError("System role not supported")
        if self.alternate and [message["role"] for message in messages[:2]] == ["user", "user"]:
            raise ValueError("Roles must alternate")
        return self.encode("".join(f"{message['role']}:{message['content']};" for message in messages) + "assistant:")


def read(tokenizer: StubTokenizer, *messages: dict[str, str]) -> str:
    prompter = Prompter(vocabulary=None, tokenizer=tokenizer)  # type: ignore[arg-type]  # only used without a tokenizer
    return "".join(map(chr, prompter.encode(messages)))


def test_a_prompt_is_a_message_of_the_user() -> None:
    assert conversation_of("Hello", None) == (USER,)
    assert conversation_of(None, [SYSTEM, USER]) == (SYSTEM, USER)


@pytest.mark.parametrize(
    ("prompt", "messages"),
    [
        (None, None),
        ("Hello", [USER]),
        (None, []),
        (None, [USER, ANSWER]),
        (None, [{"role": "user"}]),
        (None, [{"role": "wizard", "content": "x"}]),
        (None, [{"role": "user", "content": [{"type": "text", "text": "x"}]}]),
    ],
)
def test_what_is_not_a_conversation_is_refused(prompt: Any, messages: Any) -> None:
    with pytest.raises(ValueError, match=r"prompt|messages"):
        conversation_of(prompt, messages)


def test_a_prompt_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="a prompt is a string, not list"):
        conversation_of(["Hello"], None)  # type: ignore[arg-type]


def test_the_description_ends_the_last_message() -> None:
    assert add_description((SYSTEM, USER), "As JSON.") == (SYSTEM, {"role": "user", "content": "Hello\n\nAs JSON."})
    assert add_description((USER,), None) == (USER,)


def test_the_template_is_applied() -> None:
    assert read(StubTokenizer(), SYSTEM, USER) == "system:Be brief.;user:Hello;assistant:"


def test_a_template_without_a_system_role_gets_it_in_the_first_user_message() -> None:
    assert read(StubTokenizer(system=False), SYSTEM, USER, ANSWER, USER) == (
        "user:Be brief.\n\nHello;assistant:Hi;user:Hello;assistant:"
    )


def test_a_template_that_refuses_says_so() -> None:
    with pytest.raises(ModelError, match="Roles must alternate"):
        read(StubTokenizer(alternate=True), USER, USER)
    with pytest.raises(ModelError, match="Roles must alternate"):
        read(StubTokenizer(alternate=True, system=False), SYSTEM, USER, USER)


def test_a_model_without_a_template_continues_the_prompt() -> None:
    assert read(StubTokenizer(template=False), USER) == "Hello"
    assert read(StubTokenizer(template=False), SYSTEM, USER) == "System: Be brief.\n\nUser: Hello\n\nAssistant:"


def test_feedback_is_a_turn_of_its_own() -> None:
    conversation = add_feedback((USER,), '{"a": 1}', "/a: too small")
    assert conversation[:2] == (USER, {"role": "assistant", "content": '{"a": 1}'})
    assert "/a: too small" in conversation[2]["content"]
    assert "User: Hello" in plain_layout(conversation)


def test_system_messages_merge_into_the_next_one_of_the_user() -> None:
    assert merge_system((SYSTEM, ANSWER, USER)) == (ANSWER, {"role": "user", "content": "Be brief.\n\nHello"})
