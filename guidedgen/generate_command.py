"""`guidedgen generate`: one output of a type, of a grammar or with tools, printed as it is, as JSON or as it comes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from guidedgen.lattice_output import Shown, print_lattice
from guidedgen.model_options import AsJson, CacheName, Device, Dtype, ModelName, load_model
from guidedgen.output_options import OutputOptions
from guidedgen.result_output import print_result, print_stream
from guidedgen.terminal import reported
from guidedgen.tool_options import tools_named

EXAMPLES = """Examples:

guidedgen generate "Name three colours." --type "list[str]"

guidedgen generate "Is water wet?" --choice yes --choice no

guidedgen generate "A date in May 2024" --regex "2024-05-[0-3][0-9]"

guidedgen generate "Weather in Ulm?" --tools my_module:search,book --tool-choice auto

guidedgen generate "A name for a cat" --regex "[A-Z][a-z]{2,6}" --strategy best-first:64 --lattice best -n 10

cat mail.txt | guidedgen generate - --schema ticket.json --stream"""

_LATTICE = "With --strategy best-first: all texts it met: the -n best, -n drawn ones (sample), or dot."
_ON_BUDGET = "At that length: complete (a typed output is complete by then) or truncate."

Prompt = Annotated[str, typer.Argument(help="What to ask; - reads it from stdin.")]
SchemaFile = Annotated[Path | None, typer.Option(help="A JSON Schema file.")]
TypeName = Annotated[str | None, typer.Option("--type", help="A Python type: list[str], or module:Name.")]
LibraryName = Annotated[
    str | None, typer.Option("--library", help="A grammar of the library: sql, python, json, url ...")
]
Pattern = Annotated[str | None, typer.Option(help="A regular expression, Python syntax.")]
Choices = Annotated[list[str] | None, typer.Option(help="An option; give it several times.")]
LarkFile = Annotated[Path | None, typer.Option(help="A Lark grammar file.")]
GbnfFile = Annotated[Path | None, typer.Option(help="A GBNF grammar file, as llama.cpp has them.")]
EbnfFile = Annotated[Path | None, typer.Option(help="An EBNF grammar file, ISO 14977 or W3C.")]
ToolNames = Annotated[
    str | None, typer.Option(help="Functions to call: a JSON file of tools, or module:function,other.")
]
ToolChoice = Annotated[str, typer.Option(help="required, auto, none, or a tool's name.")]
System = Annotated[str | None, typer.Option(help="A system message.")]
StrategyName = Annotated[str, typer.Option(help="A name, with settings behind colons: see `guidedgen strategies`.")]
Stream = Annotated[bool, typer.Option("--stream", help="Print fields as they close.")]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Most tokens of the output.")]
OnBudget = Annotated[str, typer.Option(help=_ON_BUDGET)]
Temperature = Annotated[float, typer.Option(min=0.0, help="0 is greedy.")]
TopP = Annotated[float | None, typer.Option(help="Nucleus sampling.")]
Seed = Annotated[int | None, typer.Option(help="Makes sampling repeatable.")]
Samples = Annotated[int, typer.Option("-n", min=1, help="Number of samples.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds.")]
Describe = Annotated[str, typer.Option(help="What the prompt says about the type: short, schema, none.")]
Thinking = Annotated[int | None, typer.Option(min=0, help="Reason first, in so many tokens; to stderr.")]
WithReport = Annotated[bool, typer.Option("--report", help="What the constraint did, by field and token; to stderr.")]
LatticeView = Annotated[str | None, typer.Option(help=_LATTICE)]


@reported
def generate(
    prompt: Prompt,
    schema: SchemaFile = None,
    type_: TypeName = None,
    grammar: LibraryName = None,
    regex: Pattern = None,
    choice: Choices = None,
    lark: LarkFile = None,
    gbnf: GbnfFile = None,
    ebnf: EbnfFile = None,
    tools: ToolNames = None,
    tool_choice: ToolChoice = "required",
    system: System = None,
    strategy: StrategyName = "plain",
    stream: Stream = False,
    max_tokens: MaxTokens = None,
    on_budget: OnBudget = "complete",
    temperature: Temperature = 0.0,
    top_p: TopP = None,
    seed: Seed = None,
    samples: Samples = 1,
    timeout: Timeout = None,
    describe: Describe = "short",
    thinking: Thinking = None,
    report: WithReport = False,
    lattice: LatticeView = None,
    model: ModelName = "smollm2",
    device: Device = "auto",
    dtype: Dtype = "auto",
    cache: CacheName = "full",
    as_json: AsJson = False,
) -> None:
    """Generate one output of a type and print it."""
    shown = _view(lattice, strategy, samples, stream=stream)
    files = {"--schema": schema, "--lark": lark, "--gbnf": gbnf, "--ebnf": ebnf}
    called = None if tools is None else tools_named(tools, tool_choice)
    output = OutputOptions(files=files, type_=type_, grammar=grammar, regex=regex, choice=choice, tools=called).output()
    reasoned = False if thinking is None else thinking
    asked = {"messages": _messages(system, prompt), "describe": describe, "thinking": reasoned}
    bounds = {"max_tokens": max_tokens, "on_budget": on_budget, "timeout": timeout}
    drawn = {"strategy": strategy, "temperature": temperature, "top_p": top_p, "seed": seed}
    options: dict[str, Any] = {"output": output, **asked, **bounds, **drawn}
    loaded = load_model(model, device, dtype, cache)
    if shown is not None:
        print_lattice(loaded.lattice(**options), show=shown, count=samples, seed=seed, as_json=as_json)
    elif stream:
        print_stream(loaded.stream(**options), output, as_json=as_json, report=report)
    else:
        print_result(loaded.generate(n=samples, **options), as_json=as_json, report=report)


def _messages(system: str | None, prompt: str) -> list[dict[str, str]]:
    """The chat that is asked; the prompt may stand on stdin."""
    said = [] if not system else [{"role": "system", "content": system}]
    return [*said, {"role": "user", "content": sys.stdin.read() if prompt == "-" else prompt}]


def _view(wanted: str | None, strategy: str, samples: int, *, stream: bool) -> Shown | None:
    """What is to be shown of a lattice, None where there is none; refuses options that do not go together."""
    if stream and samples > 1:
        raise typer.BadParameter("--stream shows one sample; leave -n out")
    views: dict[str, Shown] = {"best": "best", "sample": "sample", "dot": "dot"}
    if wanted is None:
        return None
    if wanted not in views:
        raise typer.BadParameter(f"--lattice is one of {', '.join(views)}, not {wanted}")
    if stream or strategy.partition(":")[0] != "best-first":
        raise typer.BadParameter("a lattice comes from --strategy best-first, without --stream")
    return views[wanted]
