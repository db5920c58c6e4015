"""Regular expressions as text: Python's `re` syntax and ECMA-262, to expressions over characters or UTF-8 bytes.

The language of a Python pattern is what `re.fullmatch` accepts. So `a$` is exactly "a", and `a$\\n?` also "a\\n": `$`
holds before a newline that ends the text, as in `re`. The language of an ECMA pattern in JSON Schema is what an
unanchored search accepts (JSON Schema Core 2020-12, section 6.4): `parse_search`. Lazy quantifiers have the language of
greedy ones. Whatever is valid but not translated exactly raises `UnsupportedFeature` with its column.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, TypeAlias

from guidedgen.errors import LimitExceeded
from guidedgen.grammars import char_regex as cr
from guidedgen.grammars import ir
from guidedgen.grammars.looking_back import places_looking_back
from guidedgen.grammars.regex_assertions import without_tests
from guidedgen.grammars.regex_ecma import parse_ecma
from guidedgen.grammars.regex_parser import unsupported_error
from guidedgen.grammars.regex_python import parse_python
from guidedgen.grammars.regex_tree import Tree, edge_tests, serial
from guidedgen.limits import Limits

Syntax: TypeAlias = Literal["python", "ecma"]

_PARSERS: Final = {"python": parse_python, "ecma": parse_ecma}
_DEFAULT_LIMITS: Final = Limits()


@lru_cache(maxsize=1024)
def parse(pattern: str, *, syntax: Syntax = "python", limits: Limits = _DEFAULT_LIMITS) -> ir.Expression:
    """Return the UTF-8 texts that `pattern` matches from end to end.

    Raises:
        GrammarSyntaxError: the pattern is not valid; with line, column and a caret.
        UnsupportedFeature: it is valid, but a construct is not regular or not supported.
        LimitExceeded: its length, nesting or a count is above `limits`.
    """
    return cr.to_utf8(parse_chars(pattern, syntax=syntax, limits=limits))


def parse_search(pattern: str, *, limits: Limits = _DEFAULT_LIMITS) -> cr.Regex:
    """Return the texts that contain a match of an ECMA-262 pattern; raises as `parse` does."""
    return parse_chars(pattern, syntax="ecma", search=True, limits=limits)


@lru_cache(maxsize=1024)
def parse_chars(
    pattern: str, *, syntax: Syntax = "python", search: bool = False, limits: Limits = _DEFAULT_LIMITS
) -> cr.Regex:
    """Return the texts that `pattern` matches, as an expression over characters; raises as `parse` does.

    Args:
        pattern: the text of the regular expression.
        syntax: the dialect it is written in.
        search: whether a match anywhere in the text is enough.
        limits: bounds on length, nesting and counts.
    """
    tree = _PARSERS[syntax](pattern, limits)
    return _translate(serial([cr.ANY_TEXT, tree, cr.ANY_TEXT]) if search else tree, pattern, limits)


@lru_cache(maxsize=1024)
def parse_terminal(pattern: str, *, limits: Limits = _DEFAULT_LIMITS, at_end: bool = False) -> cr.Regex:
    """Return the texts that a Python pattern matches inside a longer text that is not known.

    Here lazy quantifiers matter: `".*?"` ends at the first quote, as in `re.match`.

    Args:
        pattern: the text of the regular expression.
        limits: bounds on length, nesting and counts.
        at_end: whether nothing follows, so that tests of the text after are decided.

    Raises:
        UnsupportedFeature: also where a test at the pattern's edge could look at the text around, and where it is not
            plain where a lazy quantifier stops.
    """
    tree = parse_python(pattern, limits, keep_lazy=True)
    for places, what in ((places_looking_back(tree), "before"), (edge_tests(tree, left=False), "after")):
        if places and not (at_end and what == "after"):
            hint = "Say in the grammar what may stand there."
            raise unsupported_error(pattern, f"a test of the text {what} the terminal", min(places), hint=hint)
    return _translate(tree, pattern, limits)


def _translate(tree: Tree, pattern: str, limits: Limits) -> cr.Regex:
    try:
        return without_tests(tree, lambda what, place: unsupported_error(pattern, what, place))
    except RecursionError:
        raise LimitExceeded("depth", limits.depth, "groups with tests of the text around are nested too deep") from None
