"""Grammars and patterns that mean harm, by name: what `test_hostile.py` has compiled under hard limits.

Each is a function that makes the text; how it is read, by every lexer or one dialect, is said where it is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
from guidedgen.grammars.specs import Lark, Regex

Specs: TypeAlias = Mapping[str, Callable[[], Any]]
HOSTILE: dict[str, Callable[[], Specs]] = {}

EARLEY = ("dynamic", "dynamic_complete", "basic")
LALR = ("contextual", "basic")
_LARK_READS = 100_000


def _lark(text: str) -> Specs:
    earley = {f"earley {lexer}": partial(Lark, text, lexer=lexer) for lexer in EARLEY}
    return earley | {f"lalr {lexer}": partial(Lark, text, parser="lalr", lexer=lexer) for lexer in LALR}


def _regex(text: str) -> Specs:
    """As a whole, and as a terminal where lark itself can be expected to read it."""
    slashes = text.replace("/", "\\/")
    whole = {syntax: partial(Regex, text, syntax=syntax) for syntax in ("python", "ecma")}
    if len(text) > _LARK_READS:
        return whole
    return whole | {"terminal": partial(Lark, f"start: T\nT: /{slashes}/\n")}


def _registered(read: Callable[[str], Specs]) -> Callable[[Callable[[], str]], Callable[[], str]]:
    def register(make: Callable[[], str]) -> Callable[[], str]:
        HOSTILE[make.__name__] = lambda: read(make())
        return make

    return register


lark = _registered(_lark)
regex = _registered(_regex)
gbnf = _registered(lambda text: {"gbnf": partial(Gbnf, text)})
w3c = _registered(lambda text: {"w3c": partial(Ebnf, text, syntax="w3c")})
iso = _registered(lambda text: {"iso": partial(Ebnf, text, syntax="iso")})


# --- rules that derive the empty text, or themselves


@lark
def nullable_loops() -> str:
    return 'start: a*\na: b* c*\nb: a? "x"?\nc: (a | b)*\n'


@lark
def nullable_left_recursion() -> str:
    return 'start: a\na: e a "x" | "y"\ne: e e | \n'


@lark
def rules_in_a_circle() -> str:
    return "start: r0\n" + "".join(f'r{n}: r{(n + 1) % 500} | "{n}"\n' for n in range(500))


@lark
def reductions_without_end() -> str:
    return 'start: a "!"\na.2: a | b | "x"\nb.3: a | e b\n  | e\ne.5: \n'


@lark
def empty_texts_that_double() -> str:
    lines = [f"r{n}: r{n + 1} r{n + 1}" for n in range(40)]
    return "\n".join(['start: r0 "x"', *lines, "r40: ", ""])


@lark
def texts_that_double() -> str:
    lines = [f"r{n}: r{n + 1} r{n + 1}" for n in range(40)]
    return "\n".join(["start: r0", *lines, 'r40: "x"', ""])


@gbnf
def nullable_loops_in_gbnf() -> str:
    return 'root ::= a*\na ::= b* a* | ""\nb ::= (a | b)* "x"?\n'


@w3c
def nullable_loops_in_w3c() -> str:
    return "root ::= a*\na ::= b* a* | ''\nb ::= (a | b)* 'x'?\n"


@iso
def nullable_loops_in_iso() -> str:
    return "root = {a};\na = {b}, {a} | ;\nb = {a | b}, ['x'];\n"


# --- ambiguity


@lark
def every_tree() -> str:
    return 'start: e\ne: e e | e e e | "a" | "(" e ")"\n'


@lark
def every_split() -> str:
    return "start: (A | B | C | D)*\nA: /a+/\nB: /a+b?/\nC: /(aa)+/\nD: /[ab]+/\n"


@lark
def ignored_texts_that_are_terminals() -> str:
    return 'start: (A | B)*\nA: /[ab ]+/\nB: /[b ]+c?/\n%ignore /[ a]+/\n%ignore " "\n%ignore /b+ /\n'


@lark
def operators_of_many_levels() -> str:
    lines = [f'e{n}: e{n} "o{n}" e{n} | e{n + 1} | "u{n}" e{n}' for n in range(60)]
    return "\n".join(["start: e0", *lines, 'e60: "(" e0 ")" | /[a-z]+/ | /[a-z]+[0-9]/', ""])


@lark
def palindromes() -> str:
    return "start: p\np: " + " | ".join(f'"{c}" p "{c}"' for c in "abcdefgh") + ' | "x" | p p\n'


# --- counts


@lark
def huge_counts() -> str:
    return 'start: (a~5..2000000000 "b")~100000000..2000000000\na: "x"~0..1000000000\n'


@lark
def counts_that_lark_writes_out() -> str:
    return "start: " + "(" * 6 + '"a" "b"' + "~40..60)" * 6 + "\n"


@lark
def counted_characters() -> str:
    return "start: T*\nT: /(([ab]{0,3000}c?){0,3000}d?){0,3000}/\n"


@gbnf
def huge_counts_in_gbnf() -> str:
    return 'root ::= (a{5,2000000000} "b"){100000000,2000000000}\na ::= "x"{0,1000000000} "y"\n'


@w3c
def huge_classes_in_w3c() -> str:
    return "root ::= " + " ".join(f"[^#x{n:X}-#x{n + 900:X}]*" for n in range(0x100, 0xD000, 997)) + "\n"


@iso
def huge_counts_in_iso() -> str:
    return 'root = 100000000 * (2000000000 * (["x"], "y"), "b");\n'


@regex
def nested_counts() -> str:
    return "((((a{0,900}b?){0,900}c?){0,900}d?){0,900}e?){0,900}"


# --- nesting and size


@lark
def deep_groups() -> str:
    return "start: " + "(" * 3000 + '"a"' + ")" * 3000 + "\n"


@lark
def deep_repetitions() -> str:
    return "start: " + "(" * 300 + '"a"' + '"b")*' * 300 + "\n"


@lark
def deep_templates() -> str:
    lines = [f"t{n}{{x}}: t{n + 1}{{x}} t{n + 1}{{x}}" for n in range(25)]
    return "\n".join(["start: t0{A}", *lines, "t25{x}: x", 'A: "a"', ""])


@lark
def templates_that_grow() -> str:
    return 'start: t{"a"}\nt{x}: x | u{x}\nu{x}: "(" x ")"\n' + "".join(
        f"v{n}{{x}}: v{n + 1}{{x}} v{n + 1}{{x}}\n" for n in range(20)
    )


@lark
def many_rules() -> str:
    lines = [f'r{n}: "a{n}" r{(7 * n + 1) % 800} | "b"' for n in range(800)]
    return "\n".join(["start: r0", *lines, ""])


@lark
def many_terminals() -> str:
    names = [f"T{n}" for n in range(250)]
    lines = [f"{name}: /[a-z]*{n}[a-z]*/" for n, name in enumerate(names)]
    return "\n".join([f"start: ({' | '.join(names)})*", *lines, ""])


@lark
def keywords_in_a_pattern() -> str:
    words = " | ".join(f'"k{n}x{n * n}"' for n in range(3000))
    return f"start: (KEYWORD | NAME)*\nKEYWORD: {words}\nNAME: /k[0-9x]*/\n%ignore / +/\n"


@lark
def what_must_follow_far_away() -> str:
    return "start: (A | B | C)*\nA: /[a-z]{1,300}(?=.{300}x)/\nB: /(?=.{400}y)[0-9]+/\nC: /[ab]+(?=(?:a|b){40}c)/\n"


@lark
def words_that_something_must_follow() -> str:
    words = "|".join(f"w{number}" for number in range(400))
    return f"start: (WORD | BEFORE | /./)*\nWORD: /(?:{words})+(?=[^w]|w[0-9]{{1,60}}$)/\nBEFORE: /(?<![{words}])x/\n"


@gbnf
def deep_groups_in_gbnf() -> str:
    return "root ::= " + "(" * 5000 + '"a"' + ")*" * 5000 + "\n"


@w3c
def deep_groups_in_w3c() -> str:
    return "root ::= " + "(" * 5000 + "'a'" + ")*" * 5000 + "\n"


@iso
def deep_groups_in_iso() -> str:
    return "root = " + "[" * 5000 + "'a'" + "]" * 5000 + ";\n"


@gbnf
def a_long_line_in_gbnf() -> str:
    return "root ::= " + " | ".join(f'"{n}"' for n in range(20_000)) + "\n"


# --- patterns


@regex
def a_pattern_of_a_megabyte() -> str:
    return "(" + "|".join(f"w{n}a*" for n in range(130_000)) + ")"


@regex
def a_literal_of_a_megabyte() -> str:
    return "ab" * 500_000


@regex
def very_many_classes() -> str:
    return "".join(f"[a-{chr(0x100 + n % 9000)}]" for n in range(40_000))


@regex
def nested_stars() -> str:
    return "(" * 400 + "a" + "b?)*" * 400


@regex
def deep_pattern() -> str:
    return "(" * 20_000 + "a" + ")" * 20_000


@regex
def far_from_the_end() -> str:
    return "(a|b)*a(a|b){60}c"


@regex
def look_ahead_at_every_step() -> str:
    return "(?=.*a.{9}x)(?=.*b.{9}y)(?=.*c.{11}z)(?!.*d.{12}w).*"


@regex
def many_look_aheads() -> str:
    return "".join(f"(?!.*{c}.{{{n}}}{c})" for n, c in enumerate("abcdefghijkl")) + "[a-l]*"


@regex
def look_aheads_in_loops() -> str:
    return "((?!a{3,30}b)[ab]|(?!b{7}a)[bc]){0,300}"


@regex
def lazy_and_greedy() -> str:
    return "(a*?b*?|a+b??|(ab)*?){0,40}(a|ab|abc)*?c"


@lark
def terminals_that_differ_in_the_end() -> str:
    return "start: (A | B | C)*\nA: /[ab]*a[ab]{12}x/\nB: /[ab]*b[ab]{11}y/\nC: /[ab]*a[ab]{10}/\n"


@lark
def conjunctions_and_complements() -> str:
    parts = " & ".join(f"~(/[ab]*a[ab]{{{n}}}a[ab]*/)" for n in range(3, 15))
    return f"start: T\nT: /[ab]*/ & {parts}\n"


@lark
def limits_within_limits() -> str:
    return "start: (a b)*\na[max_tokens=100000]: /([ab]|cd){0,5000}x/\nb[max_chars=100000]: /(a.*b|.*c){1,50}/\n"


@lark
def schemas_side_by_side() -> str:
    schema = '{"type": "object", "patternProperties": {"^a+$": {"type": "array"}, "a.*b": {"minItems": 3}}}'
    return (
        "start: "
        + " | ".join([f"%json {schema} r{n}" for n in range(30)])
        + "\n"
        + "".join(f'r{n}: "{n}"? start | "."\n' for n in range(30))
    )


@lark
def numbers_of_substrings() -> str:
    words = " ".join(f"w{n % 50}" for n in range(1900))
    return f'start: (A "," )*\nA: %regex {{"substring_words": "{words}"}}\n'
