"""Masks inside texts, where most tokens are plain content: the native kernel's short cuts against the reference kernel.

The vocabulary is large enough for all of them: subtrees that are taken whole, unfinished characters at the ends of
tokens, tokens longer than those for which counts may be left out.
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import guidedgen as gg

pytest.importorskip("guidedgen.kernel._native", reason="the native kernel is not built: run `make native`")

PIECES = [
    "a",
    "b",
    "e",
    "n",
    " ",
    "the",
    "x1",
    "-",
    "0",
    "é",
    "ß",
    "中",
    "文",
    "😀",
    '"',
    '",',
    '": ',
    "\\",
    "\\n",
    "\n",
    "}",
]
STRING = {"type": "string"}
SPECS = {
    "names in a grammar": gg.Lark(r"""
        start: "the " NAME (" then " NAME | ", " WORDS "-" NAME)*
        NAME: /[a-z0-9]+/
        WORDS: /[aben é中]+/
        """),
    "a text behind a word": gg.Regex(r"the (an )*(?s:.*)"),
    "a text up to a mark": gg.Tags([gg.Tag("nab", gg.Integer(), "x1"), gg.Tag("na中", None, "a")]),
    "a text without a word": gg.Regex(r"(?s)(?!.*abn).*"),
    "few characters but one": gg.Regex(r"[^b]{0,20}"),
    "few characters, then more": gg.Lark('start: a "b" a\na[max_chars=20]: /[^b]*/'),
    "some characters": gg.Lark('start: a "b" a\na[max_chars=45]: /[^b]*/'),
    "few tokens": gg.Lark('start: a "b" c\na[max_tokens=4]: /[^b]*/\nc[max_tokens=3]: /[^b中]+/'),
    "a text before another": gg.Lark('start: a "ana" "b"\na[stop="ana"]: /(.|\\n)*/'),
}
SCHEMAS = {
    "free": STRING,
    "short": {"type": "string", "maxLength": 7},
    "near the end of short tokens": {"type": "string", "minLength": 3, "maxLength": 40},
    "long": {"type": "string", "minLength": 50, "maxLength": 90},
    "words": {"type": "string", "pattern": "^(?:[^ ]+ ){0,30}[^ ]+$"},
    "few letters": {"type": "string", "pattern": "^[a-z0-9 -]*$"},
    "no é": {"type": "string", "pattern": "^[^é]*$"},
    "lengths of a pattern": {"type": "string", "pattern": "e", "maxLength": 60},
    "a word somewhere": {"type": "string", "pattern": "then"},
    "a word without another": {"type": "string", "pattern": "the", "not": {"pattern": "be|中b"}},
    "two of a few letters": {"type": "string", "pattern": "[aben]{2}", "maxLength": 50},
    "a few words of limited length": {"type": "string", "pattern": "^(?:[^ ]+ ){0,5}[^ ]+$", "maxLength": 45},
    "more words of limited length": {"type": "string", "pattern": r"^(?:\S+\s+){0,9}\S+$", "maxLength": 70},
    "one of two words, of limited length": {"type": "string", "pattern": "^[^x]*(?:the|中)[^x]*$", "maxLength": 38},
    "marks in pairs": {"type": "string", "pattern": "^(?:[^-0]|-[^-]*-|0[^0b]*0)*$"},
    "never a letter twice": {"type": "string", "not": {"pattern": "([aben])x?-?(?:aa|bb|ee|nn)"}},
    "names": {
        "type": "object",
        "properties": {"the": STRING, "then": STRING},
        "additionalProperties": {"type": "null"},
    },
    "names with a word": {
        "type": "object",
        "patternProperties": {"the": STRING, "na": {"type": "null"}},
        "minProperties": 1,
        "additionalProperties": False,
    },
    "names with either of two words": {
        "type": "object",
        "patternProperties": {"bean": STRING, "nabe-": {"type": "null"}, ".*": {}},
        "minProperties": 1,
    },
}


def _vocabulary() -> gg.Vocabulary:
    generator = random.Random(7)
    texts = {bytes([byte]) for byte in range(256)}
    texts |= {"".join(pair).encode() for pair in itertools.product(PIECES, repeat=2)}
    for length in (3, 4, 6, 12, 40):
        texts |= {"".join(generator.choices(PIECES, k=length)).encode() for _ in range(250)}
        texts |= {"".join(generator.choices(PIECES[:8], k=length)).encode() for _ in range(250)}
    texts |= {"".join(letters).encode() for letters in itertools.product("aben-", repeat=5)}  # trees with many nodes
    texts |= {text[:-1] for text in list(texts) if len(text) > 3 and text[-1] >= 0x80}
    texts |= {b"a" * count for count in range(30, 100, 3)}
    return gg.Vocabulary.from_tokens(sorted(texts))


@pytest.fixture(scope="module")
def vocabulary() -> gg.Vocabulary:
    return _vocabulary()


@pytest.mark.parametrize("name", [*SCHEMAS, *SPECS])
def test_both_kernels_allow_the_same(name: str, vocabulary: gg.Vocabulary) -> None:
    spec = SPECS.get(name) or gg.JsonSchema(SCHEMAS[name])
    pair = [gg.compile(spec, vocabulary, implementation=kernel).start() for kernel in ("native", "reference")]
    generator = np.random.default_rng(3)
    for _ in range(25):
        masks = [np.unpackbits(state.mask().view(np.uint8), bitorder="little") for state in pair]
        np.testing.assert_array_equal(*masks)
        allowed = np.flatnonzero(masks[0])
        if not allowed.size:
            break
        # Texts that go on are the interesting ones: prefer tokens without a quote.
        inner = [token for token in allowed if b'"' not in vocabulary.token_bytes(int(token))]
        token = int(generator.choice(inner or allowed))
        following = [state.advance(token) for state in pair]
        assert following[0] is not None
        assert following[1] is not None
        pair = [state for state in following if state is not None]
    assert [state.accepting for state in pair] == [pair[0].accepting] * 2


def test_a_state_within_a_mark_refers_to_the_ends_of_the_text_around_it() -> None:
    constraint = gg.compile(gg.Tags([gg.Tag("<nab>", gg.Integer(), "x1")]), _vocabulary(), cache=False)
    state = constraint.start()
    state.mask()
    whole = constraint.stats()["lexer_bytes"]
    for byte in b"<na":
        following = state.advance_bytes(bytes([byte]))
        assert following is not None
        state = following
        before = constraint.stats()
        state.mask()
        after = constraint.stats()
        assert after["trie_nodes_visited"] - before["trie_nodes_visited"] < 100
        assert after["lexer_bytes"] - before["lexer_bytes"] < whole / 100, "the ends were copied"
