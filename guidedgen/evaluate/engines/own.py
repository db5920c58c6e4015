"""guidedgen itself, through its public surface only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import guidedgen as gg
from guidedgen.evaluate.engine import Tokenizer
from guidedgen.evaluate.engines.nothing import Nothing
from guidedgen.kernel import InspectableState


class GuidedGen:
    """Options as those of `JsonSchema`; a number as `whitespace` is an `Indent`."""

    version = gg.__version__
    masks_end = False

    def __init__(
        self,
        tokenizer: Tokenizer,
        property_order: str = "any",
        format: str = "assert",
        whitespace: str = "flexible",
    ) -> None:
        self._vocabulary = tokenizer.vocabulary
        spacing: Any = gg.Indent(int(whitespace)) if whitespace.isdecimal() else whitespace
        self._options: dict[str, Any] = {"property_order": property_order, "format": format, "whitespace": spacing}

    def compile(self, schema: object) -> _Matcher | Nothing:
        """Raises every kind of `CompileError`; an unsatisfiable schema is an answer, not an error."""
        try:
            spec: gg.JsonSchema = gg.JsonSchema(cast(Any, schema), **self._options)
            constraint = gg.compile(spec, self._vocabulary, cache=False)
        except gg.UnsatisfiableSchema:
            return Nothing()
        return _Matcher(constraint)


def matcher_of(constraint: gg.Constraint) -> _Matcher:
    """A matcher at the start of what was compiled."""
    return _Matcher(constraint)


class _Matcher:
    """Immutable states behind the surface of a matcher; `fill` is the state's own method, called without a detour."""

    __slots__ = ("constraint", "fill", "state")

    def __init__(self, constraint: gg.Constraint) -> None:
        self.constraint = constraint
        self.state = constraint.start()
        self.fill = self.state.fill

    def fresh(self) -> _Matcher:
        return _Matcher(self.constraint)

    def commit(self, token: int) -> bool:
        after = self.state.advance(token)
        if after is None:
            return False
        self.state = after
        self.fill = after.fill
        return True

    @property
    def accepting(self) -> bool:
        return self.state.accepting

    def shortest(self) -> Sequence[int]:
        return cast(InspectableState, self.state).shortest()
