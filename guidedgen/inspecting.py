"""Texts to look into: a prompt as the model reads it, with a continuation that was or could have been written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from guidedgen.constraint import AnyText
from guidedgen.generation import Engine
from guidedgen.prompting import add_description, conversation_of
from guidedgen.result import Result
from guidedgen.sampler.sequence import Sequence as Tokens

if TYPE_CHECKING:
    from guidedgen.describe import Detail
    from guidedgen.tool_prompts import Message


def written(
    engine: Engine,
    prompt: str | None,
    continuation: str | Sequence[int] | Result[Any],
    *,
    output: Any,
    messages: Sequence[Message] | None,
    describe: Detail,
) -> Tokens:
    """The sequence of a prompt and its continuation.

    Args:
        engine: the model's parts.
        prompt: see `Model.generate`.
        continuation: a text, tokens, or a result.
        output: the type that the prompt describes.
        messages: see `Model.generate`.
        describe: what the prompt says about it.
    """
    told = engine.outputs.get(output, None).describe(describe)
    conversation = add_description(conversation_of(prompt, messages), told)
    vocabulary = engine.sampler.model.vocabulary
    if isinstance(continuation, Result):
        tokens: Sequence[int] = continuation.tokens
    elif isinstance(continuation, str):
        tokens = vocabulary.encode(continuation)
    else:
        tokens = continuation
    state = AnyText(vocabulary).start()
    sequence = Tokens.prompt(engine.prompter.encode(conversation), state)
    for token in tokens:
        sequence = sequence.extend(int(token), state)
    return sequence
