"""Parts of a text that may take so many tokens or characters. Oracle: all splits of all short token sequences."""

from __future__ import annotations

import itertools
import random
import re

import pytest

import guidedgen as gg
from guidedgen.grammars import ir
from guidedgen.grammars.embedding import node_of
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts, byte_vocabulary, check_constraint
from guidedgen.vocabulary import Vocabulary
from tests.grammars.whole import Whole

PIECES = [b"a", b"b", b".", b"ab", b"b.", b".a", b"ba.", b""]
SMALL = Vocabulary.from_tokens(PIECES, eos=["<eos>"], special={"<eos>": 7})
WIDE = byte_vocabulary([b"ab", b"abc", b"a.", b"c.d", b"bc", b".ab", "é".encode(), "éa".encode(), b"xx"])


def regex(pattern: str) -> ir.Node:
    return node_of(gg.Regex(pattern))


def compiled(start: ir.Node, vocabulary: Vocabulary, kernel: str) -> gg.Constraint:
    return gg.compile(Whole(start), vocabulary, implementation=kernel)


def tokens_within(lengths: list[int], first: int, last: int) -> int:
    """How many tokens have a byte in [first, last)."""
    ends = list(itertools.accumulate(lengths))
    return sum(1 for end, length in zip(ends, lengths, strict=True) if end - length < last and end > first)


def is_valid(pieces: tuple[str, ...], before: str, body: str, most: int, after: str) -> bool:
    """Whether the text splits into three parts of which the middle one takes so many tokens at most."""
    text, lengths = "".join(pieces), [len(piece) for piece in pieces]
    return any(
        re.fullmatch(before, text[:i])
        and re.fullmatch(body, text[i:j])
        and re.fullmatch(after, text[j:])
        and tokens_within(lengths, i, j) <= most
        for i in range(len(text) + 1)
        for j in range(i, len(text) + 1)
    )


@pytest.mark.parametrize(
    ("before", "body", "most", "after"),
    [("", "[ab]*", 2, r"\."), (r"\.?", "[ab]+", 1, r"\.a?"), ("a*", "(ab)+", 2, r"\.|b\."), ("", "[ab.]*", 3, "")],
)
def test_token_sequences_are_those_that_split_within_the_limit(
    before: str, body: str, most: int, after: str, kernel: str
) -> None:
    start = ir.Sequence((regex(before), ir.Limited(regex(body), max_tokens=most), regex(after)))
    constraint = compiled(start, SMALL, kernel)
    longest = 5
    texts = [SMALL.token_bytes(token).decode() for token in range(7)]
    complete = {
        tokens
        for count in range(longest + 1)
        for tokens in itertools.product(range(7), repeat=count)
        if is_valid(tuple(texts[token] for token in tokens), before, body, most, after)
    }
    begun = {tokens[:count] for tokens in complete for count in range(len(tokens) + 1)}
    level = {(): constraint.start()}
    for count in range(longest):
        assert {tokens for tokens, state in level.items() if state.accepting} == {
            t for t in complete if len(t) == count
        }
        after_one = {}
        for tokens, state in level.items():
            allowed = set(allowed_tokens(state.mask()).tolist())
            assert allowed == {token for token in range(8) if state.advance(token) is not None}
            for token in allowed:
                after_one[(*tokens, token)] = state.advance(token)
        level = after_one
        if count < longest - 2:  # whatever was begun is complete within the lengths that are looked at
            assert set(level) == {tokens for tokens in begun if len(tokens) == count + 1}


def grammars() -> dict[str, ir.Node]:
    dot = regex(r"\.")
    long = ir.Limited(regex("[a-z]{5,8}"), max_tokens=6, max_chars=7)
    return {
        "text": ir.Sequence((ir.Limited(regex("[^.]*"), max_tokens=3), dot)),
        "one of two": ir.Sequence((ir.Limited(regex("abcabc|ab"), max_tokens=2), dot)),
        "repeated": ir.Repetition(ir.Sequence((ir.Limited(regex("(abc)+"), max_tokens=2), dot)), 1, 3),
        "two in a row": ir.Sequence((long, ir.Choice((dot, ir.Limited(regex("[a-z.]+"), max_tokens=1))))),
        "of parts": ir.Sequence((ir.Limited(ir.Repetition(regex("ab|c"), 1, 4), max_tokens=2), regex("[d.]*"))),
    }


@pytest.mark.parametrize("name", grammars())
def test_laws(name: str, kernel: str) -> None:
    check_constraint(compiled(grammars()[name], WIDE, kernel), WIDE, bytes_only=False)


@pytest.mark.parametrize("name", grammars())
def test_kernels_agree_on_masks_budgets_and_completions(name: str) -> None:
    pair = [gg.compile(Whole(grammars()[name]), WIDE, implementation=kernel) for kernel in ("native", "reference")]
    for seed in range(12):
        chance = random.Random(seed)
        native, reference = (constraint.start() for constraint in pair)
        for _ in range(10):
            for budget in (None, 1, 2, 4):
                assert (native.mask(budget) == reference.mask(budget)).all()
            assert native.accepting == reference.accepting
            assert native.shortest() == reference.shortest()
            if not (allowed := allowed_tokens(native.mask()).tolist()):
                break
            token = chance.choice(allowed)
            native, reference = native.advance(token), reference.advance(token)
            assert native is not None
            assert reference is not None


def test_shortest_completions_keep_to_the_limit(kernel: str) -> None:
    """The fewest tokens for the whole text would cut the part in two."""
    vocabulary = byte_vocabulary([b"ab", b"bcd"])
    start = ir.Sequence((ir.Limited(regex("ab"), max_tokens=1), regex("cd")))
    state = gg.compile(Whole(start), vocabulary, implementation=kernel).start()
    assert [vocabulary.token_bytes(token) for token in state.shortest()] == [b"ab", b"c", b"d"]
    assert allowed_tokens(state.mask()).tolist() == [256]
    assert not state.mask(2).any()
    assert allowed_tokens(state.mask(3)).tolist() == [256]


def test_characters(kernel: str) -> None:
    constraint = compiled(ir.Sequence((ir.Limited(regex("(é|ab)*"), max_chars=3), regex("!"))), WIDE, kernel)
    wanted = {"ééé!": True, "abé!": True, "abab!": False, "!": True, "éééé!": False}
    assert {text: accepts(constraint, text, WIDE) for text in wanted} == wanted
    check_constraint(constraint, WIDE)


def test_a_limit_that_nothing_can_keep_is_refused(kernel: str) -> None:
    with pytest.raises(gg.UnsatisfiableSchema):
        compiled(ir.Limited(regex("xyz"), max_tokens=2), WIDE, kernel)
    assert accepts(compiled(ir.Limited(regex("abc"), max_tokens=1), WIDE, kernel), "", WIDE) is False


def test_no_token_at_all_means_the_empty_text(kernel: str) -> None:
    constraint = compiled(ir.Sequence((ir.Limited(regex("a*"), max_tokens=0), regex("b"))), WIDE, kernel)
    assert [WIDE.token_bytes(token) for token in allowed_tokens(constraint.start().mask())] == [b"b"]


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (node_of(gg.Lark('start: "(" start ")" | "x"')), "recursive rule 'start'"),
        (node_of(gg.JsonSchema({"type": "object"})), "JSON"),
        (ir.SpecialToken("<eos>"), "special token"),
    ],
)
def test_limits_on_what_is_no_plain_text_are_refused(node: ir.Node, message: str) -> None:
    with pytest.raises(gg.UnsupportedFeature, match=message):
        compiled(ir.Limited(node, max_tokens=3), WIDE, "reference")
