"""The test kit must catch wrong constraints: for each law one that breaks it, and right ones that pass."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from guidedgen import testing
from guidedgen.constraint import AllOf, AnyText, MaxTokens
from guidedgen.masks import mask_of
from guidedgen.testing import ExplicitConstraint, ExplicitState, accepts, byte_vocabulary, check_constraint

VOCABULARY = byte_vocabulary([b"ab", b"abc", b"bc", b"ab"], special=["<tool>"], size=270)
TEXTS = frozenset([b"abcab", b"abx", b"c", b"ca"])


class Wrapped:
    """A right state; subclasses break one thing."""

    def __init__(self, inner: ExplicitState, steps: int = 0) -> None:
        self.inner, self.steps = inner, steps

    @property
    def accepting(self) -> bool:
        return self.inner.accepting

    @property
    def done(self) -> str | None:
        return self.inner.done

    def allowed(self) -> set[int]:
        return {token for token in range(270) if self.inner.advance(token) is not None}

    def mask(self) -> Any:
        return mask_of(np.isin(np.arange(270), list(self.allowed())))

    def fill(self, out: np.ndarray) -> None:
        if out.dtype != np.int32 or out.shape != (9,):
            raise ValueError("wrong mask")
        out[:] = self.mask()

    def advance(self, token: int) -> Any:
        after = self.inner.advance(token)
        return None if after is None else type(self)(after, self.steps + 1)

    def forced(self) -> tuple[int, ...]:
        return self.inner.forced()


def constraint_of(state_type: type[Wrapped], *texts: bytes) -> Any:
    inner = ExplicitConstraint(frozenset(texts) or TEXTS, VOCABULARY)
    return SimpleNamespace(vocab_size=270, start=lambda: state_type(inner.start()))


BROKEN: dict[str, type[Wrapped]] = {}


def breaks(law: str) -> Callable[[type[Wrapped]], type[Wrapped]]:
    """Register a broken state under the law that it breaks and its name."""

    def register(state_type: type[Wrapped]) -> type[Wrapped]:
        BROKEN[f"{law} ({state_type.__name__})"] = state_type
        return state_type

    return register


@breaks("a mask is int32")
class WrongType(Wrapped):
    def mask(self) -> Any:
        return super().mask().astype(np.int64)


@breaks("a mask is int32")
class WrongLength(Wrapped):
    def mask(self) -> Any:
        return super().mask()[:-1]


@breaks("a mask is int32")
class OnlySetsBits(Wrapped):
    def fill(self, out: np.ndarray) -> None:
        super().fill(np.zeros_like(out))
        out |= self.mask()


@breaks("a mask is int32")
class TakesAnyArray(Wrapped):
    def fill(self, out: np.ndarray) -> None:
        out.reshape(-1)[:9] = self.mask()


@breaks("only tokens with bytes")
class AllowsEnd(Wrapped):
    def allowed(self) -> set[int]:
        return super().allowed() | ({min(VOCABULARY.eos)} if self.accepting else set())


@breaks("only tokens with bytes")
class AllowsPadding(Wrapped):
    def allowed(self) -> set[int]:
        return super().allowed() | {265}


@breaks("only tokens with bytes")
class SetsBitsBeyondTheEnd(Wrapped):
    def mask(self) -> Any:
        return super().mask() | np.array([0] * 8 + [-(2**31)], dtype=np.int32)


@breaks("bit t is set iff")
class ForgetsLongTokens(Wrapped):
    def allowed(self) -> set[int]:
        return {token for token in super().allowed() if token < 256} or super().allowed()


@breaks("bit t is set iff")
class AllowsTooMuch(Wrapped):
    def allowed(self) -> set[int]:
        return super().allowed() | {ord("z")}


@breaks("bit t is set iff")
class RefusesLater(Wrapped):
    def advance(self, token: int) -> Any:
        return None if token == ord("x") else super().advance(token)


@breaks("repeated calls agree")
class CountsMasks(Wrapped):
    calls = 0

    def mask(self) -> Any:
        type(self).calls += 1
        return super().mask() if self.calls % 9 else mask_of(np.zeros(270, dtype=bool))


@breaks("repeated calls agree")
class AdvanceMutates(Wrapped):
    def advance(self, token: int) -> Any:
        after = super().advance(token)
        if token == 259 and after is not None:  # the last of the tokens that may come
            self.inner = after.inner
        return after


@breaks("repeated calls agree")
class ChangesItsMind(Wrapped):
    calls = 0

    @property
    def accepting(self) -> bool:
        type(self).calls += 1
        return self.calls % 2 == 0


@breaks("tokenisation does not matter")
class CountsTokens(Wrapped):
    @property
    def accepting(self) -> bool:
        return (super().accepting and self.steps % 2 == 0) or not self.allowed()


@breaks("tokenisation does not matter")
class RefusesManyTokens(Wrapped):
    def allowed(self) -> set[int]:
        return super().allowed() if self.steps < 4 else set()

    def advance(self, token: int) -> Any:
        return super().advance(token) if self.steps < 4 else None

    def forced(self) -> tuple[int, ...]:
        return ()

    @property
    def accepting(self) -> bool:
        return super().accepting or self.steps == 4


@breaks("a mask is empty only when accepting")
class NeverComplete(Wrapped):
    @property
    def accepting(self) -> bool:
        return False

    def forced(self) -> tuple[int, ...]:
        return ()


@breaks("forced tokens are the only ones")
class ForcesOneOfMany(Wrapped):
    def forced(self) -> tuple[int, ...]:
        return (min(self.allowed()),) if self.allowed() else ()


@breaks("forced tokens are the only ones")
class ForcesPastTheEnd(Wrapped):
    def forced(self) -> tuple[int, ...]:
        return (ord("a"),) if self.inner.text == b"c" else super().forced()


@breaks("done never un-fires")
class DoneOnce(Wrapped):
    @property
    def done(self) -> str | None:
        return "stop" if self.steps == 1 else None


@breaks("AllOf([c]) behaves as c")
class ForcesPastDone(Wrapped):
    @property
    def done(self) -> str | None:
        return "length" if self.steps >= 1 else None

    def forced(self) -> tuple[int, ...]:
        return tuple(b"bx") if self.inner.text == b"a" else ()

    def allowed(self) -> set[int]:
        return {token for token in super().allowed() if token < 256}

    def advance(self, token: int) -> Any:
        return super().advance(token) if token < 256 else None


TEXTS_OF = {"ForcesPastDone": (b"abx",), "CountsTokens": (b"abc", b"abcab")}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_law_is_found_and_named(name: str) -> None:
    law, state_type = name.partition(" (")[0], BROKEN[name]
    if "calls" in vars(state_type):
        state_type.calls = 0
    with pytest.raises(AssertionError) as caught:
        check_constraint(constraint_of(state_type, *TEXTS_OF.get(state_type.__name__, ())), VOCABULARY, walks=30)
    assert str(caught.value).startswith(f"law broken: {law}")
    assert "After b'" in str(caught.value)


def test_the_right_state_passes() -> None:
    check_constraint(constraint_of(Wrapped), VOCABULARY, walks=30)
    check_constraint(ExplicitConstraint(TEXTS, VOCABULARY), VOCABULARY, walks=30)


def test_a_difference_between_tokenisations_can_be_allowed() -> None:
    with pytest.raises(AssertionError, match="tokenisation"):
        check_constraint(constraint_of(CountsTokens, b"abc", b"abcab"), VOCABULARY, walks=30)
    check_constraint(constraint_of(CountsTokens, b"abc", b"abcab"), VOCABULARY, walks=30, bytes_only=False)


def test_parts_that_are_stuck_together_break_no_law() -> None:
    parts = [ExplicitConstraint(frozenset([text]), VOCABULARY) for text in (b"abx", b"aby")]
    check_constraint(AllOf(parts), VOCABULARY)


def test_the_same_seed_walks_the_same_way() -> None:
    def visited(seed: int) -> list[bytes]:
        seen: list[bytes] = []

        class Recording(Wrapped):
            def forced(self) -> tuple[int, ...]:
                seen.append(self.inner.text)
                return super().forced()

        check_constraint(constraint_of(Recording), VOCABULARY, seed=seed)
        return seen

    assert visited(1) == visited(1)
    assert visited(1) != visited(2)


def test_a_constraint_for_another_vocabulary() -> None:
    with pytest.raises(AssertionError, match="vocab_size is 270"):
        check_constraint(constraint_of(Wrapped), byte_vocabulary())


def test_named_tokens_are_kept_when_a_text_is_cut_anew() -> None:
    class Tool(Wrapped):
        """After `<tool>` everything is as before it."""

        def allowed(self) -> set[int]:
            return super().allowed() | {VOCABULARY.special["<tool>"]}

        def advance(self, token: int) -> Any:
            return (
                type(self)(self.inner, self.steps) if token == VOCABULARY.special["<tool>"] else super().advance(token)
            )

        def forced(self) -> tuple[int, ...]:
            return ()

    check_constraint(constraint_of(Tool), VOCABULARY, walks=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abcab", True), (b"ca", True), ("c", True), ("abca", False), ("", False), ("abcabc", False), ("é", False)],
)
def test_accepts(text: str | bytes, expected: bool) -> None:
    constraint = ExplicitConstraint(TEXTS, VOCABULARY)
    assert accepts(constraint, text) == expected
    assert accepts(constraint, text, byte_vocabulary()) == expected
    assert accepts(constraint_of(Wrapped), text) == expected


def test_byte_vocabulary() -> None:
    vocabulary = byte_vocabulary([b"ab", b"ab"], special=["<a>"], eos="</s>", size=300)
    assert [vocabulary.token_bytes(token) for token in range(258)] == [
        *(bytes([byte]) for byte in range(256)),
        b"ab",
        b"ab",
    ]
    assert (dict(vocabulary.special), vocabulary.eos, vocabulary.size) == ({"<a>": 258, "</s>": 259}, {259}, 300)


def test_free_text_accepts_everything() -> None:
    assert accepts(AnyText(VOCABULARY), "anything at all", VOCABULARY)
    assert accepts(MaxTokens(1, VOCABULARY), b"\xff\x00")


@pytest.mark.parametrize("name", ["OneOf", "ToyModel", "check_strategy", "toy_constraint", "toy_vocabulary"])
def test_the_strategy_half_is_loaded_when_it_is_asked_for(name: str) -> None:
    assert getattr(testing, name).__name__ == name


def test_unknown_names_of_the_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = testing.nothing
