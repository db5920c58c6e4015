"""How much work and memory an input may cost: one value, passed down as an argument to front ends and kernels.

The defaults are generous: they stop inputs that would exhaust a machine, not inputs that are merely large.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from guidedgen.errors import LimitExceeded


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Upper bounds; reaching one raises `LimitExceeded`, which names it.

    Attributes:
        schema_bytes: length of a schema, grammar or pattern text, in bytes.
        depth: nesting of schemas, groups and types; where masks are computed, expressions may nest 20 times as deep
            (never deeper than 10,000, however high the limit).
        expressions: nodes of regular expressions in a lowered grammar, and derived from it while masks are computed.
        symbols: nodes of the context-free structure in a lowered grammar.
        states: states of one lexeme automaton, and configurations of one parser position.
        repeat: the largest bound of a counted repetition (`{0,n}`, maxLength, maxItems).
        steps: elementary steps of one call: one mask, one advance, one emptiness check. Each search for a proof that
            an object or array can be completed takes a ten-thousandth of it at most (see `Report.unproved`).
        milliseconds: processor time of one call of the native kernel, or of reading one pattern; only calls of many
            steps are timed.
        cache_bytes: memory for memoised states and masks of one compiled constraint; beyond it they are evicted.

    Raises:
        ValueError: where a bound is not a positive integer.
    """

    schema_bytes: int = 16 * 2**20
    depth: int = 500
    expressions: int = 2_000_000
    symbols: int = 2_000_000
    states: int = 1_000_000
    repeat: int = 2**31 - 1
    steps: int = 200_000_000
    milliseconds: int = 4_000
    cache_bytes: int = 256 * 2**20

    def __post_init__(self) -> None:
        """Refuse bounds that could never be met."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if type(value) is not int or value < 1:
                raise ValueError(f"Limits({entry.name}={value!r}): give a positive integer.")

    def __hash__(self) -> int:
        """Equal limits have equal ones; made of a few, since it is asked for whenever something is compiled."""
        return hash((self.steps, self.milliseconds, self.cache_bytes))

    def as_dict(self) -> dict[str, int]:
        """The bounds by name, as kernels take them; `dataclasses.asdict` takes twenty times as long."""
        return dict(vars(self))

    def check(self, name: str, value: int, detail: str = "") -> None:
        """Raise `LimitExceeded` where `value` is above the limit called `name`; `detail` says what was measured."""
        limit = getattr(self, name)
        if value > limit:
            raise LimitExceeded(name, limit, detail or f"{value} needed")
