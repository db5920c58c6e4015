"""One call of the API, start to finish: prompts in, checked results or events out. The facade is `api.Model`.

A *job* is one output to generate. All jobs of a call advance together; those whose value a validator refuses are tried
again together, with the complaint in their conversation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from guidedgen.constraint import AllOf, Constraint, MaxTokens, StopOn
from guidedgen.decoders import BestFirst, strategy_named
from guidedgen.decoders.base import Chunk, Strategy
from guidedgen.errors import BudgetTooSmall, DeadEnd, ModelError
from guidedgen.events import Done, Event
from guidedgen.grammars.compile import GrammarConstraint
from guidedgen.grammars.specs import spec_of
from guidedgen.grammars.thinking import Thinking
from guidedgen.grammars.tools import Tools
from guidedgen.meter import StreamMeter
from guidedgen.options import Request
from guidedgen.outcomes import outcome
from guidedgen.outputs import Output, OutputCache
from guidedgen.prompting import Conversation, Prompter, add_description, add_feedback
from guidedgen.result import Result
from guidedgen.runaways import STEERING
from guidedgen.sampler.sequence import Sequence as Tokens
from guidedgen.stop_text import StopTrimmer

if TYPE_CHECKING:
    from guidedgen.decoders.search.lattice import Lattice
    from guidedgen.sampler.sampler import Sampler
    from guidedgen.sampler.settings import Sampling

DEFAULT_MAX_TOKENS = 1024  # more than any value that a person reads; a runaway of a small model stays bearable

_AHEAD = 16  # tokens: more than one token adds to the shortest completion, nearly always


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What all calls of one model share."""

    sampler: Sampler
    prompter: Prompter
    outputs: OutputCache


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One output: its conversation, and the texts that were refused so far."""

    conversation: Conversation
    attempts: tuple[str, ...] = ()


class Call:
    """A call with its options settled.

    Args:
        engine: the model's parts.
        output: the output type, as users write it.
        request: everything that is not sampling.
        sampling: how tokens are drawn.
        cancel: set by another thread to end the call early.

    Raises:
        CompileError: the output type cannot be enforced.
        ValueError: the strategy's name is not known.
    """

    def __init__(
        self,
        engine: Engine,
        output: Any,
        *,
        request: Request,
        sampling: Sampling,
        cancel: threading.Event | None = None,
    ) -> None:
        self._engine = engine
        self._sampler = engine.sampler.request()
        self._vocabulary = engine.sampler.model.vocabulary
        self._request = request
        self._sampling = sampling
        self._cancel = cancel or threading.Event()
        self._deadline = None if request.timeout is None else time.monotonic() + request.timeout
        self._strategy = _strategy(request)
        self._tools: Tools | None = None
        bounds = STEERING if request.bounds == "auto" else request.bounds
        self._output: Output = engine.outputs.get(self._settled(output), request.limits, bounds)
        if sampling.penalised and not sampling.exempt:
            self._sampling = replace(sampling, exempt=self._output.structural(self._vocabulary))
        self._strategy = _spared(self._strategy, lambda: self._output.structural(self._vocabulary))

    def _settled(self, output: Any) -> Any:
        """The output type in the model's own forms of tools and of thinking."""
        spec, prompter, thinking = spec_of(output), self._engine.prompter, self._request.length.thinking
        if thinking is not False and not isinstance(spec, Thinking):
            spec = Thinking(spec) if thinking is True else Thinking(spec, thinking)
        if isinstance(spec, Thinking):
            return replace(spec, output=self._settled_tools(spec.output)).settled(prompter.thinking)
        return self._settled_tools(spec)

    def _settled_tools(self, spec: Any) -> Any:
        if not isinstance(spec, Tools):
            return spec
        settled = self._engine.prompter.settled(spec)
        self._tools = None if self._request.describe == "none" else settled
        return settled

    def results(self, conversations: Sequence[Conversation]) -> list[Result[Any]]:
        """One result for each conversation, each with its samples.

        Raises:
            BudgetTooSmall: max_tokens cannot hold any valid output.
            ModelError: a prompt is longer than the model's context.
        """
        told = [self._told(conversation) for conversation in conversations]
        jobs = [_Job(conversation=conversation) for conversation in told for _ in range(self._request.n)]
        results: list[Result[Any]] = []
        pending = list(range(len(jobs)))
        for attempt in range(self._request.retries + 1):
            fresh = self._decode([jobs[index] for index in pending])
            if attempt == 0:
                results = fresh
            for index, result in zip(pending, fresh, strict=True):
                results[index] = result
            pending = [index for index in pending if _refused(results[index])]
            if not pending or self._stopped():
                break
            for index in pending:
                jobs[index] = _again(jobs[index], results[index])
        return _grouped(results, self._request.n)

    def events(self, conversation: Conversation) -> Iterator[Event[Any]]:
        """Events of one output; the last one is `Done`.

        Raises:
            BudgetTooSmall: max_tokens cannot hold any valid output.
            ModelError: the prompt is longer than the model's context.
            DeadEnd: constraints that work against each other took back text that was streamed already.
        """
        job = _Job(conversation=self._told(conversation))
        scanner, trimmer = self._output.scanner(), StopTrimmer(self._request.stops)
        meter = StreamMeter(self._output, self._vocabulary, scanner)
        for chunk in self._chunks([self._start(job.conversation)]):
            if chunk.retracted:
                raise DeadEnd(
                    "the constraints took back text that was streamed already. Use generate instead of stream."
                )
            meter.see(chunk.sequence)
            yield from meter.told(scanner.feed(trimmer.feed(self._output.spell(chunk.tokens, self._vocabulary))))
            if chunk.finish is not None:
                yield from meter.told(scanner.feed(trimmer.finish()))
                result = self._result(job, chunk)
                if result.error is None or _refused(result):
                    yield from meter.told(scanner.finish())
                yield Done(_grouped([result], 1)[0])

    def lattice(self, conversation: Conversation) -> Lattice:
        """All texts that a best-first search meets.

        Raises:
            BudgetTooSmall: max_tokens cannot hold any valid output.
            ModelError: the prompt is longer than the model's context.
            ValueError: the strategy is another one.
        """
        strategy = BestFirst() if self._request.strategy is None else self._strategy
        if not isinstance(strategy, BestFirst):
            raise ValueError(f"a lattice comes from strategy=gg.BestFirst(...), not {strategy!r}. Leave it out.")
        start = self._start(self._told(conversation))
        return strategy.lattice(self._sampler, start, self._sampling, cancelled=self._stopped)

    def _told(self, conversation: Conversation) -> Conversation:
        return add_description(conversation, self._output.describe(self._request.describe))

    def _decode(self, jobs: Sequence[_Job]) -> list[Result[Any]]:
        """Run all jobs together. Jobs of one conversation share its prompt."""
        shared = {id(job.conversation): job.conversation for job in jobs}
        starts = {key: self._start(conversation) for key, conversation in shared.items()}
        last: dict[int, Chunk] = {}
        for chunk in self._chunks([starts[id(job.conversation)] for job in jobs]):
            if chunk.finish is not None:
                last[chunk.index] = chunk
        return [self._result(job, last[index]) for index, job in enumerate(jobs)]

    def _chunks(self, starts: list[Tokens]) -> Iterator[Chunk]:
        run = self._strategy.run(self._sampler, starts, self._sampling, cancelled=self._stopped)
        with closing(run):  # type: ignore[type-var]
            yield from run

    def _stopped(self) -> bool:
        return self._cancel.is_set() or (self._deadline is not None and time.monotonic() >= self._deadline)

    def _result(self, job: _Job, last: Chunk) -> Result[Any]:
        finish: str = last.finish or "cancelled"
        if finish == "cancelled" and not self._cancel.is_set():
            finish = "timeout"
        return outcome(
            self._output,
            last.sequence,
            finish=finish,
            ending=last.ending,
            request=self._request,
            vocabulary=self._vocabulary,
            trace=self._sampler.trace.snapshot(),
            attempts=job.attempts,
        )

    def _start(self, conversation: Conversation) -> Tokens:
        """The prompt's node, with the budget in its state."""
        info = self._sampler.model.info
        prompt = self._engine.prompter.encode(conversation, self._tools)
        left = info.context_length - len(prompt)
        if left < 1:
            raise ModelError(
                f"the prompt has {len(prompt)} tokens, but {info.name} reads at most {info.context_length}, "
                "output included. Shorten the prompt, or load a model with a longer context."
            )
        return Tokens.prompt(prompt, self._constraint(left).start())

    def _constraint(self, left: int) -> Constraint:
        grammar = self._output.constraint
        shortest = 0 if grammar is None else len(grammar.compiled.start().shortest())
        thoughts = (self._output.spec.max_tokens or 0) if isinstance(self._output.spec, Thinking) else 0
        wanted = self._request.length.max_tokens or max(DEFAULT_MAX_TOKENS, 2 * shortest) + thoughts
        budget = min(wanted, left)
        if shortest > budget:
            raise _too_small(shortest, wanted=wanted, left=left)
        parts: list[Constraint] = [] if grammar is None else [grammar]
        complete, ahead = self._request.length.on_budget == "complete", _AHEAD if _budgets_are_dear(grammar) else None
        parts.append(MaxTokens(budget, self._vocabulary, complete=complete, ahead=ahead))
        if self._request.stops:
            parts.append(StopOn(self._request.stops, self._vocabulary))
        return AllOf(parts)


def _budgets_are_dear(grammar: GrammarConstraint | None) -> bool:
    """Whether no bound on the tokens behind every position is known, so that each group of tokens has to be decided."""
    if grammar is None:
        return False
    table = grammar.compiled.table
    return not grammar.vocabulary.spells_text or (table is not None and table.looks_ahead)


def _too_small(shortest: int, *, wanted: int, left: int) -> BudgetTooSmall:
    if wanted <= left:
        cause, remedy = f"max_tokens={wanted}", f"max_tokens={shortest} or more"
    else:
        cause, remedy = f"the context with {left} tokens left after the prompt", "a shorter prompt or a longer context"
    return BudgetTooSmall(
        f"{cause} cannot hold any valid output: the shortest one has {shortest} tokens. Use {remedy}.", minimum=shortest
    )


def _strategy(request: Request) -> Strategy:
    if request.align != "local":
        return strategy_named(f"conditioned:{request.align}")
    wanted: Strategy | str | None = request.strategy
    return strategy_named(wanted or "plain") if wanted is None or isinstance(wanted, str) else wanted


def _spared(strategy: Any, structural: Callable[[], frozenset[int]]) -> Any:
    """The strategy whose MIX methods against repetition leave the punctuation of typed outputs alone."""
    inner, mix = getattr(strategy, "strategy", None), getattr(strategy, "mix", ())
    if inner is not None and (spared := _spared(inner, structural)) is not inner:
        return replace(strategy, strategy=spared)
    repeating = [getattr(method, "exempt", None) == frozenset() for method in mix]
    if not any(repeating):
        return strategy
    methods = (
        replace(method, exempt=structural()) if own else method for method, own in zip(mix, repeating, strict=True)
    )
    return replace(strategy, mix=tuple(methods))


def _refused(result: Result[Any]) -> bool:
    """Whether another attempt may help: a complete text that a validator did not take."""
    return result.complaint is not None


def _again(job: _Job, result: Result[Any]) -> _Job:
    conversation = add_feedback(job.conversation, result.text, result.complaint or "")
    return _Job(conversation=conversation, attempts=result.attempts)


def _grouped(results: list[Result[Any]], n: int) -> list[Result[Any]]:
    groups = [tuple(results[start : start + n]) for start in range(0, len(results), n)]
    return [replace(group[0], samples=group) for group in groups]
