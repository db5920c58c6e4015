r"""GBNF as llama.cpp's guide describes it: the details of its notation, and grammars as people write them."""

from __future__ import annotations

import pytest

import guidedgen as gg
from guidedgen.grammars import gbnf_text
from guidedgen.testing import byte_vocabulary, check_constraint
from tests.kernel.helpers import accepts, compile_grammar

JSON = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::= "[" ws (value ("," ws value)*)? "]" ws

string ::= "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws

number ::= "-"? ([0-9] | [1-9] [0-9]{1,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,3})? ws

# no more than one line break
ws ::= | " " | "\n" [ \t]{0,20}
"""
ARITHMETIC = r"""
root  ::= (expr "=" ws term "\n")+
expr  ::= expr [-+*/] ws term | term        # llama.cpp refuses left recursion
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
"""
CHESS = r"""
root ::= (
    # the first move has no number before it but 1
    "1. " move " " move "\n"
    ([1-9] [0-9]? ". " move " " move "\n")+
)
move    ::= (pawn | piece | castle) [+#]?
piece   ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn    ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle  ::= "O-O" "-O"?
"""
LIST = 'root ::= item+\nitem ::= "- " [^\\r\\n\\x0b\\x0c\\x85\\u2028\\u2029]+ "\\n"\n'
SAMPLES = {
    "json": (
        JSON,
        ['{"a": [1, -2.5e3, "x\\"y"], "b": {}}', "{}", '{ "\\u00e9": null\n}'],
        ["[]", '{"a" 1}', '{"a": 01}', '{"a": "\n"}', '{"a":  1}'],
    ),
    "arithmetic": (ARITHMETIC, ["1+2=3\n", "(a_1 * 2) / b= x\ny=z\n"], ["1+2\n", "1+=2\n", "=1\n"]),
    "chess": (
        CHESS,
        ["1. e4 e5\n2. Nf3 Nc6\n", "1. e4 e5\n12. O-O-O exd8=Q+\n"],
        ["1. e4 e5\n", "1. e9 e5\n2. a1 a1\n"],
    ),
    "list": (LIST, ["- milk\n- brød\n"], ["milk\n", "- \n", "- a\u2028\n"]),
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
    compiled = gg.compile(gg.Gbnf(JSON, start="array"), byte_vocabulary())
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
