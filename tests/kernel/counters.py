"""What the native kernel counts while it writes some texts under masks: visits and things made, not time.

`python -m tests.kernel.counters` compares with the ratchet in `counters.json` and exits with 1 where something grew;
`--update` takes over what became smaller; `--accept` also what became larger, for changes that are meant to cost that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from guidedgen.vocabulary import Vocabulary
from tests.kernel.counted_schemas import CASES
from tests.kernel.small_vocabulary import small_vocabulary

RATCHET = Path(__file__).with_name("counters.json")
COUNTERS = (
    "trie_nodes_visited",
    "remainder_nodes_visited",
    "lexer_states",
    "expressions",
    "nonterminals",
    "rows",
    "positions",
)
SLACK = 1.02
FEW = 3  # a difference that says nothing

Counts = dict[str, dict[str, int]]


def measured() -> Counts:
    """By case: what the kernel counted, in both orders together, each with a vocabulary that is new."""
    return {name: _measured(schema, texts) for name, (schema, texts) in CASES.items()}


def _measured(schema: Any, instances: list[Any]) -> dict[str, int]:
    total = dict.fromkeys(COUNTERS, 0)
    known = small_vocabulary()
    texts = [known.token_bytes(token) for token in range(known.size)]
    ids = {text: token for token, text in enumerate(texts)}
    orders: tuple[Literal["schema", "any"], ...] = ("schema", "any")
    for order in orders:
        fresh = Vocabulary.from_tokens(texts)
        spec = JsonSchema(schema, property_order=order)
        constraint = compile(spec, fresh, implementation="native", cache=False)
        for instance in instances:
            state = constraint.start()
            for token in spelled(json.dumps(instance).encode(), ids):
                mask = state.mask()
                assert mask[token >> 5] >> (token & 31) & 1, f"{instance!r} is no instance"
                following = state.advance(token)
                assert following is not None
                state = following
            state.mask()
            assert state.accepting, f"{instance!r} is no instance"
        stats = constraint.stats()
        for counter in COUNTERS:
            total[counter] += stats[counter]
    return total


def spelled(text: bytes, ids: dict[bytes, int]) -> Iterator[int]:
    """Tokens of a text, each the longest that fits."""
    longest = max(map(len, ids))
    at = 0
    while at < len(text):
        end = next(end for end in range(min(len(text), at + longest), at, -1) if text[at:end] in ids)
        yield ids[text[at:end]]
        at = end


def recorded() -> Counts:
    """The ratchet."""
    counts: Counts = json.loads(RATCHET.read_text()) if RATCHET.exists() else {}
    return counts


def grown(now: Counts, before: Counts) -> list[str]:
    """What is larger than the ratchet allows, and cases that it lacks."""
    lines = [f"{name}: not recorded" for name in now if name not in before]
    for name in now.keys() & before.keys():
        for counter, most in before[name].items():
            value = now[name][counter]
            if value > most * SLACK + FEW:
                lines.append(f"{name}: {counter} {value}, was {most}")
    return sorted(lines)


def main() -> int:
    """Compare, update or accept."""
    now, before = measured(), recorded()
    worse = grown(now, before)
    sys.stdout.write("".join(f"{line}\n" for line in worse))
    totals = {counter: sum(case[counter] for case in now.values()) for counter in COUNTERS}
    sys.stdout.write(f"{totals}\n")
    if "--accept" in sys.argv:
        kept = now
    elif "--update" in sys.argv:
        kept = {
            name: {c: min(v, before.get(name, case).get(c, v)) for c, v in case.items()} for name, case in now.items()
        }
    else:
        return 1 if worse else 0
    RATCHET.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
