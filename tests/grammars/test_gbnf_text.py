r"""GBNF as llama.cpp's guide describes it: the details of its notation, and grammars as people write them."""

from __future__ import annotations

import pytest

import guidedgen as gg
from guidedgen.grammars import gbnf_text
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.kernel.helpers import accepts, compile_grammar

JSON = r"""
# any JSON text with a record at its top
root   ::= blank record blank
value  ::= record | list | text | amount | "true" | "false" | "null"

record ::= (
    "{" blank
    (
        member          # at least one,
        (comma member)* # or several
    )?
    blank "}"
)
member ::= text blank ":" blank value
list   ::= "[" blank (value (comma value)*)? blank "]"
comma  ::= blank "," blank

text   ::= "\"" (plain | escape)* "\""
plain  ::= [^"\\\x00-\x1F]
escape ::= "\\" (["\\/bfnrt] | "u" [0-9A-Fa-f]{4})
amount ::= "-"? ("0" | [1-9] [0-9]{0,18}) ("." [0-9]+)? ([Ee] [+-]? [0-9]{1,3})?
blank  ::= | " " | [\r\n]+ [ \t]{0,40}
"""
ARITHMETIC = r"""
root     ::= equation+
equation ::= sum " = " sum ";"
sum      ::= sum (" + " | " - ") product | product    # llama.cpp refuses left recursion
product  ::= product [*/] power | power
power    ::= unit ("^" power)?
unit     ::= name | number | "(" sum ")"
name     ::= [a-z] [a-z0-9_]*
number   ::= [0-9]+ ("." [0-9]+)?
"""
CHESS = r"""
root      ::= turn+
turn      ::= [1-9] [0-9]{0,2} ". " move (" " move)? "\n"
move      ::= (castling | step) [+#]?
castling  ::= "O-O-O" | "O-O"
step      ::= man? origin? "x"? square promotion?
man       ::= [KQRBN]
origin    ::= [a-h] | [1-8] | square
square    ::= [a-h] [1-8]
promotion ::= "=" [QRBN]
"""
LIST = """root   ::= bullet{1,9}
bullet ::= ("* " | "- ") line
line   ::= [^\\r\\n*-] [^\\r\\n\\u2028\\u2029]* "\\n"
"""
SAMPLES = {
    "json": (
        JSON,
        ['{"a": [1, -2.5e3, "x\\"y"], "b": {}}', "{}", '\n{ "\\u00e9" : null\n} '],
        ["[]", '{"a" 1}', '{"a": 01}', '{"a": "\n"}', '{"a":  1}'],
    ),
    "arithmetic": (
        ARITHMETIC,
        ["1 + 2 = 3;", "(a_1 - 2)/b^c^2 = x;y = 1.5;"],
        ["1 + 2", "1 +  = 2;", " = 1;", "1+2 = 3;"],
    ),
    "chess": (
        CHESS,
        ["1. e4 e5\n2. Nf3 Nc6\n", "1. e4 e5\n12. O-O-O exd8=Q+\n"],
        ["1. e4", "1. e9 e5\n", "O-O"],
    ),
    "list": (LIST, ["- milk\n* brød\n"], ["milk\n", "- \n", "- a\u2028\n", "- a\n" * 10]),
    "endless rows": (r'root ::= .{3} "\U0001F600"?', ["abc", "a\nb😀"], ["ab", "abcd"]),
    "one line": ('root::=a|"b"\na::="c"{2,}', ["b", "cc", "ccc"], ["c", "a"]),
    "next line": ('root ::= "a"\n  | "b"\n  tail\ntail ::= "c"\n', ["a", "bc"], ["b", "ac"]),
    "after the bar": ('root ::= "a" |\n  "b"', ["a", "b"], ["", "ab"]),
    "returns": ('root ::= a\r\na ::= "x" # end\r\n', ["x"], ["", "xx"]),
    "names": ('root ::= a-b_c1 2nd\na-b_c1 ::= "x"\n2nd ::= "y"', ["xy"], ["x"]),
    "dashes": (r"root ::= [-a] [a-] [a\-c] [\[\]]", ["--a[", "aac]", "-a-]"], ["-ab[", "--a-"]),
    "sets": (r'root ::= [^a-y\n] [^"] ["\\]', ["zz\\", 'Az"'], ['az"', 'z""', "zza"]),
    "spaces": ('root ::= "a" * ( "b" | \n "c" ) { 2 , 3 } ?', ["", "aabc", "bcb"], ["b", "abcbc"]),
    "counts": ('root ::= "a"{2}{2} "b"{0,0}', ["aaaa"], ["aa", "aaaab"]),
    "empty": ('root ::= "" | () "x"', ["", "x"], ["xx"]),
    "quotes": (r'root ::= "\"\\\[\]\-\t\x41é\u00E9"', ['"\\[]-\tAéé'], ["x"]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_texts_of_sample_grammars(name: str, kernel: str) -> None:
    text, good, bad = SAMPLES[name]
    compiled = compile_grammar(gbnf_text.parse(text), kernel)
    assert [sample for sample in good if not accepts(compiled, sample.encode())] == []
    assert [sample for sample in bad if accepts(compiled, sample.encode())] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_the_laws_of_constraints(name: str) -> None:
    vocabulary = byte_vocabulary([b'": ', b"- a", b"ab", b" e4 e5\n"])
    check_constraint(gg.compile(gg.Gbnf(SAMPLES[name][0]), vocabulary), vocabulary, walks=4)


def test_another_rule_to_begin_with() -> None:
    compiled = gg.compile(gg.Gbnf(JSON, start="list"), byte_vocabulary())
    assert compiled.start().advance_bytes(b"[1]").accepting  # type: ignore[union-attr]


def test_large_counts_are_exact() -> None:
    """llama.cpp reads a maximum above 2000 as none."""
    compiled = gg.compile(gg.Gbnf('root ::= "a"{0,2500}'), byte_vocabulary())
    state = compiled.start().advance_bytes(b"a" * 2500)
    assert state is not None
    assert state.accepting
    assert not state.mask().any()


def test_long_texts(kernel: str) -> None:
    text = "long text " * 200
    grammar = f'root ::= "{text}" | item{{2}} "{text}" [a-z]\nitem ::= "{text}" | "(" root ")"'
    compiled = compile_grammar(gbnf_text.parse(grammar), kernel)
    good = [text, text * 3 + "x", f"({text}){text}{text}y"]
    assert [accepts(compiled, sample.encode()) for sample in good] == [True] * 3
    assert not accepts(compiled, (text + "x").encode())


TOKENS = byte_vocabulary([b"th"], special=["<think>", "</think>", "<|im_start|>"])


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (
            "root ::= <think> inner </think> .*\ninner ::= !</think>*",
            [[257, 258], [257, 97, 256, 258, 98]],
            [[257, 97], [97]],
        ),
        ('root ::= <[257]> "x"', [[257, 120]], [[120], [258, 120]]),
        ("root ::= <|im_start|> <[116]>", [[259, 116]], [[259, 256], [259]]),
        ('root ::= "t" <[256]>', [[116, 256]], [[116, 116, 104]]),
        ("root ::= !<[256]>{2}", [[116, 104], [257, 0]], [[256, 116], [116, 256], [260, 116]]),
    ],
)
def test_tokens(text: str, good: list[list[int]], bad: list[list[int]], kernel: str) -> None:
    constraint = gg.compile(gg.Gbnf(text), TOKENS, implementation=kernel)

    def complete(tokens: list[int]) -> bool:
        state = constraint.start()
        for token in tokens:
            after = state.advance(token)
            if after is None:
                return False
            state = after
        return state.accepting

    assert [tokens for tokens in good if not complete(tokens)] == []
    assert [tokens for tokens in bad if complete(tokens)] == []
    check_constraint(constraint, TOKENS, walks=4, bytes_only=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("root ::= <thinking>", "no special token '<thinking>'. Did you mean '<think>'"),
        ("root ::= <[999]>", "there is no token 999. The vocabulary has 261 tokens"),
        ("root ::= <[260]>", "token 260 ends the text"),
    ],
)
def test_tokens_that_a_vocabulary_has_not(text: str, message: str) -> None:
    with pytest.raises(gg.CompileError, match=message.replace("[", "\\[")):
        gg.compile(gg.Gbnf(text), TOKENS)
