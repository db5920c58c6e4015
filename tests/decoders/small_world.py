"""A vocabulary small enough for the toy model and rich enough for every kind of constraint, and a drafter of trees."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from collections.abc import Sequence as ListOf

from guidedgen.constraint import AllOf, Constraint, MaxTokens, StopOn
from guidedgen.decoders.drafters import Outcome, Request, Setting
from guidedgen.decoders.tree import ROOT, DraftTree
from guidedgen.grammars.compile import compile as compile_constraint
from guidedgen.grammars.specs import JsonSchema, Lark, Regex
from guidedgen.vocabulary import Vocabulary

_TEXTS = (
    *(bytes([byte]) for byte in b'{}[]":, ()abc01'),
    b"ab", b"ba", b'{"', b'": ', b'", "', b", ", b"true", b"()", b"a)",
)  # fmt: skip
EOS = len(_TEXTS)
SIZE = 48  # as many ids as the tiny models have logits; those behind the end token have no text
VOCABULARY = Vocabulary.from_tokens([*_TEXTS, b""], eos=[EOS], special={"<eos>": EOS}, size=SIZE)
PROMPT = VOCABULARY.encode('{"ab": [1, 0]} (ab(ab))')

SCHEMA = {
    "type": "object",
    "properties": {
        "ab": {"enum": ["a", "ba", "cab"]},
        "c": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 11}, "maxItems": 3},
    },
    "required": ["ab", "c"],
    "additionalProperties": False,
}
GRAMMAR = """start: "(" item{1,3} ")"
item: WORD | "(" WORD* ")"
WORD: "ab" | "a" | "cab"
"""

CONSTRAINTS: dict[str, Callable[[], Constraint]] = {
    "regex": lambda: AllOf([_compiled(Regex("(ab|ba|c[01]{2}){1,6}")), MaxTokens(14, VOCABULARY)]),
    "schema": lambda: AllOf([_compiled(JsonSchema(SCHEMA)), MaxTokens(30, VOCABULARY)]),
    "lark": lambda: AllOf([_compiled(Lark(GRAMMAR)), MaxTokens(20, VOCABULARY)]),
    "stop rules": lambda: AllOf(
        [
            _compiled(Regex("[abc(]{1,20}")),
            StopOn(["bb", "ca"], VOCABULARY),
            MaxTokens(9, VOCABULARY, complete=False),
        ]
    ),
    "dead ends": lambda: AllOf([_compiled(Regex(pattern)) for pattern in ("(a|ba)(b|cab)c?", "(a|ba)(bb|cab|c)c?")]),
}
"""By kind: constraints with stop rules, all parts of `AllOf`."""


def _compiled(spec: object) -> Constraint:
    return compile_constraint(spec, VOCABULARY)


@dataclasses.dataclass(frozen=True)
class Everything:
    """Drafts all texts of two of the given tokens, level by level: deep in no direction, wrong in most."""

    tokens: tuple[int, ...] = tuple(range(EOS))
    most: int = 24

    def open(self, setting: Setting) -> Everything:
        return self

    def propose(self, requests: ListOf[Request]) -> list[DraftTree]:
        return [self._tree(request) for request in requests]

    def _tree(self, request: Request) -> DraftTree:
        """The tokens that the constraint allows first: others would be cut off, and fill the tree."""
        tokens: list[int] = []
        parents: list[int] = []
        states = {ROOT: request.tip.state}
        level = [ROOT]
        for _ in range(2):
            below = []
            for parent, token in itertools.product(level, self.tokens):
                state = None if states[parent].done is not None else states[parent].advance(token)
                if state is not None and len(tokens) < min(self.most, request.most):
                    states[len(tokens)] = state
                    below.append(len(tokens))
                    tokens.append(token)
                    parents.append(parent)
            level = below
        return DraftTree(tokens=tuple(tokens), parents=tuple(parents))

    def observe(self, outcome: Outcome) -> None:
        assert outcome.logits.shape[0] == 1 + len(outcome.tree)
