"""`guidedgen check`: compile a schema or grammar without a model; tell what is enforced and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from guidedgen.errors import CompileError
from guidedgen.events import FieldStarted, pointer_of
from guidedgen.explanation import printed_bytes
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.specs import JsonSchema, Lark, Spec
from guidedgen.kernel.explain import InspectableState
from guidedgen.limits import Limits
from guidedgen.streaming import JsonScanner
from guidedgen.vocabulary import Vocabulary

READERS: Mapping[str, Callable[[str], Spec[object]]] = {".json": JsonSchema, ".lark": Lark}


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
    """Whether a text is valid; otherwise how many of its bytes could be read, and what could have followed them."""

    accepted: bool
    read: int
    expected: str


def read_spec(path: Path) -> Spec[object]:
    """The spec in a file, by its ending.

    Raises:
        CompileError: the ending is not known, or the file is not text.
    """
    if path.suffix not in READERS:
        raise CompileError(f"{path} is neither {' nor '.join(READERS)}", hint="Rename the file to what it is.")
    try:
        return READERS[path.suffix](path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CompileError(f"{path} is not UTF-8: {error}", hint="Save it as UTF-8.") from error


def compile_timed(
    spec: Spec[object], vocabulary: Vocabulary, limits: Limits | None = None
) -> tuple[GrammarConstraint, Costs]:
    """Compile and measure. Raises as `compile` does."""
    began = time.perf_counter()
    constraint = compile(spec, vocabulary, limits=limits)
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
            return Verdict(accepted=False, read=index, expected=_expected(state))
        state = after
    return Verdict(accepted=state.accepting, read=len(data), expected="" if state.accepting else _expected(state))


def line_of(text: str, pointer: str) -> int | None:
    """The 1-based line of a JSON text on which the value at `pointer` starts, None where it has none."""
    scanner, data = JsonScanner(), text.encode()
    line = 1
    try:
        for index in range(len(data)):
            byte = data[index : index + 1]
            for event in scanner.feed(byte):
                if isinstance(event, FieldStarted) and pointer_of(event.path) == pointer:
                    return line
            line += byte == b"\n"
    except ValueError:
        return None
    return None


def source_line(text: str, error: CompileError) -> str | None:
    """The line of the schema that an error is about, numbered."""
    if error.pointer is None:
        return None
    places = [error.pointer, f"{error.pointer}/{error.keyword}"]
    lines = [line for place in reversed(places) if (line := line_of(text, place)) is not None]
    return f"{lines[0]:>5} | {text.splitlines()[lines[0] - 1]}" if lines else None


def _expected(state: InspectableState) -> str:
    """The bytes that may come next, as ranges of what they print as."""
    bits = int.from_bytes(state.allowed_bytes(), "little")
    return printed_bytes(byte for byte in range(256) if bits >> byte & 1)
