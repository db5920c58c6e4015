"""What users constrain a text to: `Regex`, `Choice`, `Lark`, `JsonSchema` and Python types, and how each is parsed.

A spec is a small immutable value; translating it is the front ends' work. `spec_of` turns anything that may stand as an
output type into a spec.
"""

from __future__ import annotations

import enum
import functools
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Generic, Literal, TypeVar, get_args, get_origin

from guidedgen.errors import CompileError, UnsupportedFeature, ValidationFailed
from guidedgen.grammars import choices, ir, lark_lalr, lark_text, regex_text
from guidedgen.grammars.combining import Combinable
from guidedgen.grammars.json_schema import Options, translate_schema
from guidedgen.grammars.json_schema.bounds import Bounds
from guidedgen.grammars.json_schema.keywords import KEYWORDS, draft_named
from guidedgen.grammars.json_schema.native_compile import Reading, form_of
from guidedgen.grammars.json_schema.values import parse_json
from guidedgen.grammars.json_schema.whitespace import Indent, Whitespace
from guidedgen.grammars.lalr_tables import LalrLexer
from guidedgen.grammars.lark_lalr import Indentation
from guidedgen.grammars.lark_notes import lark_notes
from guidedgen.grammars.lark_rules import given_terminals
from guidedgen.grammars.python_types import TypeSpec
from guidedgen.grammars.text_source import check_texts, refuse_file
from guidedgen.grammars.translation import Form, Spec, Translation
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.vocabulary import Vocabulary

__all__ = ["Choice", "Indent", "JsonSchema", "Lark", "Regex", "Spec", "TypeSpec", "spec_of"]

T = TypeVar("T")


class Translated(Combinable):
    """`grammar` for specs that say how they are translated."""

    def translate(self, limits: Limits) -> Translation:
        """The grammar of the valid texts, with a report."""
        raise NotImplementedError

    def grammar(self, limits: Limits) -> ir.Grammar:
        """The grammar alone."""
        return self.translate(limits).grammar


@dataclass(frozen=True)
class Regex(Translated):
    """A text that a regular expression matches as a whole; its value is the text.

    Args:
        pattern: the expression.
        syntax: "python" (`re`) or "ecma" (ECMA-262 with the `u` flag).
    """

    pattern: str
    syntax: Literal["python", "ecma"] = field(default="python", kw_only=True)

    def translate(self, limits: Limits) -> Translation:
        """Raises `GrammarSyntaxError` for an invalid pattern, `UnsupportedFeature` for one that is not regular."""
        if not isinstance(self.pattern, str):
            raise CompileError(
                f"a pattern must be a string, not {type(self.pattern).__name__}",
                hint="Of a compiled pattern give its .pattern.",
            )
        if self.syntax not in ("python", "ecma"):
            raise CompileError(f"the syntax {self.syntax!r} is not known", hint='Use "python" or "ecma".')
        limits.check("schema_bytes", len(self.pattern))
        expression = regex_text.parse(self.pattern, syntax=self.syntax, limits=limits)
        return Translation(grammar=ir.Grammar(start=ir.Terminal(expression, self.pattern)))

    def parse(self, text: str) -> str:
        """The text itself."""
        return text


@dataclass(frozen=True)
class Choice(Translated, Generic[T]):
    """One of a few options; its value is the option.

    Strings and enum members with string values stand for themselves; every other option is written as JSON.

    Raises:
        CompileError: no options, two options with the same text, or an option that JSON cannot write.
    """

    options: Sequence[T]
    _texts: Mapping[str, T] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.options, str | bytes) or not isinstance(self.options, Sequence):
            raise CompileError("the options of a Choice must be a list or tuple", hint='Write Choice(["yes", "no"]).')
        object.__setattr__(self, "options", tuple(self.options))
        texts: dict[str, T] = {}
        for option in self.options:
            text = _option_text(option)
            if text in texts:
                raise CompileError(f"two options of a Choice are written {text!r}", hint="Remove one of them.")
            texts[text] = option
        if not texts:
            raise CompileError("a Choice needs at least one option", hint="Add options.")
        object.__setattr__(self, "_texts", texts)

    def translate(self, limits: Limits) -> Translation:
        """The options as one lexeme."""
        limits.check("schema_bytes", sum(map(len, self._texts)))
        return Translation(grammar=ir.Grammar(start=choices.terminal(self._texts)))

    def parse(self, text: str) -> T:
        """The option that is written like this."""
        if text not in self._texts:
            raise ValidationFailed(f"{text!r} is not one of the options", raw=text)
        return self._texts[text]


def _option_text(option: object) -> str:
    value = option.value if isinstance(option, enum.Enum) else option
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CompileError(
            f"the option {option!r} has no text", hint="Use strings, numbers, booleans or None."
        ) from error


@dataclass(frozen=True)
class Lark(Translated):
    """A text of a context-free grammar in Lark's notation; its value is the text.

    The texts are those that `lark.Lark(text, start=start, parser=parser, lexer=lexer)` parses.

    Args:
        text: the grammar. Beyond lark's, it may say `%json {...}`, `%regex {...}`, special tokens (`<|name|>`), `&` and
            `~` in terminals, and limits, ends and captures of rules (`name[max_tokens=20, stop="\\n", capture]: ...`).
        start: the rule to begin with.
        parser: "earley" reads any grammar; "lalr" is faster and takes what lark's automaton does: see the page on LALR.
        lexer: how it is decided which text a terminal takes. "auto" is "dynamic" for Earley, as in lark: what
            `re.match` takes where the terminal is expected. "dynamic_complete" takes less as well; with "basic" all
            terminals compete for each text, whether they are expected or not. For LALR "auto" is "contextual": those
            compete that the parser's state has an action for. See the page on lexing.
        indent: for LALR, where blocks are told by indentation.
        terminals: what terminals stand for that the grammar names with `%declare`: lists of texts, specs or types.
        json: options of `JsonSchema` for the texts of `%json`.
        import_paths: folders in which `%import` looks before lark's own library.
        about: what its texts are, in a few words: models are told this instead of the grammar's text.
    """

    text: str
    start: str = field(default="start", kw_only=True)
    parser: Literal["earley", "lalr"] = field(default="earley", kw_only=True)
    lexer: Literal["auto", "dynamic", "dynamic_complete", "basic", "contextual"] = field(default="auto", kw_only=True)
    indent: Indentation | None = field(default=None, kw_only=True)
    terminals: Mapping[str, Any] = field(default_factory=dict, kw_only=True, hash=False)
    json: Mapping[str, Any] = field(default_factory=dict, kw_only=True, hash=False)
    import_paths: tuple[str, ...] = field(default=(), kw_only=True)
    about: str | None = field(default=None, kw_only=True, compare=False)

    def translate(self, limits: Limits) -> Translation:
        """Raises `GrammarSyntaxError` with line and column, and `UnsupportedFeature`."""
        check_texts("a Lark grammar", self.text, self.start)
        limits.check("schema_bytes", len(self.text))
        from guidedgen.grammars.embedding import node_of  # late: what stands in a grammar may be any spec

        declared = {name for name in self.terminals if re.search(rf"%declare\b[^\n]*\b{re.escape(name)}\b", self.text)}
        given = given_terminals(self.terminals, declared, node_of, limits)
        json = JsonSchema(True, **self.json).node(limits)
        assert isinstance(json, ir.JsonText)
        if self.parser == "lalr":
            return self._lalr(limits, given, json)
        grammar = lark_text.parse(
            self.text,
            start=self.start,
            lexer=self._earley_lexer(),
            import_paths=self.import_paths,
            limits=limits,
            terminals=given,
            json=json,
        )
        notes = functools.partial(
            lark_notes, self.text, grammar, start=self.start, import_paths=self.import_paths, limits=limits
        )
        return Translation(grammar=grammar, notes=notes)

    def _lalr(self, limits: Limits, given: Mapping[str, ir.Node], json: ir.JsonText) -> Translation:
        lexer = self._lalr_lexer()
        node = lark_lalr.parse(
            self.text,
            start=self.start,
            lexer=lexer,
            indent=self.indent,
            import_paths=self.import_paths,
            limits=limits,
            terminals=given,
            json=json,
        )
        return Translation(grammar=node, rules=self._rules(lexer, limits, given, json))

    def _rules(
        self, lexer: LalrLexer, limits: Limits, given: Mapping[str, ir.Node], json: ir.JsonText
    ) -> ir.Grammar | None:
        """The rules as they stand: what of a text that the automaton takes is read by which of them."""
        told = lark_lalr.told_by_rules(self.text)
        if told is None:
            return None
        if self.indent is not None:
            hint = "Leave one of them out."
            raise UnsupportedFeature(f"{told} does not go with indentation", keyword=told, hint=hint)
        read: lark_text.EarleyLexer = "basic" if lexer == "basic" else "dynamic"
        return lark_text.parse(
            self.text,
            start=self.start,
            lexer=read,
            import_paths=self.import_paths,
            limits=limits,
            terminals=given,
            json=json,
        )

    def _lalr_lexer(self) -> LalrLexer:
        lexer = "contextual" if self.lexer == "auto" else self.lexer
        if lexer not in ("contextual", "basic"):
            raise CompileError(f"the lexer {lexer!r} does not go with LALR", hint='Use "contextual" or "basic".')
        return lexer

    def _earley_lexer(self) -> lark_text.EarleyLexer:
        if self.indent is not None:
            raise CompileError("indentation needs an LALR parser", hint='Add parser="lalr", or leave indent out.')
        if self.parser != "earley":
            raise CompileError(f"the parser {self.parser!r} is not known", hint='Use "earley" or "lalr".')
        lexer = "dynamic" if self.lexer == "auto" else self.lexer
        if lexer not in ("dynamic", "dynamic_complete", "basic"):
            known = '"dynamic", "dynamic_complete" or "basic"'
            raise CompileError(f"the lexer {lexer!r} does not go with Earley", hint=f"Use {known}.")
        return lexer

    def parse(self, text: str) -> str:
        """The text itself."""
        return text


@dataclass(frozen=True, eq=False)
class JsonSchema(Translated):
    """A JSON text that is valid under a JSON Schema (drafts 4 to 2020-12, by `$schema`); its value is the JSON value.

    Args:
        schema: a dict or boolean, or the schema's JSON text.
        property_order: "schema" writes declared properties in their order, optional ones may be left out, and others
            after them; "any" takes them in any order.
        format: "assert" enforces known formats; "annotation" none; "strict" refuses unknown ones.
        registry: documents by URI, for references that leave the schema.
        on_unsupported: what happens to keywords that masks cannot enforce. "error" refuses them; "validate" leaves them
            out of the masks, and a text is complete only where it satisfies them (needs `guidedgen[validate]`); "relax"
            drops them. All are listed in the report.
        whitespace: "compact" is one line as `json.dumps` writes it (`", "` and `": "`), "flexible" takes any JSON
            whitespace between tokens, `Indent(2)` is the layout of `json.dumps(indent=2)`.
        limits: how much work and memory the schema may cost.
        draft: of a schema without `$schema`: 4, 6, 7, "2019-09" or "2020-12"; None lets it mix the keywords of all.
        strict_keywords: refuse keywords that look misspelled, instead of listing them in `report.warnings`.
        max_whitespace: the most characters in a run of flexible whitespace. This and the following bounds hold what a
            schema leaves endless; they never cut what it requires, and None (default) bounds nothing. A `max_tokens`
            budget steers towards the end without any of them.
        max_digits: the most digits of a number.
        max_string: the most characters of a string without maxLength.
        max_items: the most items of an array without maxItems.
    """

    schema: Mapping[str, Any] | bool | str
    property_order: Literal["schema", "any"] = field(default="schema", kw_only=True)
    format: Literal["assert", "annotation", "strict"] = field(default="assert", kw_only=True)
    registry: Mapping[str, Any] | None = field(default=None, kw_only=True)
    on_unsupported: Literal["error", "validate", "relax"] = field(default="error", kw_only=True)
    whitespace: Whitespace = field(default="compact", kw_only=True)
    limits: Limits | None = field(default=None, kw_only=True)
    draft: int | str | None = field(default=None, kw_only=True)
    strict_keywords: bool = field(default=False, kw_only=True)
    max_whitespace: int | None = field(default=None, kw_only=True)
    max_digits: int | None = field(default=None, kw_only=True)
    max_string: int | None = field(default=None, kw_only=True)
    max_items: int | None = field(default=None, kw_only=True)
    _closed: ClassVar[bool] = False  # an object that declares properties takes no others

    def __post_init__(self) -> None:
        refuse_file(self.schema, "a schema")
        if isinstance(self.schema, type):
            raise CompileError(f"{self.schema!r} is a type, not a schema", hint="Give the type itself as output.")

    def translate(self, limits: Limits) -> Translation:
        """Raises every kind of `CompileError`, with a JSON pointer, and `LimitExceeded`."""
        translation = translate_schema(self.schema, options=self._options(), limits=limits, bounds=self.bounds)
        self.__dict__["_check"] = translation.check
        return translation

    def compile_native(self, vocabulary: Vocabulary, limits: Limits) -> Form | None:
        """The native JSON machine's form; None: the schema is translated to a grammar."""
        form = form_of(self.schema, vocabulary, reading=self._reading(), limits=limits)
        if form is not None:
            self.__dict__["_check"] = form.check
        return form

    def node(self, limits: Limits) -> ir.Node:
        """The text as a part of a grammar."""
        return ir.JsonText(self.schema, self._options(), self.bounds)

    @property
    def bounds(self) -> Bounds:
        """The four of them."""
        return self._reading().bounds

    def _options(self) -> Options:
        return self._reading().options

    def _reading(self) -> Reading:
        """How it is read: one object for all schemas with the same settings, but for those that bring documents."""
        bounds = (self.max_whitespace, self.max_digits, self.max_string, self.max_items)
        names = (self.property_order, self.format, self.on_unsupported, self.whitespace, self.draft)
        settings = (*names, self.strict_keywords, self._closed, *bounds)
        if self.registry:
            known: Reading | None = self.__dict__.get("_own_reading")
            if known is None:
                known = self.__dict__["_own_reading"] = _made_reading(*settings, registry=self.registry)
            return known
        try:
            return _shared_reading(*settings)
        except TypeError:  # not hashable: making it says what is wrong
            return _made_reading(*settings)

    @cached_property
    def _check(self) -> Callable[[str], str | None] | None:
        """What is wrong with a text, where masks do not decide that."""
        return self.translate(self.limits or Limits()).check if self.on_unsupported == "validate" else None

    def parse(self, text: str) -> Any:
        """The JSON value.

        Raises:
            ValidationFailed: the text is no JSON, an object has a name twice, or it breaks a keyword that the report
                calls "validated".
        """
        value = parse_json(text)
        wrong = None if self._check is None else self._check(text)
        if wrong is not None:
            raise ValidationFailed(f"the value is not valid: {wrong}", raw=text)
        return value


def _made_reading(*settings: Any, registry: Mapping[str, Any] | None = None) -> Reading:
    order, format, on_unsupported, whitespace, draft, strict, closed, *bounds = settings
    options = Options(
        property_order=order,
        format=format,
        registry=registry or {},
        on_unsupported=on_unsupported,
        whitespace=whitespace,
        closed=closed,
        draft=draft_named(draft),
        strict_keywords=strict,
    )
    return Reading(options, Bounds(**dict(zip(("whitespace", "digits", "string", "items"), bounds, strict=True))))


# `typed`: 1 and True are not the same setting.
_shared_reading: Final = functools.lru_cache(maxsize=256, typed=True)(_made_reading)


def spec_of(output: Any) -> Spec[Any] | None:
    """The spec of an output type; None where it means free text (`None`, `str`).

    Takes specs, Python types and annotations, a list of options that are not types (a `Choice`), a list of types (their
    union), a dict that is a JSON Schema, and `Annotated[type, spec]`.

    Raises:
        CompileError: nothing of the kind.
    """
    if output is None or output is str:
        return None
    if isinstance(output, JsonSchema | TypeSpec | Regex | Choice | Lark):
        return output
    if isinstance(output, Spec) and not isinstance(output, type):  # many times slower: looks for each member
        return output
    if isinstance(output, Mapping):
        return _spec_of_dict(output)
    if isinstance(output, list | tuple):
        return _spec_of_list(output)
    return _annotated_spec(output) or TypeSpec(output)


def _annotated_spec(output: Any) -> Spec[Any] | None:
    """The spec that an annotation carries: `Annotated[str, Regex("[0-9]+")]` is that regex."""
    notes = get_args(output)[1:] if get_origin(output) is Annotated else ()
    found = [note for note in notes if isinstance(note, Spec) and not isinstance(note, type)]
    if len(found) > 1:
        raise CompileError(f"{output!r} carries several specs", hint="Leave one.")
    return found[0] if found else None


def _spec_of_dict(output: Mapping[str, Any]) -> JsonSchema:
    """A JSON Schema; not a dict of types or of examples, under which any JSON text would be valid."""
    typed = [name for name, value in output.items() if isinstance(value, type) or get_origin(value) is not None]
    if typed or (output and not KEYWORDS.keys() & output.keys()):
        raise CompileError(
            f"a dict as output type is a JSON Schema, but {typed[0] if typed else next(iter(output))!r} in it is not",
            hint="Declare fields in a TypedDict, a dataclass or a pydantic model.",
        )
    return JsonSchema(dict(output))


def _spec_of_list(options: Sequence[Any]) -> Spec[Any]:
    if options and all(isinstance(option, type) or get_origin(option) is not None for option in options):
        return TypeSpec(functools.reduce(operator.or_, options))
    return Choice(options)
