"""Runs ways over cells, one after the other in turn, and appends what came out to a file as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Sequence as ListOf
from dataclasses import asdict, dataclass

import torch

from guidedgen import models
from guidedgen.decoders import strategy_named
from guidedgen.evaluate.decoding import llama_cpp
from guidedgen.evaluate.decoding.llama_cpp import LlamaCpp
from guidedgen.evaluate.decoding.own import gap_at, parting, prompt_tokens, run_own
from guidedgen.evaluate.decoding.peers import PEERS, Library
from guidedgen.evaluate.decoding.records import PLAIN, DecodingFile, Difference, Record
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.tasks import FREE, OWN, Prompt, Task, task_named
from guidedgen.models import KNOWN
from guidedgen.models.base import LanguageModel
from guidedgen.models.precision import WEIGHTS, choose_dtype
from guidedgen.sampler.costs import cost_table


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is run.

    Args:
        model: a name that `load` takes.
        dtypes: number formats.
        tasks: names of tasks.
        constraints: names that each of them has.
        strategies: names of strategies; plain decoding is run besides.
        peers: names in `PEERS`, which run in the first number format, or in bfloat16 where that is of weights alone;
            "llama.cpp:FILE" is llama.cpp on a GGUF file.
        peer_tokens: most tokens of theirs: rates need no more.
        prompts: of each task, the first so many.
        rounds: runs of each.
    """

    model: str
    dtypes: tuple[str, ...]
    tasks: tuple[str, ...]
    constraints: tuple[str, ...] = (OWN,)
    strategies: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    peer_tokens: int = 128
    prompts: int | None = None
    rounds: int = 1

    def __post_init__(self) -> None:
        """Check all names before anything is loaded."""
        for name in self.strategies:
            strategy_named(name)
        for name in self.peers:
            if name not in PEERS and not name.startswith(llama_cpp.PREFIX):
                raise EvaluationError(
                    f"there is no peer {name!r}. There are: {', '.join(PEERS)}, {llama_cpp.PREFIX}FILE."
                )
        for task in map(task_named, self.tasks):
            for name in self.constraints:
                task.constraint_name(name)

    @property
    def ways(self) -> tuple[tuple[str, str], ...]:
        """Number format and name of every way, plain decoding first."""
        names = dict.fromkeys((PLAIN, *self.strategies))
        return tuple((dtype, name) for dtype in self.dtypes for name in names)

    @property
    def cells(self) -> Iterator[tuple[Task, Prompt]]:
        """Prompts of all tasks in turn, so that a run that is stopped early has some of each."""
        tasks = [task_named(name) for name in self.tasks]
        longest = max(len(task.prompts) for task in tasks)
        for number in range(min(longest, self.prompts or longest)):
            for task in tasks:
                if number < len(task.prompts):
                    yield task, task.prompts[number]

    @property
    def total(self) -> int:
        """Number of runs."""
        cells = [(task, {task.constraint_name(name) for name in self.constraints}) for task, _ in self.cells]
        return self.rounds * sum(len(names) * len(self.ways) + len(self.peers) for _, names in cells)


def run(plan: Plan, file: DecodingFile, done: Callable[[Record], None]) -> None:
    """Run what is not in the file yet.

    Args:
        plan: what.
        file: where records go.
        done: called with each.

    Raises:
        GuidedGenError: a model cannot be loaded, or generating failed.
    """
    _Run(plan, file, done).run()


class _Run:
    def __init__(self, plan: Plan, file: DecodingFile, done: Callable[[Record], None]) -> None:
        self._plan, self._file, self._done = plan, file, done
        self._models: dict[str, LanguageModel] = {}
        self._library: Library | None = None
        self._files: dict[str, LlamaCpp] = {}

    def run(self) -> None:
        plan = self._plan
        for dtype in plan.dtypes:
            self._models[dtype] = models.load(plan.model, dtype=dtype)
            if dtype not in self._file.costed:
                self._file.add("costs", {"dtype": dtype, **asdict(cost_table(self._models[dtype]))})
        for number in range(plan.rounds):
            for task, prompt in plan.cells:
                names = tuple(dict.fromkeys(task.constraint_name(name) for name in plan.constraints))
                self._peers(task, prompt, names[0], number)
                for name in names:
                    self._cell(task, prompt, name, number)

    def _cell(self, task: Task, prompt: Prompt, constraint: str, number: int) -> None:
        """All ways in turn; every round begins with another one."""
        ways = self._plan.ways
        shift = number % len(ways)
        for dtype, way in (*ways[shift:], *ways[:shift]):
            if (task.name, prompt.name, constraint, dtype, way, number) in self._file.finished:
                continue
            model = self._models[dtype]
            self._add(run_own(model, task, prompt, constraint, strategy=way, dtype=dtype, number=number))
        for dtype, way in ways:
            self._judge(task, prompt, constraint, dtype, way, number)

    def _judge(self, task: Task, prompt: Prompt, constraint: str, dtype: str, way: str, number: int) -> None:
        """Note how near the choice was where a text leaves the plain one."""
        key = (task.name, prompt.name, constraint, dtype, way)
        plain, other = (self._file.finished[*key[:4], name, number].tokens for name in (PLAIN, way))
        place = parting(plain, other)
        if place is None or key in self._file.judged:
            return
        model = self._models[dtype]
        gap = gap_at(model, prompt_tokens(model, task, prompt, constraint), plain, other, place)
        found = Difference(
            task=task.name, prompt=prompt.name, constraint=constraint, dtype=dtype, way=way, place=place, gap=gap
        )
        self._file.judged.add(key)
        self._file.add("difference", asdict(found))

    def _peers(self, task: Task, prompt: Prompt, constraint: str, number: int) -> None:
        """The peers on the prompt that guidedgen reads under its first constraint."""
        read = prompt_tokens(self._models[self._plan.dtypes[0]], task, prompt, constraint)
        most = min(task.most_tokens, self._plan.peer_tokens)
        for way in self._plan.peers:
            of_file = way.startswith(llama_cpp.PREFIX)
            dtype = llama_cpp.FORMAT if of_file else peer_dtype(self._plan.dtypes)
            if (task.name, prompt.name, FREE, dtype, way, number) in self._file.finished:
                continue
            if of_file:
                self._add(self._llama(way).run(task, prompt, read, way=way, number=number, most=most))
            else:
                library = self._transformers(dtype)
                self._add(library.run(task, prompt, read, way=way, dtype=dtype, number=number, most=most))

    def _transformers(self, dtype: str) -> Library:
        if self._library is None:
            name = self._plan.model
            source = str(KNOWN[name].folder(lambda *_: None)) if name in KNOWN else name
            self._library = Library(source, choose_dtype(dtype, torch.device("cpu")))
        return self._library

    def _llama(self, way: str) -> LlamaCpp:
        if way not in self._files:
            self._files[way] = LlamaCpp(way.removeprefix(llama_cpp.PREFIX), torch.get_num_threads())
        return self._files[way]

    def _add(self, record: Record) -> None:
        self._file.finished[record.key] = record
        self._file.add("record", asdict(record))
        self._done(record)


def peer_dtype(dtypes: ListOf[str]) -> str:
    """The number format of the library's model: it has none with quantised weights."""
    return next((dtype for dtype in dtypes if dtype not in WEIGHTS), "bf16")
