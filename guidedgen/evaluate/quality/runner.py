"""Runs methods over prompts and appends the texts to a file as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import guidedgen as gg
from guidedgen.api import Model
from guidedgen.constraint import AnyText
from guidedgen.evaluate.quality.asked import ASKED, Asked, asked_task
from guidedgen.evaluate.quality.methods import HUMAN, METHODS, Method
from guidedgen.evaluate.quality.passages import Passage, most_tokens, passages
from guidedgen.evaluate.quality.records import OPEN, QualityFile, TextRecord
from guidedgen.evaluate.quality.scoring import score
from guidedgen.evaluate.quality.varied import method_named
from guidedgen.evaluate.tasks import FREE, OWN, Prompt, Task, task_named
from guidedgen.prompting import Prompter, conversation_of
from guidedgen.result import Result
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence


@dataclass(frozen=True, kw_only=True)
class QualityPlan:
    """What is run.

    Args:
        model: a name that `load` takes.
        dtype: number format.
        methods: names of methods, with settings behind colons or without.
        parts: names of tasks, with form or without, and `OPEN`.
        prompts: of each part, the first so many.
    """

    model: str
    dtype: str = "auto"
    methods: tuple[str, ...] = tuple(METHODS)
    parts: tuple[str, ...] = ()
    prompts: int | None = None

    def __post_init__(self) -> None:
        """Check all names before anything is loaded."""
        for name in self.methods:
            method_named(name)
        for part in self.parts:
            if part not in (OPEN, *ASKED):
                task_named(part)

    @property
    def cells(self) -> Iterator[tuple[str, str, int]]:
        """Method, part and number of the prompt, prompt by prompt: a run that is stopped early has some of each."""
        counts = {part: len(_prompts(part)) for part in self.parts}
        for number in range(max(counts.values(), default=0)):
            for part, count in counts.items():
                if number < min(count, self.prompts or count):
                    yield from ((name, part, number) for name in self._methods(part))

    def _methods(self, part: str) -> list[str]:
        own = [name for name in self.methods if part in method_named(name).parts]
        return [HUMAN, *own] if part == OPEN else own


def run(plan: QualityPlan, file: QualityFile, done: Callable[[TextRecord], None]) -> None:
    """Run what is not in the file yet.

    Args:
        plan: what.
        file: where records go.
        done: called with each.

    Raises:
        GuidedGenError: a model cannot be loaded, or generating failed.
    """
    model = gg.load(plan.model, dtype=plan.dtype)
    for name, part, number in plan.cells:
        if (name, part, _prompts(part)[number].name) in file.finished:
            continue
        record = _text(model, name, part, number)
        file.finished[record.key] = record
        file.add("record", asdict(record))
        done(record)


def _prompts(part: str) -> tuple[Prompt, ...] | tuple[Passage, ...] | tuple[Asked, ...]:
    if part == OPEN:
        return passages()
    return asked_task(part).prompts if part in ASKED else task_named(part).prompts


def _text(model: Model, name: str, part: str, number: int) -> TextRecord:
    """One cell."""
    if part in ASKED:
        task = asked_task(part)
        prompt = task.prompts[number]
        result = _free(model, method_named(name), prompt.message, task.most_tokens, seed=number)
        return _record(name, part, prompt.name, result, valid=_ended(result), right=task.score(prompt, result.text))
    if part != OPEN:
        return _answer(model, name, task_named(part), task_named(part).prompts[number], seed=number)
    passage = passages()[number]
    if name == HUMAN:
        return _human(model, passage)
    result = _free(model, method_named(name), passage.message, most_tokens(), seed=number)
    return _record(name, OPEN, passage.name, result, valid=_ended(result))


def _answer(model: Model, name: str, task: Task, prompt: Prompt, *, seed: int) -> TextRecord:
    method = method_named(name)
    output = task.output(OWN)
    result = model.generate(
        prompt.message,
        output if method.constrained else task.output(FREE),
        max_tokens=task.most_tokens,
        describe=task.describe,
        on_budget="complete" if method.constrained else "truncate",
        strategy=method.strategy(model, prompt.message),
        seed=seed,
        **method.options,
    )
    valid = result.error is None if method.constrained else _accepted(model, output, result.text)
    return _record(name, task.name, prompt.name, result, valid=valid, right=score(task, prompt, result.text))


def _accepted(model: Model, output: object, text: str) -> bool:
    from guidedgen.testing import accepts

    return accepts(gg.compile(output, model.vocabulary), text.strip(), model.vocabulary)


def _free(model: Model, method: Method, message: str, most: int, *, seed: int) -> Result[object]:
    """A text without a constraint."""
    strategy = method.strategy(model, message)
    return model.generate(message, max_tokens=most, strategy=strategy, seed=seed, **method.options)


def _ended(result: Result[object]) -> bool:
    """Whether it ended well or was cut for length."""
    return result.finish in ("stop", "length")


def _record(
    name: str, part: str, prompt: str, result: Result[object], *, valid: bool, right: float | None = None
) -> TextRecord:
    return TextRecord(
        method=name,
        part=part,
        prompt=prompt,
        text=result.text,
        tokens=tuple(result.tokens),
        logprob=result.logprob,
        valid=valid,
        score=right,
    )


def _human(model: Model, passage: Passage) -> TextRecord:
    """What the author wrote, as if the model had written it; cut where its own texts are."""
    vocabulary = model.vocabulary
    prompter = Prompter(vocabulary=vocabulary, tokenizer=getattr(model.language_model, "tokenizer", None))
    node = Sequence.prompt(prompter.encode(conversation_of(passage.message, None), None), AnyText(vocabulary).start())
    tokens = tuple(vocabulary.encode(passage.next))[: most_tokens()]
    nodes = [node]
    for token in tokens:
        nodes.append(nodes[-1].extend(token, node.state))
    rows = Sampler(model.language_model).logits(nodes[:-1]).log_softmax(-1)
    logprob = float(rows[range(len(tokens)), tokens].double().sum())
    text = vocabulary.decode_bytes(tokens).decode("utf-8", errors="replace")
    return TextRecord(
        method=HUMAN, part=OPEN, prompt=passage.name, text=text, tokens=tokens, logprob=logprob, valid=True
    )
