"""`Choosing` drafts by what must win: constructed texts for each source, tables of costs from flat to hostile."""

from __future__ import annotations

import random
from collections.abc import Sequence as ListOf

import pytest
import torch

from guidedgen.constraint import AllOf, Constraint, MaxTokens
from guidedgen.decoders import Auto, Plain
from guidedgen.decoders.automatic import helpers
from guidedgen.decoders.automatic.account import Account, Prices, affordable
from guidedgen.decoders.automatic.beliefs import Beliefs
from guidedgen.decoders.automatic.choosing import Choosing
from guidedgen.decoders.automatic.growing import WORTH, grown
from guidedgen.decoders.automatic.report import Counts
from guidedgen.decoders.automatic.sources import Grounds, Place
from guidedgen.decoders.drafters import views
from guidedgen.decoders.speculative import Speculative
from guidedgen.decoders.tree import ROOT
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import JsonSchema, Regex
from guidedgen.models.base import LayerPlan
from guidedgen.sampler.costs import CostTable
from guidedgen.sampler.sampler import Sampler
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.settings import Sampling
from guidedgen.sampler.trace import Trace
from guidedgen.toy import ToyModel
from guidedgen.toy_laws import check_strategy, replay
from guidedgen.vocabulary import Vocabulary
from tests.decoders.small_world import CONSTRAINTS, PROMPT
from tests.decoders.test_auto import TABLES

LETTERS = [bytes([byte]) for byte in range(32, 127)]
VOCABULARY = Vocabulary.from_tokens([*LETTERS, b'":', b' "', b""], eos=[97], special={"<eos>": 97})
FLAT = CostTable(rows=(1, 64), medians=(1.0, 1.2))
MODERATE = CostTable(rows=(1, 2), medians=(1.0, 1.05))
DEAR = CostTable(rows=(1, 2), medians=(1.0, 2.0))


class Written(ToyModel):
    """Writes a text, with given runners-up."""

    def __init__(self, prompt: int, text: ListOf[int], runners_up: dict[int, ListOf[int]] | None = None) -> None:
        super().__init__(vocabulary=VOCABULARY)
        self._prompt, self._text, self._runners_up = prompt, text, runners_up or {}

    def logits_after(self, tokens: ListOf[int], plan: LayerPlan | None = None) -> torch.Tensor:
        logits = torch.zeros(self.info.logits_size)
        for rank, token in enumerate(self._runners_up.get(tokens[-1], ())):
            logits[token] = 8.0 - rank
        place = len(tokens) - self._prompt
        logits[self._text[place] if 0 <= place < len(self._text) else 97] = 10.0
        return logits


def anything(tokens: int) -> Constraint:
    return AllOf([compile_constraint(Regex(".*"), VOCABULARY), MaxTokens(tokens, VOCABULARY)])


def run(
    text: ListOf[int],
    *,
    prompt: ListOf[int] = (1, 2, 3),
    cost: CostTable = MODERATE,
    constraint: Constraint | None = None,
    runners_up: dict[int, ListOf[int]] | None = None,
    model: Written | None = None,
) -> tuple[Counts, Trace]:
    """What was counted while the text was written, which comes out whatever is drafted."""
    model = model or Written(len(prompt), text, runners_up)
    sampler = Sampler(model)
    start = Sequence.prompt(prompt, (constraint or anything(len(text))).start())
    chooser = Choosing(cost, 24)
    chunks = list(Speculative(drafter=chooser, most=24).run(sampler, [start], Sampling()))
    assert replay(chunks, [start])[0][0] == tuple(text)
    return chooser.counts[0], sampler.trace.snapshot()


def noise(count: int, seed: int = 0) -> list[int]:
    return random.Random(seed).choices(range(90), k=count)


def test_what_stands_in_the_prompt_is_copied() -> None:
    text = noise(80)
    counts, trace = run(text, prompt=[*noise(10, 1), *text, *noise(10, 2)])
    assert counts.accepted["copy"] > 60
    assert len(trace.steps) < 25
    assert counts.switches[-1][1] == "copy"
    assert counts.repeated > 70


def test_what_the_text_repeats_is_copied_where_the_prompt_has_nothing() -> None:
    counts, trace = run([*noise(30), *noise(30), *noise(30)])
    assert counts.accepted["copy"] > 45
    assert counts.switches[0][1] == "nothing"
    assert counts.switches[-1][1] == "copy"
    assert len(trace.steps) < 50


def test_several_ways_on_are_a_tree_of_n_grams() -> None:
    """The same pair goes on in turns in two ways: the latest one is always wrong."""
    text = [token for turn in range(40) for token in (50, 51, 60 + turn % 2, 70 + turn * 7 % 13)]
    counts, _ = run(text, cost=FLAT)
    assert counts.accepted["n-grams"] > 15
    assert counts.trees > 10
    steep, _ = run(text, cost=DEAR)
    assert not steep.trees


def test_runners_up_are_recycled_where_nothing_repeats() -> None:
    """Each token is followed once by its favourite, once by each runner-up: no pair occurs twice."""
    after = {token: [(token * 7 + 11 * rank) % 83 for rank in (1, 2, 3)] for token in range(83)}
    text, visits = [5], dict.fromkeys(range(83), 0)
    while len(text) < 220 and visits[text[-1]] < 3:
        visits[text[-1]] += 1
        text.append(after[text[-1]][visits[text[-1]] - 1])
    assert len(text) > 100
    counts, _ = run(text, cost=FLAT, runners_up=after)
    assert counts.accepted["recycle"] > 10
    assert counts.accepted["recycle"] > counts.accepted["copy"]
    steep, _ = run(text, cost=DEAR, runners_up=after)
    assert not steep.drafted["recycle"]


def test_what_the_schema_dictates_is_drafted() -> None:
    """Two spellings of the punctuation leave a choice, but what is written is clear."""
    names = ["customer number", "delivery address", "terms of payment"]
    schema = {
        "type": "object",
        "properties": {name: {"enum": ["open", "paid"]} for name in names},
        "required": names,
        "additionalProperties": False,
    }
    constraint = compile_constraint(JsonSchema(schema), VOCABULARY)
    text = VOCABULARY.encode('{"customer number": "paid", "delivery address": "open", "terms of payment": "paid"}')
    counts, trace = run(text, cost=FLAT, constraint=AllOf([constraint, MaxTokens(200, VOCABULARY)]))
    assert counts.accepted["forced"] + counts.accepted["allowed"] > 5
    assert len(trace.steps) < trace.total("committed") / 5
    assert max(sorted(counts.allowed)[: len(counts.allowed) // 2]) <= 4


def test_all_of_few_allowed_tokens_are_drafted_where_rows_cost_little() -> None:
    constraint = AllOf([compile_constraint(Regex("([abc][0-9]{2})*"), VOCABULARY), MaxTokens(90, VOCABULARY)])
    letters = random.Random(3)
    text = VOCABULARY.encode(
        "".join(letters.choice("abc") + letters.choice("0123456789") + letters.choice("0123456789") for _ in range(30))
    )
    counts, _ = run(text, cost=FLAT, constraint=constraint)
    assert counts.accepted["allowed"] > 10
    assert counts.trees > 10
    steep, _ = run(text, cost=DEAR, constraint=constraint)
    assert steep.drafted["allowed"] < counts.drafted["allowed"] / 10


def test_nothing_is_drafted_where_nothing_pays() -> None:
    counts, trace = run(noise(200), cost=DEAR)
    assert counts.idle > 0.95 * counts.steps
    assert counts.switches == [(0, "nothing")]
    assert trace.total("rows") < 210


@pytest.mark.parametrize(("level", "drafts"), [(0.1, True), (0.95, False)])
def test_a_model_drafts_where_its_tokens_cost_little(
    level: float, drafts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = noise(120)
    few = Written(3, text)
    monkeypatch.setattr(helpers, "few_bits_in_memory", lambda model, weights: few)
    monkeypatch.setattr(helpers, "known_costs", lambda model: CostTable(rows=(1, 2), medians=(level, 1.05 * level)))
    monkeypatch.setattr(views, "load_few_bits", lambda model, weights: few)
    counts, trace = run(text, cost=MODERATE)
    assert (counts.accepted["few-bits"] > 80) == drafts
    assert (len(trace.steps) < 50) == drafts
    copied, _ = run(text, prompt=text, model=Written(len(text), text))  # what is looked up costs nothing
    assert copied.accepted["copy"] > 100
    assert copied.drafted["few-bits"] < 10


def test_a_model_that_is_wrong_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Written(3, noise(300, 7))
    monkeypatch.setattr(helpers, "few_bits_in_memory", lambda model, weights: few)
    monkeypatch.setattr(helpers, "known_costs", lambda model: CostTable(rows=(1, 2), medians=(0.3, 0.3)))
    monkeypatch.setattr(views, "load_few_bits", lambda model, weights: few)
    counts, _ = run(noise(300))
    assert 0 < counts.drafted["few-bits"] < 30


def misleading(seed: int) -> list[int]:
    """Runs that occur again and go on otherwise, in stretches, with stretches that are repeated in between."""
    draw = random.Random(seed)
    text = noise(40, seed)
    while len(text) < 300:
        start = draw.randrange(len(text) - 12)
        if draw.random() < 0.6:
            for _ in range(6):
                start = draw.randrange(len(text) - 12)
                text += [*text[start : start + draw.randint(2, 6)], draw.randrange(90)]
        else:
            text += text[start : start + 12]
    return text


@pytest.mark.parametrize("table", [*TABLES, "none"])
def test_never_slower_than_plain_by_more_than_five_percent(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On counted rows that cost what a table says, whatever the text does; a model that misleads may draft too."""
    cost = TABLES[table] if table in TABLES else CostTable(rows=(1, 2), medians=(1.0, 1.3))
    few = Written(3, noise(500, 5))
    monkeypatch.setattr(helpers, "few_bits_in_memory", lambda model, weights: few)
    monkeypatch.setattr(helpers, "known_costs", lambda model: CostTable(rows=(1, 2), medians=(0.2, 0.2)))
    monkeypatch.setattr(views, "load_few_bits", lambda model, weights: few)
    for text in (noise(300), misleading(1), [7] * 150 + noise(150)):
        counts, trace = run(text, cost=cost)
        beside = counts.drafted["few-bits"] * 0.3  # what the model's tokens cost, a little beside their rows included
        spent = beside + sum(cost(step.rows) for step in trace.steps[1:] if step.rows)
        assert (len(text) - 1) * cost(1) / spent >= 0.95


def test_the_same_again() -> None:
    text = misleading(3)
    (first, trace), (second, again) = run(text), run(text)
    assert first == second
    assert [step.drafts for step in trace.steps] == [step.drafts for step in again.steps]


@pytest.mark.parametrize("kind", CONSTRAINTS)
def test_texts_are_those_of_plain_decoding_with_a_model_that_drafts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.decoders.small_world import VOCABULARY as SMALL

    model = ToyModel(vocabulary=SMALL, seed=3, order=3, spread=3.0)
    few = ToyModel(vocabulary=SMALL, seed=3, order=3, spread=2.9)
    monkeypatch.setattr(helpers, "few_bits_in_memory", lambda model, weights: few)
    monkeypatch.setattr(helpers, "known_costs", lambda model: CostTable(rows=(1, 2), medians=(0.1, 0.1)))
    monkeypatch.setattr(views, "load_few_bits", lambda model, weights: few)
    prompts = [Sequence.prompt(PROMPT, CONSTRAINTS[kind]().start())] * 3
    for sampling in (Sampling(), Sampling(temperature=1.0, seed=4)):
        plain, auto = (list(each.run(Sampler(model), prompts, sampling)) for each in (Plain(), Auto()))
        assert replay(auto, prompts) == replay(plain, prompts)


def test_the_laws() -> None:
    check_strategy(Auto(), samples=400, settings=(Sampling(temperature=1.0),))


def test_it_explains_itself() -> None:
    text = [*noise(30), *noise(30), *noise(30)]
    sampler = Sampler(Written(3, text))
    start = Sequence.prompt((1, 2, 3), anything(len(text)).start())
    list(Auto().run(sampler, [start], Sampling()))
    notes = sampler.trace.snapshot().notes
    assert notes[0].startswith("drafts what promises most, up to 24; 25 rows cost 2.20 of one (assumed")
    assert "0% of the tokens were forced; half of the choices were among 97 tokens" in notes[1]
    assert notes[2].startswith("accepted: copy ")
    assert notes[3].startswith("what led: nothing from token 0 on, copy from token ")
    assert "plain steps by these costs" in notes[4]


def test_settings() -> None:
    with pytest.raises(ValueError, match="models"):
        Auto(models="all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="most"):
        Auto(most=-1)
    prices = Prices(MODERATE, 4).of(1)
    assert prices == pytest.approx((1.0, 1.05, 1.1, 1.15, 1.2))
    assert Prices(MODERATE, 2).of(2) == pytest.approx((1.0, 1.15 / 1.05, 1.25 / 1.05))
    assert [affordable(prices, allowed) for allowed in (-1.0, 0.0, 0.06, 0.12, 5.0)] == [0, 0, 1, 2, 4]
    assert affordable(prices, 0.12, 0.05) == 1
    assert Account(plain=100, balance=-4.0).allowance == pytest.approx(1.0)


def test_beliefs_follow_what_comes() -> None:
    beliefs = Beliefs()
    guesses: list[tuple[int, Grounds]] = [(1, ("copy", 3, 0)), (2, ("n-grams", 0, 3)), (3, ("recycle", 0, 0))]
    before = [beliefs.chance(grounds) for _, grounds in guesses]
    for _ in range(30):
        beliefs.learn(guesses, 2)
    after = [beliefs.chance(grounds) for _, grounds in guesses]
    assert after[0] < 0.2 < 0.8 < after[1]
    assert after[2] == before[2]  # never tried
    for _ in range(30):
        beliefs.learn(guesses, 1)
    assert beliefs.chance(guesses[0][1]) > 0.6


@pytest.mark.parametrize("seed", range(5))
def test_the_draft_is_the_best_of_all_its_sizes(seed: int) -> None:
    """Against every number of nodes of a given tree, the likeliest first."""
    draw = random.Random(seed)
    chances = {0: [draw.random() * 0.5 for _ in range(2)], 1: [draw.random() * 0.9]}
    steps = sorted(draw.uniform(0.02, 0.4) for _ in range(12))
    costs = [1.0]
    for step in steps:
        costs.append(costs[-1] + step)

    def likely(place: Place, value: float) -> list[tuple[float, int, Grounds]]:
        found = chances[len(place.way) % 2]
        return [(value * chance, number, ("copy", 0, 0)) for number, chance in enumerate(found)]

    def moved(place: Place, token: int) -> Place:
        return Place((*place.way, token), place.tail, place.state)

    root = Place((), (), CONSTRAINTS["regex"]().start())
    plan = grown(root, likely, moved, costs)
    values: list[float] = []
    level = [((), 1.0)]
    for depth in range(12):
        level = [
            ((*way, number), value * chance) for way, value in level for number, chance in enumerate(chances[depth % 2])
        ]
        values += [value for _, value in level]
    ranked = sorted(values, reverse=True)
    speeds = [(1 + sum(ranked[:nodes])) / costs[nodes] for nodes in range(13)]
    assert plan.speed == pytest.approx(max(speeds)) if max(speeds) > WORTH else plan.speed == 1.0
    assert len(plan.tokens) == (speeds.index(max(speeds)) if max(speeds) > WORTH else 0)
    assert all(ROOT <= parent < node for node, parent in enumerate(plan.parents))
