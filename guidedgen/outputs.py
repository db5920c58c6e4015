"""What generation must know about an output type: its constraint, and how to describe, scan, parse and cache it."""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache, singledispatch
from typing import Any

from guidedgen.describe import Detail, describe_choice, describe_grammar, describe_pattern, describe_schema
from guidedgen.describe_composites import describe_composite
from guidedgen.errors import ValidationFailed
from guidedgen.grammars.combinators import Composite
from guidedgen.grammars.compile import GrammarConstraint, compile
from guidedgen.grammars.date_specs import Date, DateTime, Time
from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.marked_text import decode, special_names, visible_bytes, visible_text
from guidedgen.grammars.number_specs import Integer, Number
from guidedgen.grammars.report import Report
from guidedgen.grammars.specs import Choice, JsonSchema, Lark, Regex, Spec, TypeSpec, spec_of
from guidedgen.grammars.substring import Substring
from guidedgen.grammars.tags import Tag, Tags
from guidedgen.grammars.thinking import Thinking
from guidedgen.grammars.tools import Tools
from guidedgen.limits import Limits
from guidedgen.runaways import steered
from guidedgen.streaming import JsonScanner, Scanner, TextScanner
from guidedgen.tag_streaming import TagScanner
from guidedgen.thinking_streaming import ThinkingScanner
from guidedgen.tool_prompts import told_of
from guidedgen.tool_streaming import ToolScanner
from guidedgen.vocabulary import Vocabulary

_KEPT = 64  # compiled constraints; the kernels bound the memory of each


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output type, ready to generate. `constraint` is None for free text."""

    spec: Spec[Any] | None
    constraint: GrammarConstraint | None

    @property
    def report(self) -> Report | None:
        """What is enforced, keyword by keyword."""
        return None if self.constraint is None else self.constraint.report

    def describe(self, detail: Detail) -> str | None:
        """What the prompt says about it."""
        quiet = detail == "none" or self.spec is None or isinstance(self.spec, Tools)
        return None if quiet else describe_spec(self.spec, detail)

    def scanner(self) -> Scanner:
        """A scanner for one text, as `spell` writes it."""
        special = {} if self.constraint is None else special_names(self.constraint.vocabulary)
        return scanner_of(self.spec, special)

    @property
    def marked(self) -> bool:
        """Whether special tokens are visible in its texts (`marked_text.py`): a combination may name them."""
        return isinstance(self.spec, Composite)

    def spell(self, tokens: Iterable[int], vocabulary: Vocabulary) -> bytes:
        """The bytes of tokens, with special tokens where they are visible."""
        return visible_bytes(vocabulary, tokens) if self.marked else vocabulary.decode_bytes(tokens)

    def structural(self, vocabulary: Vocabulary) -> frozenset[int]:
        """Tokens that are the punctuation of its texts: of JSON, where its texts are JSON documents."""
        return json_punctuation(vocabulary) if isinstance(self.spec, JsonSchema | TypeSpec) else frozenset()

    def captures(self, tokens: Iterable[int], vocabulary: Vocabulary) -> dict[str, str | list[str]]:
        """What rules with a capture have read of a finished text."""
        if self.constraint is None or not self.constraint.has_captures:
            return {}
        return self.constraint.captures(decode(visible_bytes(vocabulary, tokens)))

    def parse(self, text: str) -> Any:
        """The value of a finished text. Raises `ValidationFailed`."""
        return text if self.spec is None else self.spec.parse(text)


_PUNCTUATION = re.compile(rb"[\s{}\[\]:,\"]+")


@lru_cache(maxsize=4)
def json_punctuation(vocabulary: Vocabulary) -> frozenset[int]:
    """The tokens of a vocabulary that consist of JSON's punctuation and white space alone."""
    return frozenset(
        token for token in range(vocabulary.size) if _PUNCTUATION.fullmatch(vocabulary.token_bytes(token)) is not None
    )


class OutputCache:
    """Compiled output types of one vocabulary, the least recently used dropped first. Thread-safe."""

    def __init__(self, vocabulary: Vocabulary, *, kept: int = _KEPT) -> None:
        self._vocabulary = vocabulary
        self._kept = kept
        self._outputs: OrderedDict[Hashable, tuple[Any, Output]] = OrderedDict()  # what was asked for stays alive
        self._lock = threading.Lock()

    def get(self, output: Any, limits: Limits | None, bounds: Bounds | None = None) -> Output:
        """The compiled output type. Threads that ask for a new one at the same time may compile it twice.

        Args:
            output: as users write it.
            limits: on the work of compiling it.
            bounds: that steer away from endless numbers and the like, see `runaways`.

        Raises:
            CompileError: the type cannot be enforced, or is not one.
            LimitExceeded: compiling it costs more than `limits` allows.
        """
        spec = spec_of(output)
        if spec is None:
            return Output(spec=None, constraint=None)
        key = (cache_key(spec), limits, bounds)
        with self._lock:
            if key in self._outputs:
                self._outputs.move_to_end(key)
                return self._outputs[key][1]
        used = spec if bounds is None else steered(spec, bounds)
        made = Output(spec=used, constraint=compile(used, self._vocabulary, limits=limits))
        with self._lock:
            self._outputs[key] = spec, made
            while len(self._outputs) > self._kept:
                self._outputs.popitem(last=False)
        return made


def scanner_of(spec: Spec[Any] | None, special: Mapping[str, int]) -> Scanner:
    """A scanner for the texts of a spec, in which these special tokens are marked."""
    if isinstance(spec, Tools):
        return ToolScanner(spec)
    if isinstance(spec, Thinking):
        markers = spec.markers
        begin, end = ("" if markers.opened else markers.begin), markers.end
        value = scanner_of(spec.output, special)
        return ThinkingScanner(visible_text(begin, special), visible_text(end, special), value)
    if isinstance(spec, Tags):
        return TagScanner(spec, special, lambda content: scanner_of(content, special))
    if spec is not None and writes_json(spec):
        return JsonScanner()
    return TextScanner(marked=isinstance(spec, Composite))


@singledispatch
def cache_key(spec: Any) -> Hashable:
    """A key that two specs share only if they compile alike; the spec itself where nothing better is known."""
    return spec if _hashable(spec) else id(spec)


@cache_key.register
def _(spec: Composite) -> Hashable:
    """Parts are compared by their own keys."""
    return _structure(spec)


def _structure(value: Any) -> Hashable:
    if isinstance(value, Tools):
        return cache_key(value)
    if isinstance(value, Composite | Tag):
        shown = [entry.name for entry in fields(value) if entry.compare]  # type: ignore[arg-type]
        return (type(value), *(_structure(getattr(value, name)) for name in shown))
    if isinstance(value, tuple):
        return tuple(map(_structure, value))
    return (type(value), value) if isinstance(value, str | int | None) else cache_key(value)


@cache_key.register
def _(spec: Choice) -> Hashable:  # type: ignore[type-arg]
    """Equal options of different types (1, True, 1.0) are written differently."""
    return (
        Choice,
        tuple((type(option), repr(option)) for option in spec.options),
        spec if _hashable(spec) else id(spec),
    )


@cache_key.register
def _(spec: JsonSchema) -> Hashable:
    """Schemas are mutable: what counts is their text, the order of properties included."""
    try:
        schema = spec.schema if isinstance(spec.schema, str) else json.dumps(spec.schema)
        registry = json.dumps(spec.registry) if spec.registry else ""
    except (TypeError, ValueError, RecursionError):
        return id(spec)  # not JSON: compiling it says so, with the place
    return (
        JsonSchema,
        schema,
        spec.property_order,
        spec.format,
        registry,
        spec.on_unsupported,
        spec.whitespace,
        spec.limits,
        spec.draft,
        spec.strict_keywords,
        spec.bounds,
    )


@cache_key.register
def _(spec: Lark) -> Hashable:
    """What is given for terminals may be anything."""
    return id(spec) if spec.terminals or spec.json else spec


@cache_key.register
def _(spec: TypeSpec) -> Hashable:  # type: ignore[type-arg]
    return spec if _hashable(spec) else id(spec)


@cache_key.register
def _(spec: Tools) -> Hashable:
    """What is called counts as well: the value of a text holds the functions."""
    tools = tuple(
        (tool.name, tool.function, tool.parameters if _hashable(tool.parameters) else json.dumps(tool.schema))
        for tool in spec.tools
    )
    return (Tools, tools, spec.choice, spec.parallel, spec.format) if _hashable(tools) else id(spec)


@singledispatch
def describe_spec(spec: Any, detail: Detail) -> str | None:
    """What the prompt says about a spec; nothing for kinds that are not known here."""
    return None


@describe_spec.register
def _(spec: Choice, detail: Detail) -> str:  # type: ignore[type-arg]
    return describe_choice(list(spec._texts))


@describe_spec.register(Integer)
@describe_spec.register(Number)
@describe_spec.register(Date)
@describe_spec.register(Time)
@describe_spec.register(DateTime)
def _(spec: Any, detail: Detail) -> str:
    return f"Answer with {spec.form}"


@describe_spec.register
def _(spec: Substring, detail: Detail) -> str:
    return f"Answer with an exact excerpt of the text, in whole {spec.unit}"


@describe_spec.register
def _(spec: Regex, detail: Detail) -> str:
    return describe_pattern(spec.pattern)


@describe_spec.register
def _(spec: Gbnf, detail: Detail) -> str:
    return describe_grammar(spec.text)


@describe_spec.register
def _(spec: Ebnf, detail: Detail) -> str:
    return describe_grammar(spec.text)


@describe_spec.register
def _(spec: Lark, detail: Detail) -> str:
    return describe_grammar(spec.text)


@describe_spec.register
def _(spec: JsonSchema, detail: Detail) -> str:
    schema = json.loads(spec.schema) if isinstance(spec.schema, str) else spec.schema
    return describe_schema(schema, detail=detail)


@describe_spec.register
def _(spec: TypeSpec, detail: Detail) -> str:  # type: ignore[type-arg]
    if spec.texts is not None:
        return describe_choice(spec.texts)
    return describe_schema(spec.schema, detail=detail)


@describe_spec.register
def _(spec: Tools, detail: Detail) -> str:
    """Tools inside combinations; those that are the output itself are the chat template's business."""
    return told_of(spec)


@describe_spec.register
def _(spec: Composite, detail: Detail) -> str | None:
    return describe_composite(spec, lambda part: describe_spec(part, detail))


@singledispatch
def writes_json(spec: Any) -> bool:
    """Whether the texts of a spec are JSON."""
    return isinstance(spec, JsonSchema)


@writes_json.register
def _(spec: TypeSpec) -> bool:  # type: ignore[type-arg]
    return spec.texts is None


def complaint(error: ValidationFailed, *, most: int = 3) -> str:
    """A refusal in one short line, for the next attempt: place and message only, never the input."""
    cause = error.__cause__
    listed = getattr(cause, "errors", None)
    if not callable(listed):
        return str(error)
    faults = [("/" + "/".join(map(str, fault["loc"])), fault["msg"]) for fault in listed()[:most]]
    return "; ".join(f"{place}: {message}" if place != "/" else message for place, message in faults)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
