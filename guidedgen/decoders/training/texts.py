"""Texts that a model writes itself, for a drafter to learn from: its own questions and answers, and structured ones.

With a chat template the model first writes what a user might say, after nothing but the template's beginning, and then
answers (Xu et al. 2024, "Magpie"). Requests for structured texts are mixed in, since that is what gets drafted here.
Without a template it writes on from the beginning of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import replace
from typing import Any

from guidedgen.constraint import AllOf, AnyText, MaxTokens
from guidedgen.decoders.plain import Plain
from guidedgen.errors import ModelError
from guidedgen.models.base import LanguageModel
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling

_BARREN = 4  # rounds without a token before it is given up
_MARK = "\u2603snow\u2603"
_FORMS = (
    "Write a JSON object that describes {}.",
    "Give a list of three examples of {} as JSON.",
    "Write a short Python function about {}.",
    "Describe {} in two sentences.",
    "Write a CSV table about {} with a header line.",
    "Write an e-mail about {}, then a JSON summary of it.",
)
_TOPICS = (
    "a book", "a bill from a shop", "the weather", "a train journey", "a patient's visit", "a recipe", "a city",
    "a football match", "sorting numbers", "a bank transfer", "a film", "a support ticket", "a hotel room", "a planet",
    "counting words", "a meeting", "a house for sale", "a bug in a program", "a garden", "an animal", "dates", "a song",
)  # fmt: skip

Told = Callable[[int], None]


def own_texts(
    model: LanguageModel, tokenizer: Any, *, tokens: int, length: int, batch: int, seed: int, told: Told
) -> list[list[int]]:
    """Token sequences, prompts included, with at least so many tokens written by the model in all.

    Args:
        model: writes.
        tokenizer: of the transformers library; its chat template is used where there is one.
        tokens: written tokens.
        length: of one answer, at most.
        batch: sequences at a time.
        seed: of the draws.
        told: called with the written tokens so far.

    Raises:
        ModelError: the model writes nothing.
    """
    sampler = Sampler(model)
    texts: list[list[int]] = []
    written = 0
    rounds = _rounds(model, tokenizer, batch)
    barren = 0
    while written < tokens:
        starts = next(rounds)
        seed += 1
        answers = _write(sampler, starts, length=length, seed=seed)
        barren = 0 if any(answers) else barren + 1
        if barren == _BARREN:
            raise ModelError(
                f"{model.info.name} ends every text at once, so there is nothing that a drafter can learn."
            )
        if any(answers) and _asks(starts, model, tokenizer):
            questions = [model.vocabulary.decode_bytes(answer).decode(errors="replace") for answer in answers]
            starts = [_prompt(model, tokenizer, question.strip()) for question in questions if question.strip()]
            answers = _write(sampler, starts, length=length, seed=seed + 10_000)
        texts += [[*start, *answer] for start, answer in zip(starts, answers, strict=True) if answer]
        written += sum(map(len, answers))
        told(min(written, tokens))
        sampler.clear()
    return texts


def _rounds(model: LanguageModel, tokenizer: Any, batch: int) -> Iterator[list[list[int]]]:
    """Prompts, by batches: the model's own questions and structured requests in turn."""
    if not getattr(tokenizer, "chat_template", None):
        while True:
            yield [_beginning(model, tokenizer)] * batch
    requests = [form.format(topic) for topic in _TOPICS for form in _FORMS]
    place = 0
    while True:
        yield [_opening(model, tokenizer)] * batch
        chosen = [requests[(place + 7 * step) % len(requests)] for step in range(batch)]  # 7 and 132 share no factor
        place += 7 * batch
        yield [_prompt(model, tokenizer, request) for request in chosen]


def _asks(starts: ListOf[list[int]], model: LanguageModel, tokenizer: Any) -> bool:
    has_template = bool(getattr(tokenizer, "chat_template", None))
    return has_template and starts[0] == _opening(model, tokenizer)


def _prompt(model: LanguageModel, tokenizer: Any, message: str) -> list[int]:
    text = _chat(tokenizer, message)
    return _ids(tokenizer, text) or _beginning(model, tokenizer)


def _opening(model: LanguageModel, tokenizer: Any) -> list[int]:
    """The chat template up to where the user's message begins."""
    return _ids(tokenizer, _chat(tokenizer, _MARK).split(_MARK)[0]) or _beginning(model, tokenizer)


def _chat(tokenizer: Any, message: str) -> str:
    messages = [{"role": "user", "content": message}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def _ids(tokenizer: Any, text: str) -> list[int]:
    return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]


def _beginning(model: LanguageModel, tokenizer: Any) -> list[int]:
    first = getattr(tokenizer, "bos_token_id", None)
    return [int(first)] if first is not None else [min(model.vocabulary.eos, default=0)]


def _write(sampler: Sampler, starts: list[list[int]], *, length: int, seed: int) -> list[list[int]]:
    """What the model goes on with after each start, without the end."""
    vocabulary = sampler.model.vocabulary
    free = AllOf([AnyText(vocabulary), MaxTokens(length, vocabulary)])
    room = sampler.model.info.context_length - length
    prompts = [Sequence.prompt(start[-room:], free.start()) for start in starts]
    strategy = replace(Plain(), complete_records=False)
    answers: list[list[int]] = [[] for _ in prompts]
    for chunk in strategy.run(sampler, prompts, Sampling(temperature=0.7, seed=seed)):
        answers[chunk.index] = list(chunk.sequence.generated())
    return answers
