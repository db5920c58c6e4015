"""guidedgen's own ways: one strategy on one loaded model, and how near the choice was where two texts part."""

from __future__ import annotations

from collections.abc import Sequence as ListOf

import guidedgen as gg
from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.evaluate.decoding.records import Record
from guidedgen.evaluate.tasks import Prompt, Task
from guidedgen.models.base import LanguageModel
from guidedgen.outputs import OutputCache
from guidedgen.prompting import Prompter, add_description, conversation_of
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence


def run_own(
    model: LanguageModel, task: Task, prompt: Prompt, constraint: str, *, strategy: str, dtype: str, number: int
) -> Record:
    """One run, with nothing cached and a constraint compiled anew.

    Args:
        model: loaded in the number format.
        task: which one.
        prompt: one of its prompts.
        constraint: name of one of its constraints.
        strategy: name of a strategy.
        dtype: name of the number format.
        number: of the round.

    Raises:
        GuidedGenError: from generating.
    """
    gg.compile_cache.clear()
    result = gg.Model(model).generate(
        prompt.message,
        task.output(constraint),
        max_tokens=task.most_tokens,
        describe=task.describe,
        on_budget="truncate",
        strategy=strategy,
    )
    trace = result.trace
    assert trace is not None  # `generate` always has one
    first, *steps = trace.steps
    return Record(
        task=task.name,
        prompt=prompt.name,
        constraint=constraint,
        dtype=dtype,
        way=strategy,
        round=number,
        tokens=tuple(result.tokens),
        seconds=trace.total("seconds"),
        first_seconds=first.seconds,
        cpu_seconds=trace.total("cpu_seconds"),
        first_cpu_seconds=first.cpu_seconds,
        decoded=sum(step.committed - step.retracted for step in steps),
        forced=sum(step.forced for step in steps),
        rows=tuple(step.rows for step in steps if step.forwards),
        drafts=tuple(draft for step in steps for draft in step.drafts),
        forward_seconds=sum(step.forward_seconds for step in steps),
        mask_seconds=sum(step.mask_seconds for step in steps),
        draft_seconds=sum(step.draft_seconds for step in steps),
    )


def prompt_tokens(model: LanguageModel, task: Task, prompt: Prompt, constraint: str) -> list[int]:
    """What a model reads when it is asked under a constraint, its description included."""
    output = OutputCache(model.vocabulary).get(task.output(constraint), None)
    prompter = Prompter(vocabulary=model.vocabulary, tokenizer=getattr(model, "tokenizer", None))
    told = add_description(conversation_of(prompt.message, None), output.describe(task.describe))
    return list(prompter.encode(told, None))


def parting(tokens: ListOf[int], others: ListOf[int]) -> int | None:
    """How many tokens two texts begin with alike; None where they are equal."""
    if tokens == others:
        return None
    pairs = enumerate(zip(tokens, others, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(tokens), len(others)))


def gap_at(model: LanguageModel, read: ListOf[int], tokens: ListOf[int], others: ListOf[int], place: int) -> float:
    """How much a model prefers one of the tokens at which two texts part to the other, in logits.

    Args:
        model: loaded in the number format.
        read: tokens of the prompt.
        tokens: of one text.
        others: of the other one; where a text is over, its token is the best end token.
        place: how many tokens they begin with alike.
    """
    prefix = [*read, *tokens[:place]]
    state = AllOf([MaxTokens(1, model.vocabulary)]).start()
    (logits,) = Sampler(model).logits([Sequence.prompt(prefix, state)]).tolist()
    ends = max(logits[token] for token in model.vocabulary.eos)
    one, other = (logits[text[place]] if place < len(text) else ends for text in (tokens, others))
    return float(abs(one - other))
