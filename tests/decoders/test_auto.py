"""`Auto` writes plain decoding's texts, stops drafting where nothing is accepted, and goes on where drafts are good."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pytest
import torch

from guidedgen.constraint import AllOf, MaxTokens
from guidedgen.decoders import Auto, Plain, Strategy, strategy_named
from guidedgen.decoders.drafters import Outcome, Request, Setting
from guidedgen.decoders.tree import DraftTree
from guidedgen.errors import ModelError
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import Regex
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.costs import CostTable
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import Trace
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import Outcome as Text
from guidedgen.toy_laws import check_strategy, replay
from tests.decoders.small_world import CONSTRAINTS, PROMPT, VOCABULARY

MODEL = ToyModel(vocabulary=VOCABULARY, seed=1, order=2, spread=3.0)


@dataclass(frozen=True)
class Told:
    """A drafter for tests: the right tokens, or wrong ones, as far as a text is known."""

    text: tuple[int, ...]
    right: bool

    def open(self, setting: Setting) -> Told:
        return self

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        return [self._tree(request) for request in requests]

    def _tree(self, request: Request) -> DraftTree:
        done = request.tip.length - request.tip.prompt_length
        tokens = list(self.text[done : done + min(4, request.most)])
        if not self.right and tokens:
            letters = [token for token in VOCABULARY.encode("abc01") if token != tokens[0]]
            tokens[0] = letters[0]
        return DraftTree(tokens=tuple(tokens), parents=tuple(range(-1, len(tokens) - 1)))

    def observe(self, outcome: Outcome) -> None:
        pass


def long_text(least: int = 60) -> AllOf:
    return AllOf([compile_constraint(Regex(f"[abc01]{{{least},}}"), VOCABULARY), MaxTokens(200, VOCABULARY)])


def run(strategy: Strategy, count: int = 1, *, least: int = 60) -> tuple[list[Text], Trace]:
    sampler = Sampler(MODEL)
    prompts = [Sequence.prompt(PROMPT, long_text(least).start())] * count
    texts = replay(list(strategy.run(sampler, prompts, Sampling(temperature=1.0, seed=2))), prompts)
    return texts, sampler.trace.snapshot()


def test_the_laws() -> None:
    check_strategy(Auto(drafter="recycle"), samples=400, settings=(Sampling(temperature=1.0),))


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_texts_are_those_of_plain_decoding(kind: str) -> None:
    prompts = [Sequence.prompt(PROMPT, CONSTRAINTS[kind]().start())] * 3
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=4)):
        plain, auto = (list(each.run(Sampler(MODEL), prompts, sampling)) for each in (Plain(), Auto()))
        assert replay(auto, prompts) == replay(plain, prompts)


def test_bad_drafts_are_paused() -> None:
    (plain, _) = run(Plain())
    wrong = Told(plain[0][0], right=False)
    texts, trace = run(Auto(drafter=wrong))
    assert texts == plain
    steps = len(trace.steps)
    assert sum(len(step.drafts) for step in trace.steps) < steps / 5
    assert any("paused" in note for note in trace.notes)


def test_good_drafts_go_on() -> None:
    (plain, plain_trace) = run(Plain())
    texts, trace = run(Auto(drafter=Told(plain[0][0], right=True)))
    assert texts == plain
    assert len(trace.steps) < len(plain_trace.steps) / 3
    assert not any("paused" in note for note in trace.notes)
    assert "assumed" in trace.notes[0]
    drafted, accepted = (sum(step[column] for each in trace.steps for step in each.drafts) for column in (0, 2))
    assert f"{accepted} of {drafted} drafted ones were accepted: +" in trace.notes[-1]
    assert trace.notes[-1].startswith("0% of the tokens were forced")


def test_what_others_fill_counts() -> None:
    """Drafts that gain one token in four for each sequence pay alone, and not beside many others."""
    (plain, _) = run(Plain(), 8)
    helpful = Auto(drafter="recycle")
    texts, trace = run(helpful, 8)
    assert texts == plain
    alone = run(helpful)[1]
    share = [sum(len(step.drafts) for step in each.steps) / len(each.steps) for each in (alone, trace)]
    assert share[1] < 8 * share[0]


TABLES = {
    "flat": CostTable(rows=(1, 17), medians=(1.0, 1.1)),
    "a twentieth a row": CostTable(rows=(1, 2), medians=(1.0, 1.05)),
    "a jump": CostTable(rows=(1, 2, 4, 64), medians=(1.0, 2.5, 2.8, 4.5)),
    "dear": CostTable(rows=(1, 2), medians=(1.0, 2.0)),
}
"""What rows may cost on a machine, in plain steps: from nothing to as much as steps of their own."""

RIGHT: dict[str, Callable[[int], bool]] = {
    "never": lambda place: False,
    "at first": lambda place: place < 60,
    "at last": lambda place: place >= 120,
    "in turns": lambda place: place // 12 % 2 == 0,
    "sometimes": lambda place: place * 7919 % 11 < 2,
    "always": lambda place: True,
}
"""Where a drafter's tokens are right: what makes a policy lose most is change."""


@dataclass(frozen=True)
class Moody(Told):
    """Drafts the text where it is right, and the text with wrong tokens elsewhere."""

    mood: str = "never"

    def _tree(self, request: Request) -> DraftTree:
        start = request.tip.length - request.tip.prompt_length
        tokens = list(self.text[start : start + min(8, request.most)])
        letters = [*VOCABULARY.encode("a"), *VOCABULARY.encode("b")]
        for place, token in enumerate(tokens):
            if not RIGHT[self.mood](start + place):
                tokens[place] = next(letter for letter in letters if letter != token)
        return DraftTree(tokens=tuple(tokens), parents=tuple(range(-1, len(tokens) - 1)))


@pytest.mark.parametrize("table", TABLES)
def test_never_slower_than_plain_by_more_than_five_percent(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On counted rows that cost what a table says; the step that reads the prompt left out, as in the evaluation."""
    cost = TABLES[table].seconds

    def spent(trace: Trace) -> float:
        return sum(cost(step.rows) for step in trace.steps[1:] if step.rows)

    monkeypatch.setattr("guidedgen.decoders.auto.costs_of", lambda model: (cost, "instrumented"))
    (plain, plain_trace) = run(Plain(), least=200)
    assert len(plain[0][0]) >= 150
    ratios = {}
    for mood in RIGHT:
        texts, trace = run(Auto(drafter=Moody(plain[0][0], right=True, mood=mood)), least=200)
        assert texts == plain
        ratios[mood] = spent(plain_trace) / spent(trace)
    assert min(ratios.values()) >= 0.95, ratios
    if table != "dear":  # there nothing can be gained
        assert ratios["always"] > 1.5, ratios


class Few(ToyModel):
    """The toy model in another format: a little beside it."""

    def logits_after(self, tokens: ListOf[int], plan: LayerPlan | None = None) -> torch.Tensor:
        return super().logits_after(tokens, plan) * 1.02


@pytest.fixture
def formats(monkeypatch: pytest.MonkeyPatch) -> dict[str, ToyModel]:
    """Weights of few bits, twice and three times as fast."""
    found: dict[str, ToyModel] = {
        "int8": ToyModel(vocabulary=VOCABULARY, seed=1, order=2, spread=3.0),
        "int4": Few(vocabulary=VOCABULARY, seed=1, order=2, spread=3.0),
    }
    times = {id(found["int8"]): 0.5, id(found["int4"]): 0.3}

    def load(model: object, weights: str) -> ToyModel:
        return found[weights]

    def costs(model: object) -> CostTable:
        seconds = times.get(id(model), 1.0)
        return CostTable(rows=(1, 17), medians=(seconds, 2 * seconds))

    monkeypatch.setattr("guidedgen.decoders.precision.load_few_bits", load)
    monkeypatch.setattr("guidedgen.decoders.precision.known_costs", costs)
    monkeypatch.setattr("guidedgen.decoders.precision._KNOWN", WeakKeyDictionary())
    return found


def test_a_loss_lets_fewer_bits_write_and_says_so(formats: dict[str, ToyModel]) -> None:
    exact, exact_trace = run(Auto())
    assert exact_trace.approximate is None
    strict, trace = run(Auto(loss=1e-9))
    assert strict == exact  # int8 is the same model here, and twice as fast
    assert trace.approximate == "weights in int8"
    assert [note for note in trace.notes if "writes in" in note] == ["writes in int8"]
    _, trace = run(Auto(loss=0.5))
    assert trace.approximate == "weights in int4"
    assert any(note.startswith("int4: 3.33 times as fast") for note in trace.notes)
    assert trace.steps


def test_divergence_is_measured(formats: dict[str, ToyModel], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = 0.0
    for place in range(1, len(PROMPT) + 1):
        own, other = (model.logits_after(PROMPT[:place]).log_softmax(-1) for model in (MODEL, formats["int4"]))
        expected += float((own.exp() * (own - other)).sum()) / len(PROMPT)
    told = [note for note in run(Auto(loss=0.5))[1].notes if note.startswith("int4")]
    assert f"{expected:.4f} nats a token" in told[0]
    assert f"over {len(PROMPT)} tokens" in told[0]
    assert f"over {2 * len(PROMPT)} tokens" in " ".join(run(Auto(loss=0.5))[1].notes)
    monkeypatch.setattr("guidedgen.decoders.precision._ENOUGH", 1)
    assert f"over {2 * len(PROMPT)} tokens" in " ".join(run(Auto(loss=0.5))[1].notes)


def test_formats_that_cannot_be_had_leave_everything_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, trace = run(Auto(loss=0.1))
    assert plain == run(Auto())[0]
    assert trace.approximate is None
    assert any("models costs" in note for note in trace.notes)
    monkeypatch.setattr("guidedgen.decoders.precision.known_costs", lambda model: CostTable(rows=(1,), medians=(1.0,)))

    def refuse(model: object, weights: str) -> ToyModel:
        raise ModelError("not this model")

    monkeypatch.setattr("guidedgen.decoders.precision.load_few_bits", refuse)
    monkeypatch.setattr("guidedgen.decoders.precision._KNOWN", WeakKeyDictionary())
    same, trace = run(Auto(loss=0.1))
    assert same == plain
    assert any("not this model" in note for note in trace.notes)
    with pytest.raises(ValueError, match="loss"):
        Auto(loss=-1.0)


def test_by_name() -> None:
    assert strategy_named("auto") == Auto()
    assert strategy_named("auto:copy:0.05") == Auto(drafter="copy", loss=0.05)
    assert strategy_named("auto:copy") == Auto(drafter="copy")
    with pytest.raises(ValueError, match="no drafter"):
        strategy_named("auto:magic")
