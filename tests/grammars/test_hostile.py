"""Grammars and patterns that mean harm: each compiles, or ends in a typed error, within seconds and a gigabyte.

Each runs in a process with hard limits, with every lexer and parser that it is for, and with fifty random tokens after
it is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guidedgen.errors import CompileError, LimitExceeded
from guidedgen.grammars.regex_text import parse
from guidedgen.grammars.specs import Lark
from guidedgen.limits import Limits
from tests.grammars.hostile import HOSTILE
from tests.hostile_process import SECONDS, Ask, worker
from tests.kernel.helpers import compile_grammar

ENDS = (
    *("LimitExceeded", "UnsatisfiableSchema", "UnsupportedFeature", "CompileError", "GrammarSyntaxError"),
    "compiled",
)

# What has to come of some of them; the others may do better one day.
EXPECTED = {
    "nullable_loops": {"earley dynamic": "compiled, 50 tokens"},
    "reductions_without_end": {"earley dynamic": "compiled", "lalr contextual": "compiled"},
    "empty_texts_that_double": {"earley basic": "compiled, 1 tokens", "lalr basic": "LimitExceeded(steps)"},
    "texts_that_double": {"earley dynamic": "compiled, 50 tokens", "lalr contextual": "compiled, 50 tokens"},
    "every_tree": {"earley dynamic": "compiled, 50 tokens", "lalr contextual": "GrammarSyntaxError"},
    "huge_counts_in_gbnf": {"gbnf": "compiled, 50 tokens"},
    "deep_groups": {"earley dynamic": "LimitExceeded(depth)", "lalr contextual": "LimitExceeded(depth)"},
    "deep_groups_in_gbnf": {"gbnf": "LimitExceeded(depth)"},
    "deep_groups_in_w3c": {"w3c": "LimitExceeded(depth)"},
    "deep_groups_in_iso": {"iso": "LimitExceeded(depth)"},
    "nested_counts": {"python": "compiled, 50 tokens", "ecma": "compiled, 50 tokens"},
    "deep_pattern": {"python": "LimitExceeded(depth)", "ecma": "LimitExceeded(depth)"},
}
# Seconds each: `make slow` runs them.
_LONG = """
rules_in_a_circle operators_of_many_levels many_rules many_terminals keywords_in_a_pattern a_long_line_in_gbnf
a_pattern_of_a_megabyte a_literal_of_a_megabyte very_many_classes ignored_texts_that_are_terminals huge_counts
look_ahead_at_every_step many_look_aheads look_aheads_in_loops lazy_and_greedy terminals_that_differ_in_the_end
conjunctions_and_complements limits_within_limits schemas_side_by_side numbers_of_substrings deep_repetitions
"""
LONG = frozenset(_LONG.split())


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    with worker("tests.grammars.hostile_worker") as answer:
        yield answer


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in HOSTILE]
)
def test_ends_quickly_in_little_memory(ask: Ask, name: str) -> None:
    result = ask(name)
    for called in HOSTILE[name]():
        assert result.get(called, "").startswith(EXPECTED.get(name, {}).get(called, ENDS)), result
        assert result[f"{called}_seconds"] < 2 * SECONDS, result
    assert result["mebibytes"] < 1200, result


def test_every_case_that_is_named_exists() -> None:
    assert set(HOSTILE) >= LONG
    assert set(EXPECTED) <= set(HOSTILE)


def test_a_pattern_that_takes_long_to_read_ends_in_a_limit() -> None:
    with pytest.raises(LimitExceeded, match=r"milliseconds=1 .*Limits\(milliseconds=\.\.\.\)"):
        parse("[ab]" * 50_000, limits=Limits(milliseconds=1))


REDUCTIONS = {
    "a rule that is itself": 'start: a\na.2: a | "x"',
    "two rules that are each other": 'start: a\na.2: b | "x"\nb.2: a',
    "empty rules for ever": 'start: x "!"\nx.2: e x\n  | e\ne.5: ',
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_without_end_read_nothing(name: str, kernel: str) -> None:
    """lark's parser never returns from such a text; no text is accepted that way."""
    grammar = Lark(REDUCTIONS[name], parser="lalr").translate(Limits()).grammar
    assert grammar is not None
    with pytest.raises(CompileError, match=r"no text|derives no"):
        compile_grammar(grammar, kernel)


def test_lark_cannot_say_what_is_wrong() -> None:
    """Found by fuzzing: lark 1.3 raises a TypeError while it looks for an example of the fault."""
    with pytest.raises(CompileError, match="lark cannot read the grammar"):
        Lark("start: A\nA: [lazt.2").translate(Limits())
