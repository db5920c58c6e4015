"""Tools through the API: calls as values, in prompts, streams, decorated functions and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, field_validator

import guidedgen as gg
from tests.chat_templates import HERMES, TemplateTokenizer

Script = Callable[..., tuple[gg.Model, Any]]


def search(city: str, days: int = 3) -> str:
    """Look up the weather."""
    return f"{city} {days}"


def book(id: int) -> bool:
    """Book a room."""
    return id > 0


ANSWER = '[{"name": "search", "arguments": {"city": "Ulm"}}, {"name": "book", "arguments": {"id": 3}}]'


def test_a_list_of_calls_that_can_be_run(script: Script) -> None:
    model, _ = script(ANSWER)
    result = model.generate("Go.", gg.Tools([search, book]))
    assert [(call.name, call.arguments) for call in result.value] == [("search", {"city": "Ulm"}), ("book", {"id": 3})]
    assert [call.call() for call in result.value] == ["Ulm 3", True]
    assert result.text == ANSWER
    assert result.report[(0, "arguments", "city")].tokens > 0
    assert result.value.text == ""


def test_auto_may_answer_in_words(script: Script) -> None:
    model, _ = script("No need.")
    value = model("Go.", gg.Tools([search, book], choice="auto"))
    assert (value, value.text) == ([], "No need.")
    model, _ = script(ANSWER)
    assert len(model("Go.", gg.Tools([search, book], choice="auto"))) == 2


def test_a_model_that_wants_something_else_is_held_to_the_form(script: Script) -> None:
    model, _ = script("I would rather talk.")
    (call, *_) = model("Go.", gg.Tools([search, book], parallel=1), max_tokens=60, seed=1)
    assert call.name in ("search", "book")


def test_the_prompt_lists_the_tools(script: Script) -> None:
    model, language_model = script(ANSWER)
    model("Go.", gg.Tools([search, book]))
    model("Go.", gg.Tools([search, book]), describe="none")
    described, bare = language_model.tokenizer.prompts
    assert '"name": "search"' in described
    assert '"description": "Book a room."' in described
    assert bare == "Go."


def test_a_template_that_knows_tools_is_given_them(script: Script) -> None:
    model, _ = script('<tool_call>\n{"name": "book", "arguments": {"id": 3}}\n</tool_call>')
    tokenizer = _Bytes(HERMES)
    model._engine.prompter.__dict__["tokenizer"] = tokenizer
    result = model.generate("Go.", gg.Tools([search, book]))
    assert [call.arguments for call in result.value] == [{"id": 3}]
    assert '"name": "search"' in tokenizer.texts[-1]


class _Bytes(TemplateTokenizer):
    """Tokens of the scripted model: bytes, and the one that ends the prompt."""

    def encode(self, text: str) -> list[int]:
        self.texts.append(text)
        return [*text.encode(), 0]


def test_streams_tell_names_and_arguments(script: Script) -> None:
    model, _ = script(ANSWER)
    *events, done = model.stream("Go.", gg.Tools([search, book]))
    closed = {event.path: event.value for event in events if isinstance(event, gg.FieldClosed)}
    assert closed[(0, "name")] == "search"
    assert closed[(1, "arguments", "id")] == 3
    assert list(closed)[-1] == ()
    assert isinstance(done, gg.Done)
    assert [call.name for call in done.result.value] == ["search", "book"]


def test_an_unfinished_call_says_where_it_stood(script: Script) -> None:
    model, _ = script('[{"name": "search", "arguments": {"city": "' + "x" * 400)
    result = model.generate("Go.", gg.Tools([search]), max_tokens=80, on_budget="truncate")
    with pytest.raises(gg.ValidationFailed, match="/0/arguments/city"):
        _ = result.value


def test_a_mark_that_is_a_special_token_is_written_and_read(script: Script) -> None:
    _, language_model = script(' [{"name": "book", "arguments": {"id": 3}}]')
    known = language_model.vocabulary
    tokens = [known.token_bytes(token) for token in range(known.size)]
    special = {**known.special, "[TOOL_CALLS]": known.size}
    language_model.vocabulary = gg.Vocabulary.from_tokens([*tokens, b""], eos=known.eos, special=special)
    language_model.info = replace(language_model.info, logits_size=known.size + 1)
    result = gg.Model(language_model).generate("Go.", gg.Tools([book], format="mistral"))
    assert result.tokens[0] == known.size
    assert result.text == '[TOOL_CALLS] [{"name": "book", "arguments": {"id": 3}}]'
    assert result.value[0].arguments == {"id": 3}
    assert result.report[(0, "arguments", "id")].tokens == 1


class Even(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def even(cls, n: int) -> int:
        if n % 2:
            raise ValueError("n is odd")
        return n


def test_refused_arguments_are_asked_for_again(script: Script) -> None:
    def answer(prompt: str) -> str:
        return f'[{{"name": "Even", "arguments": {{"n": {4 if "n is odd" in prompt else 3}}}}}]'

    model, _ = script(answer)
    with pytest.raises(gg.ValidationFailed, match="the arguments of Even are not valid"):
        model("Go.", gg.Tools([Even]))
    result = model.generate("Go.", gg.Tools([Even]), retries=1)
    assert result.value[0].arguments == Even(n=4)
    assert result.value[0].call() == Even(n=4)
    assert len(result.attempts) == 2


def test_decorated_functions_may_return_calls(script: Script) -> None:
    model, _ = script(ANSWER)

    @gg.guided(model=model)
    def plan(goal: str) -> Annotated[list[gg.ToolCall], gg.Tools([search, book])]:
        """Reach this goal: {goal}"""

    assert [call.name for call in plan("a trip")] == ["search", "book"]


def test_tools_are_told_once_wherever_they_stand(script: Script) -> None:
    call = '[{"name": "book", "arguments": {"id": 3}}]'
    for output, answer in (
        (gg.Tools([book]), call),
        (gg.Thinking(gg.Tools([book])), f"<think>Hm.</think>{call}"),
        (gg.Sequence("Plan: ", gg.Tools([book])), f"Plan: {call}"),
    ):
        model, language_model = script(answer)
        assert model.generate("Go.", output).error is None
        assert language_model.tokenizer.prompts[-1].count("Book a room.") == 1, output


def test_tools_are_compiled_once_and_keep_their_own_functions(script: Script) -> None:
    model, _ = script('[{"name": "book", "arguments": {"id": 3}}]')
    first, again = (model._engine.outputs.get(gg.Tools([search, book]), None) for _ in range(2))
    assert first is again

    def other(id: int) -> str:
        """Book a room."""
        return "other"

    other.__name__ = "book"
    assert [model("Go.", gg.Tools([made]))[0].call() for made in (book, other)] == [True, "other"]
    declared = {"name": "book", "parameters": {"properties": {"id": {"type": "integer"}}}}
    wider = {"name": "book", "parameters": {"properties": {"id": {}}}}
    outputs = model._engine.outputs
    assert outputs.get(gg.Tools([declared]), None) is outputs.get(gg.Tools([dict(declared)]), None)
    assert outputs.get(gg.Tools([declared]), None) is not outputs.get(gg.Tools([wider]), None)


def test_answers_and_results_go_on_as_messages(script: Script) -> None:
    model, language_model = script(lambda prompt: "Done." if "Result of" in prompt else ANSWER)
    tools = gg.Tools([search, book], choice="auto")
    messages: list[Any] = [{"role": "user", "content": "Go."}]
    calls = model.generate(messages=messages, output=tools).value
    messages += [calls.message, *(call.answer(call.call()) for call in calls)]
    assert model.generate(messages=messages, output=tools).value.text == "Done."
    assert "Result of search: Ulm 3\nResult of book: true" in language_model.tokenizer.prompts[-1]
