"""`guidedgen check`: compile a schema or grammar without a model; tell what is enforced and what it costs."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guidedgen.errors import CompileError, GrammarSyntaxError, GuidedGenError, UnsatisfiableSchema
from guidedgen.explanation import Explanation, printed_bytes
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.lark_loader import place_of
from guidedgen.grammars.specs import JsonSchema, Lark, Spec
from guidedgen.grammars.tools import Tools
from guidedgen.kernel.explain import InspectableState, explain_text, named
from guidedgen.kernel.open_rules import open_rules
from guidedgen.limits import Limits
from guidedgen.source_lines import Place, excerpt, excerpts, line_and_column
from guidedgen.vocabulary import Vocabulary


def _read_json(text: str) -> Spec[object]:
    """A JSON Schema; a list is one of tools, in OpenAI's form."""
    try:
        return Tools(json.loads(text)) if text.lstrip().startswith("[") else JsonSchema(text)
    except ValueError as error:
        if isinstance(error, CompileError):
            raise
        return JsonSchema(text)  # says what is wrong with the JSON, and where


READERS: Mapping[str, Callable[[str], Spec[object]]] = {
    ".json": _read_json,
    ".lark": Lark,
    ".gbnf": Gbnf,
    ".ebnf": Ebnf,
}


_NOTHING_GIVEN: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a constraint costs; times in milliseconds."""

    compile_ms: float
    first_mask_ms: float
    first_mask_tokens: int
    shortest: str
    shortest_tokens: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a text is valid; otherwise how far it could be read, and what could have followed there.

    Attributes:
        accepted: whether it is valid.
        read: how many of its bytes could be read.
        expected: the bytes that could have followed.
        line, column: where that is; both begin at 1, columns are characters.
        labels: the terminals, rules or places of a schema that were being read there, or could have begun.
        open: the rules of a grammar that are open there, outermost first; several where it could be read in several
            ways, four at most. None for a schema, which says where it is by `labels`.
    """

    accepted: bool
    read: int
    expected: str
    line: int = 1
    column: int = 1
    labels: tuple[str, ...] = ()
    open: tuple[tuple[str, ...], ...] = ()


def read_spec(path: Path, *, lark: Mapping[str, Any] = _NOTHING_GIVEN) -> Spec[object]:
    """The spec in a file, by its ending.

    Args:
        path: the file.
        lark: arguments of `Lark`, for a Lark grammar.

    Raises:
        CompileError: the ending is not known, the file is not text, or `lark` is given for another grammar.
    """
    if path.suffix not in READERS:
        raise CompileError(f"{path} is none of {', '.join(READERS)}", hint="Rename the file to what it is.")
    if lark and path.suffix != ".lark":
        raise CompileError(f"{path} is no Lark grammar", hint=f"Leave {' and '.join(lark)} out.")
    try:
        if lark:
            return Lark(path.read_text(encoding="utf-8"), **lark)
        return READERS[path.suffix](path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CompileError(f"{path} is not UTF-8: {error}", hint="Save it as UTF-8.") from error


def compile_timed(
    spec: Spec[object], vocabulary: Vocabulary, limits: Limits | None = None
) -> tuple[GrammarConstraint, Costs]:
    """Compile and measure. Raises as `compile` does."""
    began = time.perf_counter()
    constraint = compile(spec, vocabulary, limits=limits, cache=False)
    compiled = time.perf_counter()
    start = constraint.start()
    mask = start.mask()
    masked = time.perf_counter()
    shortest = start.shortest()
    costs = Costs(
        compile_ms=(compiled - began) * 1e3,
        first_mask_ms=(masked - began) * 1e3,
        first_mask_tokens=int(sum(int(word).bit_count() for word in mask.view("uint32"))),
        shortest=vocabulary.decode_bytes(shortest).decode("utf-8", errors="replace"),
        shortest_tokens=len(shortest),
    )
    return constraint, costs


def accepts(constraint: GrammarConstraint, text: str) -> Verdict:
    """Read a text byte by byte."""
    state, data = constraint.start(), text.encode("utf-8", "surrogatepass")
    for index in range(len(data)):
        after = state.advance_bytes(data[index : index + 1])
        if after is None:
            return _refused(constraint, state, data, index)
        state = after
    if not state.accepting:
        return _refused(constraint, state, data, len(data))
    return Verdict(accepted=True, read=len(data), expected="")


def _written(names: tuple[str, ...]) -> tuple[str, ...]:
    """Without the rules that lark makes up."""
    return tuple(name for name in names if not name.startswith("__"))


def _refused(constraint: GrammarConstraint, state: InspectableState, data: bytes, read: int) -> Verdict:
    before = data[:read].decode("utf-8", errors="ignore")  # without the first half of a character
    line, column = line_and_column(before, len(before))
    table = constraint.compiled.table
    try:
        opened = () if table is None else tuple(map(_written, open_rules(table, data[:read])))
    except GuidedGenError:  # more than the reference kernel manages: the answer does not depend on it
        opened = ()
    return Verdict(
        accepted=False,
        read=read,
        expected=_expected(state),
        line=line,
        column=column,
        labels=named(state, constraint.compiled.labels),
        open=opened,
    )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a text was read.

    Attributes:
        steps: pieces of the text, each with the rules and places of the schema that it was read as.
        explanation: where it stopped fitting and why; None where the text is valid.
        refusal: what is wrong with the value as a whole, where masks alone would take it.
    """

    steps: tuple[tuple[str, tuple[str, ...]], ...]
    explanation: Explanation | None
    refusal: str | None = None


def explain(constraint: GrammarConstraint, text: str) -> Reading:
    """Read a text as `accepts` does, and tell what each part of it was read as."""
    labels, data = constraint.compiled.labels, text.encode("utf-8", "surrogatepass")
    state = constraint.start()
    steps: list[tuple[bytes, tuple[str, ...]]] = []
    for index in range(len(data)):
        piece = data[index : index + 1]
        names = named(state, labels)
        after = state.advance_bytes(piece)
        if after is None:
            break
        if steps and set(steps[-1][1]) & set(names):  # still the same rule, or one of those that it could have been
            common = tuple(name for name in steps[-1][1] if name in names)
            steps[-1] = (steps[-1][0] + piece, common)
        else:
            steps.append((piece, names))
        state = after
    shown = tuple((piece.decode("utf-8", errors="backslashreplace"), names) for piece, names in steps)
    if state.accepting and len(b"".join(piece for piece, _ in steps)) == len(data):
        return Reading(steps=shown, explanation=None)
    refusal = getattr(state, "refusal", None)
    return Reading(
        steps=shown, explanation=explain_text(constraint.start(), data, labels=labels, read=b""), refusal=refusal
    )


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A spec that was compiled, and how a text was read by it.

    Attributes:
        spec: what the file says.
        constraint: what was compiled.
        facts: kernel, vocabulary, times and sizes, by name.
        text: the text that was tested; None where there was none.
        verdict: whether it is valid; None without a text.
        reading: how it was read, where that was asked for.
    """

    spec: Spec[object]
    constraint: GrammarConstraint
    facts: Mapping[str, object]
    text: str | None = None
    verdict: Verdict | None = None
    reading: Reading | None = None


def check_spec(spec: Spec[object], vocabulary: Vocabulary, text: str | None, *, explained: bool) -> Checked:
    """Compile a spec, and read a text if there is one; `explained` tells how. Raises as `compile` does."""
    constraint, costs = compile_timed(spec, vocabulary)
    facts = {"kernel": constraint.implementation, "vocabulary": vocabulary.size}
    facts |= dataclasses.asdict(costs) | constraint.stats()
    return Checked(
        spec=spec,
        constraint=constraint,
        facts=facts,
        text=text,
        verdict=None if text is None else accepts(constraint, text),
        reading=None if text is None or not explained else explain(constraint, text),
    )


def show_error(path: Path, error: CompileError) -> str:
    """An error about a schema or grammar file, with the lines that it is about."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = schema_lines(text, error) if path.suffix == ".json" else grammar_lines(text, error)
    return f"{path}: {error}" + (f"\n{lines}" if lines else "")


def schema_lines(text: str, error: CompileError) -> str:
    """The lines of a JSON Schema that an error points to; none where it points to nothing in the text."""
    if error.pointer is None:
        return ""
    wanted = list(error.pointers) if isinstance(error, UnsatisfiableSchema) else []
    places = [error.pointer, *wanted]
    if error.keyword and not error.pointer.endswith(f"/{error.keyword}"):
        places[0] = f"{error.pointer}/{error.keyword}"  # where there is no such member: the nearest place above it
    root = "" if error.tool is None else _parameters_of(text, error.tool)
    return excerpts(text, [root + place for place in places])


def _parameters_of(text: str, tool: str) -> str:
    """Where the parameters of a tool stand in a list of tools, as a JSON pointer."""
    for index, declared in enumerate(json.loads(text)):
        inside = "/function" if "function" in declared else ""
        inner = declared.get("function", declared)
        if inner.get("name") == tool:
            key = next((name for name in ("parameters", "inputSchema", "input_schema") if name in inner), "")
            return f"/{index}{inside}/{key}"
    return ""


def grammar_lines(text: str, error: CompileError) -> str:
    """The line of a Lark grammar that defines what an error names; syntax errors quote their line themselves."""
    if error.keyword is None or (isinstance(error, GrammarSyntaxError) and error.line is not None):
        return ""
    line, column = place_of(text, error.keyword)
    if line is None or column is None:
        return ""
    start = sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + column - 1
    return excerpt(text, Place(start, start + len(error.keyword)))


def _expected(state: InspectableState) -> str:
    """The bytes that may come next, as ranges of what they print as."""
    bits = int.from_bytes(state.allowed_bytes(), "little")
    return printed_bytes(byte for byte in range(256) if bits >> byte & 1)
