"""EBNF of ISO/IEC 14977 and of the XML specification: the details of both notations."""

from __future__ import annotations

import pytest

import guidedgen as gg
from guidedgen.grammars import ebnf_text
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.kernel.helpers import accepts, compile_grammar

TEMPLATE = r"""
[1]  Page   ::= (Text | Remark | Slot)*   /* any number of [parts] */
[2]  Remark ::= '{#' ((Sign - '#') | ('#' (Sign - '}')))* '#}'
[3]  Sign   ::= #x9 | #xA | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF]
[4]  Slot   ::= '{{' Blank? Word - (('i' | 'I') 'f' | "end") Blank? '}}'   [ wfc: declared before ]
[4a] Blank  ::= (#x20 | #x9)+
[5]  Word   ::= [A-Za-z_] [-A-Za-z0-9_.]*
[6]  Text   ::= [^{}]* - ([^{}]* '//' [^{}]*)
"""
PASCAL = r"""
(* a small (* nested *) language *)
program = { assignment, ";" }- ;
assignment = identifier, ":=", expression ;
expression = term, { ("+" | "-"), term } ;
term = factor, { ("*" | "/"), factor } ;
factor = identifier | unsigned number | "(", expression, ")" ;
identifier = small letter, { small letter | digit } ;
unsigned number = digit, { digit } ;
small letter = ? U+0061..U+007A ? ;
digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" ;
"""
SAMPLES: list[tuple[str, dict[str, str], list[str], list[str]]] = [
    (TEMPLATE, {"start": "Remark"}, ["{# a # b #}", "{##}", "{# ## #}"], ["{# a #} #}", "{###}", "{#"]),
    (TEMPLATE, {"start": "Slot"}, ["{{iff}}", "{{ x.y }}", "{{end-}}"], ["{{if}}", "{{ If }}", "{{end}}", "{{}}"]),
    (TEMPLATE, {"start": "Text"}, ["", "a/b", "/"], ["a//b", "{", "//"]),
    (TEMPLATE, {}, ["", "a{{b}}{# c #}d", "{{x}}{{y}}"], ["a{{if}}", "{", "a{# #"]),
    (PASCAL, {}, ["x:=1;", "a1:=(b+2)*3;b:=a1/4;"], ["", "x:=1", "x:=;", "1:=x;"]),
    ("e ::= e '+' t | t\nt ::= '(' e ')' | [0-9]+", {}, ["1+2+(3)"], ["1+", "()"]),
    ("a ::= 'b' ?", {"syntax": "w3c"}, ["", "b"], ["bb"]),
    ("Tag ::= '<' ([^<>{}^\\]-[#x00-#x20])* '>'", {}, ["<a#b>", "<>"], ["<a b>", "<\\>", "<a^>"]),
    ("a ::= '\\' [\"'] \"'\"", {}, ["\\'''"[:3]], ["'"]),
    ("a ::= [a-] [-b] [#@x]", {}, ["--x", "ab#"], ["-a@", "--y"]),
    ("a ::= 'x'* - 'xx'", {}, ["", "x", "xxx"], ["xx"]),
    ("a ::= b - c - d b ::= [a-e] c ::= 'a' d ::= 'b'", {}, ["c", "e"], ["a", "b", ""]),
    ("a = 3 * 'x', {'y'}- ;", {}, ["xxxy", "xxxyy"], ["xxx", "xxy"]),
    ("a = (/ 'x' /), (: 'y' :) ! 'z' / ? U+000A ?.", {}, ["xyy", "", "z", "\n"], ["zz", "yx"]),
    ("l = 'a' | 'b' | 'c'; w = l - 'b', (l - 'c');", {"start": "w"}, ["ab", "ca"], ["bb", "ac"]),
    ("w = 2 * 'a' - 'b', 'c' | ;", {}, ["aac", ""], ["ac"]),
    ('a = "\'" , \'"\', "\\n";', {}, ["'\"\\n"], ["'\"\n"]),
    ("x y = 'a', x\n y | 'b';", {}, ["b", "aab"], ["a"]),
    ("a = 'x' - ;b = a;", {"start": "b"}, ["x"], [""]),
    ("a = '';", {}, [""], ["a"]),
    ('a = "::=";', {"syntax": "auto"}, ["::="], [""]),
]


@pytest.mark.parametrize(("text", "options", "good", "bad"), SAMPLES)
def test_texts_of_sample_grammars(
    text: str, options: dict[str, str], good: list[str], bad: list[str], kernel: str
) -> None:
    compiled = compile_grammar(ebnf_text.parse(text, **options), kernel)  # type: ignore[arg-type]
    assert [sample for sample in good if not accepts(compiled, sample.encode())] == []
    assert [sample for sample in bad if accepts(compiled, sample.encode())] == []


@pytest.mark.parametrize("spec", [gg.Ebnf(TEMPLATE), gg.Ebnf(TEMPLATE, start="Text"), gg.Ebnf(PASCAL, syntax="iso")])
def test_the_laws_of_constraints(spec: gg.Ebnf) -> None:
    vocabulary = byte_vocabulary([b"#}{{", b":=", b"- ", b"a1"])
    check_constraint(gg.compile(spec, vocabulary), vocabulary, walks=4)
    assert spec.parse("x") == "x"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("a = ? any character ?;", "line 1, column 5: the special sequence ? any character ? has no meaning", "U+0030"),
        ("a = b - 'x';\nb = 'x', b | 'y';", "line 1, column 7: b is recursive", "not recursive"),
        ("a ::= 'x' - b\nb ::= 'y' b?", "line 1, column 11: b is recursive", "not recursive"),
    ],
)
def test_what_cannot_be_enforced_is_refused_by_name(text: str, message: str, hint: str) -> None:
    with pytest.raises(gg.UnsupportedFeature) as caught:
        ebnf_text.parse(text)
    assert message in str(caught.value)
    assert hint in str(caught.value.hint)


def test_the_notation_has_to_be_known() -> None:
    with pytest.raises(gg.CompileError, match="syntax 'abnf' is not known"):
        ebnf_text.parse("a = 'b'", syntax="abnf")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("a = { '(', a, ')' }- | 'x';", ["x", "(x)", "(x)((x)(x))"], ["", "()"]),
        ("a = [ '(', a, ')' ]- | 'x';", ["x", "(x)"], ["", "(x)(x)"]),
        ("a = ('(', { a }, ')')-;", ["()", "(()())"], [""]),
        ("a = { { '(', a, ')' }- }- | 'x';", ["x", "(x)(x)"], [""]),
    ],
)
def test_at_least_one_of_something_recursive(text: str, good: list[str], bad: list[str], kernel: str) -> None:
    compiled = compile_grammar(ebnf_text.parse(text), kernel)
    assert [sample for sample in good if not accepts(compiled, sample.encode())] == []
    assert [sample for sample in bad if accepts(compiled, sample.encode())] == []


def test_a_recursive_text_that_may_be_empty_has_to_be_written_otherwise() -> None:
    with pytest.raises(gg.UnsupportedFeature, match="is recursive"):
        ebnf_text.parse("a = ({ a, 'x' } | 'y')- ;")
