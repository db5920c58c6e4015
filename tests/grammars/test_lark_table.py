"""What of Lark grammars goes with which parser and lexer: the table in the guide is what compiling says.

`python -m tests.grammars.test_lark_table` prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.testing import byte_vocabulary

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "lark.md"
COLUMNS = (
    ("earley", "dynamic"),
    ("earley", "dynamic_complete"),
    ("earley", "basic"),
    ("lalr", "contextual"),
    ("lalr", "basic"),
)
BLOCKS = 'start: (/[a-z]+/ ":" _NL _INDENT "x" _NL _DEDENT)+\n_NL: /(\\n[ ]*)+/\n%declare _INDENT _DEDENT\n'
ALL_OF_LARK = r"""
start: _list{item, ","} [tail] | start "+" item
_list{x, separator}: x (separator x)*
?item.2: NAME -> name | NUMBER~1..2
tail: "if"i item
NAME.-1: /[a-z]+/
%import common.INT -> NUMBER
%import common.WS
%ignore WS
%extend tail: "else" item
"""

FEATURES: dict[str, str | dict[str, Any]] = {
    "rules, templates, priorities, `%import`, `%ignore`, `%extend`, flags": ALL_OF_LARK,
    "blocks by indentation (`indent=`)": {"text": BLOCKS, "indent": gg.Indentation(newline="_NL")},
    r"what must not follow: `(?!...)`, `\b`, `$`": r'start: A "c"?' + "\nA: /a(?!b)/",
    "lazy quantifiers, flags within patterns: `.*?`, `(?i:...)`": 'start: A "c"\nA: /"(?i:b|[^"])*?"/',
    "atomic groups, possessive quantifiers: `(?>...)`, `x*+`": 'start: A "c"\nA: /(?>ab|b)[0-9]*+x?/',
    r"back-references: `(a)\1`": 'start: A "c"\nA: /(a)\\1/',
    "what must follow: `(?=...)`": 'start: A "b"\nA: /a+(?=b)/',
    r"the character before: `(?<!x)`, `\bif`": 'start: "x" A\nA: /(?<=x)a/',
    "several characters before: `(?<!ab)`": 'start: "x" A\nA: /(?<!ab)a/',
    "the character before, beside JSON": 'start: "x" A %json {"const": 1}\nA: /(?<=x)a/',
    "`%json`": 'start: "a" %json {"type": "object"}',
    "`%regex`, in rules and terminals": (
        'start: A %regex {"substring_words": "to be"}\nA: /b/ | %regex {"substring_chars": "ab"}'
    ),
    "special tokens": 'start: <a> "b" <[^1]>',
    "`&` and `~` on terminals": 'start: NAME "."\nNAME: /[a-z]+/ & ~"if"',
    "`%ignore` of such": 'start: "a" "b"\n%ignore I\nI: /[ -]/ & ~"-"',
    "`max_tokens`, `max_chars`": 'start: a "." a\na[max_tokens=3, max_chars=7]: /[^.]*/',
    "`stop`, `suffix`, `lazy`": 'start: a "x" b c\na[stop="x"]: /.*/\nb[suffix="y"]: /.*/\nc[lazy]: /.*z/',
    "`capture`": 'start: a "."\na[capture]: "b" c\nc: "d"*',
    "`temperature`": 'start: a "."\na[temperature=0.5]: "b" c\nc: "d"*',
    "`temperature` of a rule with JSON": 'start: a "."\na[temperature=0.5]: %json {"type": "object"}',
    "declared terminals: texts, types, schemas, grammars": {
        "text": 'start: A "," B\n%declare A B',
        "terminals": {"A": ["x", "y"], "B": gg.JsonSchema({"type": "array"})},
    },
    "declared terminals: functions": {"text": "start: A+\n%declare A", "terminals": {"A": lambda text: ["a"]}},
}


def goes(feature: str | dict[str, Any], parser: Any, lexer: Any) -> bool:
    options = {"text": feature} if isinstance(feature, str) else feature
    if "indent" in options and parser == "earley":
        return False
    try:
        gg.compile(gg.Lark(**options, parser=parser, lexer=lexer), byte_vocabulary(special=["<a>"]), cache=False)
    except gg.UnsupportedFeature as error:
        return not told(error)
    return True


def told(error: gg.UnsupportedFeature) -> bool:
    assert error.hint, "a refusal says what to do instead"
    return True


def table() -> str:
    head = ["", *(f'`"{parser}"`, `"{lexer}"`' for parser, lexer in COLUMNS)]
    lines = [head, ["---"] * len(head)]
    for name, feature in FEATURES.items():
        lines.append([name, *("yes" if goes(feature, *column) else "no" for column in COLUMNS)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def test_the_guide_has_the_table() -> None:
    pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")
    made = table()
    assert made in GUIDE.read_text(encoding="utf-8"), made


if __name__ == "__main__":
    show: Callable[[str], Any] = print
    show(table())
