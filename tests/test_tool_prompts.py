"""Tools in prompts: through the model's own chat template where it knows them, as text where it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.grammars.tool_formats import FORMATS
from guidedgen.prompting import Prompter, conversation_of
from guidedgen.tool_prompts import native_messages, plain_messages
from tests.chat_templates import (
    CODER,
    DEEPSEEK,
    HERMES,
    LLAMA3,
    MISTRAL,
    PLAIN,
    SILENT,
    SWAPPED,
    TemplateTokenizer,
)
from tests.grammars.tool_samples import WRITERS

TIGHT, SPACED = MISTRAL.replace("SPACE", ""), MISTRAL.replace("SPACE", " ")
USER = {"role": "user", "content": "Rain?"}
CALL = {"type": "function", "id": "abcDEF123", "function": {"name": "search", "arguments": {"city": "Ulm"}}}
TEXT_CALL = {**CALL, "function": {"name": "search", "arguments": '{"city": "Ulm"}'}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "name": "search", "tool_call_id": "abcDEF123", "content": "sunny"}


def search(city: str) -> str:
    """Look up the weather."""
    return city


def prompter(template: str | None) -> tuple[Prompter, TemplateTokenizer]:
    tokenizer = TemplateTokenizer(template)
    return Prompter(vocabulary=None, tokenizer=tokenizer), tokenizer  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("template", "name", "begin"),
    [
        (HERMES, "hermes", ""),
        (SWAPPED, "hermes", ""),
        (SILENT, "hermes", ""),
        (DEEPSEEK, "deepseek-v3.1", "<｜tool▁calls▁begin｜>"),
        (LLAMA3, "llama3", ""),
        (SPACED, "mistral", "[TOOL_CALLS] ["),
        (TIGHT, "mistral", "[TOOL_CALLS]["),
    ],
)
def test_the_format_of_a_template_is_found(template: str, name: str, begin: str) -> None:
    found = prompter(template)[0].tools.format
    assert found is not None
    assert (found.name, found.begin) == (name, begin)


@pytest.mark.parametrize("template", [PLAIN, CODER, None, "{{ raise_exception('no') }}", "{{ nonsense.x.y }}"])
def test_templates_that_know_no_tools_or_no_format_of_ours(template: str | None) -> None:
    assert prompter(template)[0].tools.format is None


def test_a_real_template_is_found(shared: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(shared / "data/tokenizers/qwen3")
    made = Prompter(vocabulary=gg.Vocabulary.from_tokenizer(tokenizer), tokenizer=tokenizer)
    assert made.tools.format is FORMATS["hermes"]
    text = tokenizer.decode(made.encode((USER, CALLED, RESULT), made.settled(gg.Tools([search]))))
    assert WRITERS["hermes"]([("search", {"city": "Ulm"})]) in text
    assert '"description": "Look up the weather."' in text
    assert "<tool_response>\nsunny\n</tool_response>" in text

    older = AutoTokenizer.from_pretrained(shared / "data/tokenizers/llama3_1")
    assert Prompter(vocabulary=gg.Vocabulary.from_tokenizer(older), tokenizer=older).tools.format is None


@pytest.mark.parametrize(
    ("template", "asked", "used"),
    [
        (HERMES, None, "hermes"),
        (HERMES, "hermes", "hermes"),
        (HERMES, "json", "json"),
        (LLAMA3, None, "llama3"),
        (PLAIN, None, "json"),
        (PLAIN, "hermes", "hermes"),
        (None, None, "json"),
    ],
)
def test_which_format_is_used(template: str | None, asked: str | None, used: str) -> None:
    assert prompter(template)[0].settled(gg.Tools([search], format=asked)).written.name == used


def test_the_spacing_of_the_template_is_kept_where_its_format_is_named() -> None:
    settled = prompter(TIGHT)[0].settled(gg.Tools([search], format="mistral"))
    assert settled.written.begin == "[TOOL_CALLS]["


@pytest.mark.parametrize(
    ("template", "name"),
    [(HERMES, "hermes"), (LLAMA3, "llama3"), (SPACED, "mistral"), (DEEPSEEK, "deepseek-v3.1")],
)
def test_a_template_writes_calls_as_masks_ask_for_them(template: str, name: str) -> None:
    """What the template makes of an earlier call is what the constraint accepts as an answer."""
    made, tokenizer = prompter(template)
    tools = made.settled(gg.Tools([search]))
    made.encode(conversation_of(None, [USER, CALLED, RESULT]), tools)
    (text,) = tokenizer.texts
    written = WRITERS[name]([("search", {"city": "Ulm"})])
    assert written.removesuffix("}]") in text
    assert "sunny" in text
    assert "Look up the weather." in text


def test_arguments_may_be_json_text_as_openai_has_them() -> None:
    made, tokenizer = prompter(LLAMA3)
    tools = made.settled(gg.Tools([search]))
    for call in (CALL, TEXT_CALL):
        made.encode(conversation_of(None, [USER, {**CALLED, "content": None, "tool_calls": [call]}, RESULT]), tools)
    assert tokenizer.texts[0] == tokenizer.texts[1]
    assert native_messages([{**CALLED, "tool_calls": [TEXT_CALL]}]) == (CALLED,)
    assert native_messages([CALLED], text=True) == ({**CALLED, "tool_calls": [TEXT_CALL]},)


@pytest.mark.parametrize("template", [SILENT, DEEPSEEK])
def test_templates_that_do_not_tell_of_the_tools_are_helped(template: str) -> None:
    made, tokenizer = prompter(template)
    tools = made.settled(gg.Tools([search]))
    system = {"role": "system", "content": "Be brief."}
    for conversation in ([USER, CALLED, RESULT], [system, USER]):
        made.encode(conversation_of(None, conversation), tools)
        assert "Look up the weather." in tokenizer.texts[-1].partition("</system>")[0]
    assert tokenizer.texts[-1].startswith("<system>Be brief.\n\n")
    assert tools.written.write([("search", '{"city": "Ulm"}')]) in tokenizer.texts[0]


def test_templates_without_tools_are_given_text() -> None:
    made, tokenizer = prompter(PLAIN)
    tools = made.settled(gg.Tools([search], choice="auto"))
    system = {"role": "system", "content": "Be brief."}
    made.encode(conversation_of(None, [system, USER, CALLED, RESULT]), tools)
    (text,) = tokenizer.texts
    head, _, rest = text.partition("</system>")
    assert head.startswith("<system>Be brief.\n\nYou can call these functions:\n")
    assert json.dumps(tools.declarations[0]) in head
    assert rest == (
        '<user>Rain?</user><assistant>[{"name": "search", "arguments": {"city": "Ulm"}}]</assistant>'
        "<user>Result of search: sunny</user><assistant>"
    )


def test_results_of_one_answer_are_one_message() -> None:
    messages = plain_messages([USER, CALLED, RESULT, RESULT, USER, RESULT], FORMATS["hermes"])
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "user", "user"]
    assert messages[2]["content"].count("<tool_response>") == 2


def test_what_was_said_beside_a_call_stands_before_it() -> None:
    (message,) = plain_messages([{**CALLED, "content": "Let me see."}], FORMATS["hermes"])
    assert message["content"] == "Let me see.\n" + WRITERS["hermes"]([("search", {"city": "Ulm"})])


def test_conversations_with_calls_can_go_on_without_tools() -> None:
    for template in (HERMES, PLAIN, None):
        made, tokenizer = prompter(template)
        made.encode(conversation_of(None, [USER, CALLED, RESULT]))
        assert "sunny" in tokenizer.texts[0]
        assert "Look up" not in tokenizer.texts[0]


def test_conversations_without_tools_are_as_before() -> None:
    made, tokenizer = prompter(HERMES)
    made.encode((USER,))
    assert tokenizer.texts == ["<user>Rain?</user><assistant>"]


def test_choices_are_told() -> None:
    for choice, told in (("auto", "answer in plain text instead"), ("none", "Do not call a function now")):
        made, tokenizer = prompter(PLAIN)
        made.encode((USER,), made.settled(gg.Tools([search], choice=choice)))
        assert told in tokenizer.texts[0]


@pytest.mark.parametrize(
    "calls",
    [
        [{}],
        [{"function": {"name": "f"}}],
        [{"function": {"name": 3, "arguments": {}}}],
        [{"function": {"name": "f", "arguments": "no json"}}],
        [{"function": {"name": "f", "arguments": "[1]"}}],
        ["f"],
    ],
)
def test_malformed_calls_in_messages_are_refused(calls: Any) -> None:
    with pytest.raises(ValueError, match=r"messages\[1\] has a tool_call that is not of the form"):
        conversation_of(None, [USER, {**CALLED, "tool_calls": calls}, RESULT])
