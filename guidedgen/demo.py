"""`guidedgen demo`: what the library does, with a small local model. Every answer is generated while you watch.

The tasks are chosen so that a model of 135 million parameters gets them right; the speed at the end is measured here.
"""

from __future__ import annotations

import inspect
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.pretty import Pretty
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from guidedgen.describe import describe_schema
from guidedgen.events import Done, FieldClosed
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import Choice, Lark, Regex
from guidedgen.terminal import stdout_console

if TYPE_CHECKING:
    from guidedgen.api import Model
    from guidedgen.result import Result
    from guidedgen.sampler.trace import Trace

RECEIPT = (
    "Thank you for shopping at Green Garden. On 3 May 2024 you bought 2 rose bushes at 12.50 each and 1 watering can "
    "at 18.00. The total is 43.00 euros, paid by card."
)
REVIEWS = ("The food was cold and the waiter was rude.", "A wonderful evening, we will come back!")
SQL = """start: "SELECT " columns " FROM " NAME (" WHERE " condition)? ";"
columns: "*" | NAME (", " NAME)*
condition: NAME " " OPERATOR " " value
value: NUMBER | "'" NAME "'"
OPERATOR: "=" | "<" | ">"
NAME: /[a-z_]+/
NUMBER: /[0-9]+/
"""
_EXTRACT = f"Extract the bill from this text.\n\n{RECEIPT}"
_ROUNDS = 3
_FREE_TOKENS = 80


class Item(BaseModel):
    """A thing that was bought."""

    name: str
    count: int = Field(ge=1)
    price: float = Field(ge=0)


class Bill(BaseModel):
    """What was bought and paid."""

    shop: str
    items: list[Item] = Field(max_length=2)
    total: float
    currency: Literal["EUR", "USD", "GBP"]


class City(BaseModel):
    """A city."""

    city: str
    country: str


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Medians of a few runs in this process; times in milliseconds.

    Attributes:
        free_tokens_per_second: free text, no constraint, same prompt.
        typed_tokens_per_second: the bill, under its constraint.
        forced_share: share of the bill's tokens that needed no forward, because the grammar left one choice.
        mask_ms: the mask of one step.
        first_mask_ms: compiling the bill's type and computing its first mask.
        vocabulary: number of tokens that a mask is about.
        kernel: which implementation computes it.
    """

    free_tokens_per_second: float
    typed_tokens_per_second: float
    forced_share: float
    mask_ms: float
    first_mask_ms: float
    vocabulary: int
    kernel: str


@dataclass(frozen=True, kw_only=True)
class Act:
    """One scene: what is shown before it, and what is done."""

    name: str
    title: str
    code: str
    run: Callable[[Model, Console], list[Result[Any]]]


def run_demo(model: Model, *, quick: bool = False, as_json: bool = False) -> None:
    """Play all acts on stdout, or their outcomes as one JSON document."""
    stage = stdout_console()
    shown = Console(quiet=True) if as_json else stage
    _introduce(model, shown)
    outcomes: dict[str, Any] = {}
    for act in ACTS[:2] if quick else ACTS:
        _announce(act, shown)
        began = time.perf_counter()
        results = act.run(model, shown)
        seconds = time.perf_counter() - began
        outcomes[act.name] = [to_jsonable_python(result.value) for result in results]
        _conclude(results, seconds, shown)
    speed = measure(model, rounds=1 if quick else _ROUNDS)
    _show_speed(speed, shown)
    if as_json:
        typer.echo(json.dumps({"model": model.info.name, "values": outcomes, "speed": asdict(speed)}))


def _bill(model: Model, stage: Console) -> list[Result[Any]]:
    result = model.generate(_EXTRACT, Bill)
    _show_value(result.value, stage)
    return [result]


def _date(model: Model, stage: Console) -> list[Result[Any]]:
    result = model.generate(
        "Apollo 11 landed on the Moon on July 20, 1969. Give the date in ISO format.", Regex(r"\d{4}-\d{2}-\d{2}")
    )
    _show_value(result.value, stage)
    return [result]


def _reviews(model: Model, stage: Console) -> list[Result[Any]]:
    prompts = [f"Classify the sentiment of this review.\n\n{review}" for review in REVIEWS]
    results = model.batch(prompts, Choice(["positive", "negative"]), describe="none")
    for review, result in zip(REVIEWS, results, strict=True):
        stage.print(Text.assemble("  ", (f"{result.value:<9}", "bold green"), (f" {review}", "dim")))
    return list(results)


def _query(model: Model, stage: Console) -> list[Result[Any]]:
    result = model.generate(
        "Write an SQL query that selects all users older than 30 from the table users.", Lark(SQL), max_tokens=60
    )
    _show_value(result.value, stage)
    return [result]


def _cities(model: Model, stage: Console) -> list[Result[Any]]:
    began = time.perf_counter()
    three = Annotated[list[City], Field(min_length=3, max_length=3)]
    for event in model.stream("List three big cities and their countries.", three):
        if isinstance(event, FieldClosed) and isinstance(event.value, str):
            after = f"{time.perf_counter() - began:6.2f} s"
            stage.print(
                Text.assemble("  ", (after, "dim"), f"  {event.pointer:<12}", (json.dumps(event.value), "bold green"))
            )
        elif isinstance(event, Done):
            return [event.result]
    return []


def _source(*classes: type) -> str:
    return "\n".join(inspect.getsource(cls) for cls in classes).rstrip()


ACTS = (
    Act(
        name="bill",
        title="A typed value out of a text",
        code=f'{_source(Item, Bill)}\n\nmodel(f"Extract the bill from this text.\\n\\n{{text}}", Bill)',
        run=_bill,
    ),
    Act(
        name="date",
        title="A regular expression",
        code='prompt = "Apollo 11 landed on the Moon on July 20, 1969. Give the date in ISO format."\n'
        'model(prompt, gg.Regex(r"\\d{4}-\\d{2}-\\d{2}"))',
        run=_date,
    ),
    Act(
        name="reviews",
        title="A choice, for two prompts in one batch",
        code='prompts = [f"Classify the sentiment of this review.\\n\\n{review}" for review in reviews]\n'
        'model.batch(prompts, gg.Choice(["positive", "negative"]), describe="none")',
        run=_reviews,
    ),
    Act(
        name="query",
        title="A context-free grammar, in Lark's notation",
        code=f'SQL = r"""{SQL}"""\n'
        'prompt = "Write an SQL query that selects all users older than 30 from the table users."\n'
        "model(prompt, gg.Lark(SQL))",
        run=_query,
    ),
    Act(
        name="cities",
        title="Fields as they close",
        code=f"{_source(City)}\n\nthree = Annotated[list[City], Field(min_length=3, max_length=3)]\n"
        'prompt = "List three big cities and their countries."\n'
        "for event in model.stream(prompt, three): ...",
        run=_cities,
    ),
)


def measure(model: Model, *, rounds: int) -> Speed:
    """Measure on the spot: a warm-up (which also puts the prompts into the cache), then medians."""
    same_prompt = f"{_EXTRACT}\n\n{describe_schema(Bill.model_json_schema())}"
    runs: dict[str, Callable[[], Result[Any]]] = {
        "free": lambda: model.generate(same_prompt, max_tokens=_FREE_TOKENS),
        "typed": lambda: model.generate(_EXTRACT, Bill),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    masks: list[float] = []
    results = {name: run() for name, run in runs.items()}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.perf_counter()
            results[name] = run()
            rates[name].append(len(results[name].tokens) / (time.perf_counter() - began))
        masks.append(_trace(results["typed"]).total("mask_seconds") / len(_trace(results["typed"]).steps) * 1e3)
    return Speed(
        free_tokens_per_second=statistics.median(rates["free"]),
        typed_tokens_per_second=statistics.median(rates["typed"]),
        forced_share=_trace(results["typed"]).total("forced") / len(results["typed"].tokens),
        mask_ms=statistics.median(masks),
        first_mask_ms=statistics.median(_first_mask(model) for _ in range(rounds)),
        vocabulary=model.vocabulary.size,
        kernel=compile(Bill, model.vocabulary).implementation,
    )


def _trace(result: Result[Any]) -> Trace:
    assert result.trace is not None
    return result.trace


def _first_mask(model: Model) -> float:
    began = time.perf_counter()
    compile(Bill, model.vocabulary, cache=False).start().mask()
    return (time.perf_counter() - began) * 1e3


def _introduce(model: Model, stage: Console) -> None:
    info = model.info
    told = Text.assemble(
        (f"{info.name} on {info.device} in {info.dtype}, greedy decoding\n", "bold"),
        "Every output below is generated now. Masks make it valid; the model has to make it right.\n",
        (
            "damage: how much probability the masks took from what the model preferred, in nats a token; 0 is none",
            "dim",
        ),
    )
    stage.print(Panel(told, title="guidedgen demo", expand=False))


def _announce(act: Act, stage: Console) -> None:
    stage.print()
    stage.rule(f"[bold]{act.title}", align="left")
    stage.print(
        Padding(Syntax(act.code, "python", theme="ansi_dark", background_color="default", word_wrap=True), (0, 2))
    )
    if act.name == "bill":
        stage.print(Padding(Text(f"text: {RECEIPT}", style="dim"), (1, 2, 0, 2)))
    stage.print()


def _show_value(value: Any, stage: Console) -> None:
    stage.print(Padding(Pretty(value), (0, 2)))


def _conclude(results: list[Result[Any]], seconds: float, stage: Console) -> None:
    tokens = sum(len(result.tokens) for result in results)
    damage = sum(result.report.damage for result in results) / max(1, tokens)
    stage.print(Padding(Text(f"{tokens} tokens, {seconds:.2f} s, damage {damage:.2f}", style="dim"), (0, 2)))


def _show_speed(speed: Speed, stage: Console) -> None:
    stage.print()
    stage.rule("[bold]Speed, measured just now", align="left")
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right", style="bold")
    table.add_column(style="dim")
    forced = f"{speed.forced_share:.0%} of the tokens were forced and cost no step of their own"
    table.add_row("  free text", f"{speed.free_tokens_per_second:.1f} tokens/s", "same prompt, no constraint")
    table.add_row("  typed value", f"{speed.typed_tokens_per_second:.1f} tokens/s", forced)
    table.add_row("  one mask", f"{speed.mask_ms:.3f} ms", f"{speed.vocabulary} tokens, {speed.kernel} kernel")
    table.add_row("  time to first mask", f"{speed.first_mask_ms:.2f} ms", "compiling the type included")
    stage.print(table)
