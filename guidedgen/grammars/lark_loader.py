"""Reads Lark text with lark's own loader and turns whatever goes wrong there into errors that name the place.

The only module that knows lark's classes besides `lark_text.py`. Nothing here knows what rules and terminals mean.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from lark import Tree
from lark.exceptions import LarkError, UnexpectedInput
from lark.grammar import Rule
from lark.lexer import TerminalDef
from lark.load_grammar import Grammar, load_grammar

from guidedgen.errors import CompileError, GrammarSyntaxError, LimitExceeded, UnsupportedFeature
from guidedgen.grammars.lark_hints import Fault, explained
from guidedgen.limits import Limits

_POSITION: Final = re.compile(r",? *at line (\d+),? column (\d+)[^\n]*")
_NAME: Final = re.compile(r"(?:defined: |used for )(\w+)|'([^']+)'")
_COMMENT: Final = re.compile(r'("(?:\\.|[^"\\\n])*"|/(?:\\.|[^/\\\n])+/)|//[^\n]*')

_WARNINGS: Final = threading.RLock()  # filters are the process's

# lark writes out every combination of optional parts; more alternatives than this in one rule are refused.
_MAX_ALTERNATIVES: Final = 50_000


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A grammar as lark compiled it: what `start` needs, and the names that the text defines."""

    terminals: Sequence[TerminalDef]
    rules: Sequence[Rule]
    ignored: Sequence[str]
    defined_rules: Sequence[str]
    defined_terminals: Sequence[str]


def load(
    text: str,
    *,
    start: str,
    import_paths: Iterable[str],
    limits: Limits,
    keep: Iterable[str] = (),
    keep_terminals: bool = False,
) -> Loaded:
    """Read and compile a grammar.

    Args:
        text: the grammar.
        start: the rule to begin with.
        import_paths: folders in which `%import` looks before lark's own library.
        keep: terminals that are needed although no rule may mention them.
        limits: `schema_bytes` bounds the text, `depth` its brackets, `symbols` what repetitions and optional parts
            expand to.
        keep_terminals: whether terminals that no rule names are loaded, too.

    Raises:
        GrammarSyntaxError: the text is no Lark grammar, or a name is not defined.
        UnsupportedFeature: templates that expand without end.
        LimitExceeded: see `limits`.
    """
    check_text(text, limits)
    read: Callable[..., tuple[Grammar, object]] = load_grammar  # without annotations in lark
    with lark_errors(text, limits):
        grammar, _ = read(text, "<string>", list(import_paths), False)
        _check_start(grammar, start, text)
        _check_size(grammar, limits)
        terminals, rules, ignored = grammar.compile([start], "*" if keep_terminals else set(keep))
    return Loaded(
        terminals=terminals,
        rules=rules,
        ignored=ignored,
        defined_rules=[name for name, *_ in grammar.rule_defs],
        defined_terminals=[name for name, _ in grammar.term_defs],
    )


def check_text(text: str, limits: Limits) -> None:
    """Refuse a text that is too long, or nests brackets too deep, before it is read."""
    limits.check("schema_bytes", len(text))
    limits.check("depth", _bracket_depth(text), "nested brackets")


def place_of(text: str, name: str) -> tuple[int | None, int | None]:
    """Return line and column where `name` is defined in a grammar, or first stands there, if it does."""
    bare = without_comments(text)
    word = rf"(?<!\w){re.escape(name)}(?!\w)"
    found = re.search(rf"^[ \t?!]*({word})[^:\n]*:", bare, re.MULTILINE) or re.search(f"({word})", bare)
    if found is None:
        return None, None
    place = found.start(1)
    return bare.count("\n", 0, place) + 1, place - bare.rfind("\n", 0, place)


def without_comments(text: str) -> str:
    """Blank out comments; offsets stay the same."""
    return _COMMENT.sub(lambda found: found[1] or " " * len(found[0]), text)


def _bracket_depth(text: str) -> int:
    """How deep the brackets of a grammar nest, those in strings and patterns left out."""
    depth = deepest = 0
    plain = _COMMENT.sub("", text)  # without quoted texts, too
    for bracket in re.findall(r"[()\[\]]", plain):
        depth += 1 if bracket in "([" else -1
        deepest = max(deepest, depth)
    return deepest


@contextmanager
def without_warnings() -> Iterator[None]:
    """`re` warns of classes that a later Python may read otherwise, as `[[a]`; here they mean what they mean today."""
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def in_order(terminals: Iterable[TerminalDef]) -> list[TerminalDef]:
    """Terminals as lark's lexers try them (lark 1.2, `lexer.py`: `BasicLexer.__init__`)."""
    with without_warnings():
        return sorted(terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name))


@contextmanager
def lark_errors(text: str, limits: Limits) -> Iterator[None]:
    """Turn what lark raises about the grammar `text` into errors of this package."""
    try:
        yield
    except CompileError:
        raise
    except UnexpectedInput as error:
        raise _syntax_error(text, str(error).splitlines()[0], error.line, error.column) from None
    except (LarkError, ValueError) as error:
        raise _from_message(text, str(error)) from None
    except TypeError as error:  # lark 1.3 compares a fault with examples of faults, and cannot print what it found
        raise _syntax_error(text, "lark cannot read the grammar", None, None, hint="Close all brackets.") from error
    except OSError as error:
        message = f"cannot import {error.filename}"
        raise _syntax_error(
            text, message, *place_of(text, _stem(error)), hint="Give its folder as an import path."
        ) from None
    except RecursionError:
        raise LimitExceeded("depth", limits.depth, "the grammar is nested deeper than lark reads") from None
    except AssertionError as error:
        what = str(error) or "a %declare'd terminal is used inside another terminal"
        raise UnsupportedFeature(
            f"lark refuses the grammar: {what}", hint="Define the terminal by a pattern."
        ) from None


def _stem(error: OSError) -> str:
    return str(error.filename).replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".lark")


def _from_message(text: str, message: str) -> GrammarSyntaxError:
    """Find the place in lark's message, or else that of the name which it quotes."""
    position = _POSITION.search(message)
    if position is not None:
        summary = message[: position.start()]
        return _syntax_error(text, summary, int(position[1]), int(position[2]))
    name = _NAME.search(message)
    place = (None, None) if name is None else place_of(text, name[1] or name[2])
    return _syntax_error(text, message.strip(), *place)


def _syntax_error(
    text: str, message: str, line: int | None, column: int | None, *, hint: str | None = None
) -> GrammarSyntaxError:
    known = line is not None and line > 0
    fault = Fault(message.rstrip("."), line if known else None, column if known else None)
    told = explained(text, fault) if hint is None else replace(fault, hint=hint)
    return GrammarSyntaxError(
        f"invalid Lark grammar: {told.message}", line=told.line, column=told.column, source=text, hint=told.hint
    )


def _check_start(grammar: Grammar, start: str, text: str) -> None:
    names = [name for name, params, *_ in grammar.rule_defs if not params]
    if start not in names:
        known = ", ".join(names) or "none"
        hint = f"Define it, or name another start rule (the grammar has: {known})."
        raise _syntax_error(text, f"the start rule {start!r} is not defined", 1, 1, hint=hint)


def _check_size(grammar: Grammar, limits: Limits) -> None:
    """Refuse what lark would expand for ever, or into more alternatives than fit in memory."""
    bound = min(limits.symbols, _MAX_ALTERNATIVES)
    rules: Sequence[tuple[str, Sequence[str], Tree[Any] | None, object]] = grammar.rule_defs
    for name, params, tree, _ in rules:
        if tree is None:
            hint = "Define it."
            raise UnsupportedFeature(f"rule {str(name)!r} is declared but has no body", keyword=str(name), hint=hint)
        if _alternatives(tree) > bound:
            raise LimitExceeded("symbols", bound, f"optional parts of rule {str(name)!r} give too many combinations")
        if params and _grows(tree, set(params)):
            raise UnsupportedFeature(
                f"the template {str(name)!r} hands a template with its own parameter to a template",
                keyword=str(name),
                hint="Expansion may never end: write the inner template as a rule.",
            )


def _grows(tree: Tree[Any], params: set[str]) -> bool:
    """Tell whether a template use has an argument that is itself a template use of one of `params`."""
    for use in tree.find_data("template_usage"):
        for argument in use.children[1:]:
            inner = argument.find_data("template_usage") if isinstance(argument, Tree) else ()
            if any(
                getattr(leaf, "name", None) in params for node in inner for leaf in node.scan_values(lambda _: True)
            ):
                return True
    return False


def _alternatives(tree: Tree[Any]) -> int:
    """Count the alternatives that lark makes of a rule: each optional part doubles them."""
    combine: Callable[[Iterable[int]], int] = sum if tree.data == "expansions" else _product
    count = combine(_alternatives(child) for child in tree.children if isinstance(child, Tree))
    if tree.data == "maybe":
        return count + 1
    if tree.data == "expr":
        return {"?": count + 1, "*": 2, "+": 1}.get(str(tree.children[1]), count)
    return count


def _product(counts: Iterable[int]) -> int:
    result = 1
    for count in counts:
        result = min(result * count, 10**9)
    return result
