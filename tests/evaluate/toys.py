"""An engine that is right unless a schema asks it, in "x-toy", to be wrong in one way."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.evaluate.engines.own import GuidedGen
from guidedgen.masks import Mask

LETTERS = [ord(letter) for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"]


class Toys:
    """`gate`: a file that a schema with "x-toy": "gated" waits for."""

    version = "toy"
    masks_end = False

    def __init__(self, tokenizer: Tokenizer, gate: str = "") -> None:
        self.right = GuidedGen(tokenizer)
        self.gate = Path(gate)

    def compile(self, schema: Any) -> Any:
        print("whatever an engine prints does not disturb the worker")
        asked = schema.get("x-toy", "") if isinstance(schema, dict) else ""
        honest = (
            {name: value for name, value in schema.items() if name != "x-toy"} if isinstance(schema, dict) else schema
        )
        if asked in ACTIONS:
            ACTIONS[asked](self)
        if asked == "accepts anything":
            return self.right.compile({})
        if asked == "rejects most":
            return self.right.compile({"const": "the only one"})
        matcher = self.right.compile(honest)
        return WRONG[asked](matcher) if asked in WRONG else matcher

    def wait(self) -> None:
        while not self.gate.exists():
            time.sleep(0.01)


class Wrapped:
    """Passes everything on."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def fresh(self) -> Wrapped:
        return type(self)(self.inner.fresh())

    def fill(self, mask: Mask) -> None:
        self.inner.fill(mask)

    def commit(self, token: int) -> bool:
        return bool(self.inner.commit(token))

    @property
    def accepting(self) -> bool:
        return bool(self.inner.accepting)


class HidesLetters(Wrapped):
    """Letters are not in the mask, yet they are taken."""

    def fill(self, mask: Mask) -> None:
        super().fill(mask)
        for letter in LETTERS:
            mask[letter >> 5] &= ~(1 << (letter & 31))


class RefusesLetters(Wrapped):
    """Letters are in the mask, yet they are refused."""

    def commit(self, token: int) -> bool:
        return token not in LETTERS and super().commit(token)


class RaisesInMasks(Wrapped):
    """An internal error after two tokens."""

    read = 0

    def commit(self, token: int) -> bool:
        self.read += 1
        return super().commit(token)

    def fill(self, mask: Mask) -> None:
        if self.read == 2:
            raise RuntimeError("lexer state 12 is broken")
        super().fill(mask)


class DeadEnds(Wrapped):
    """No token at all once something was read."""

    read = 0

    def commit(self, token: int) -> bool:
        self.read += 1
        return super().commit(token)

    def fill(self, mask: Mask) -> None:
        super().fill(mask)
        if self.read:
            mask[:] = 0


def spin(toys: Toys) -> None:
    while True:
        pass


def hoard(toys: Toys) -> None:
    held = []
    while True:
        held.append(b"x" * 20_000_000)
        time.sleep(0.002)


def die(toys: Toys) -> None:
    os._exit(3)


def refuse(toys: Toys) -> None:
    raise ValueError("keyword 'x-toy' of 3 is not supported")


ACTIONS = {"hangs": spin, "hoards": hoard, "dies": die, "does not compile": refuse, "gated": Toys.wait}
WRONG = {
    "hides letters": HidesLetters,
    "refuses letters": RefusesLetters,
    "raises": RaisesInMasks,
    "dead ends": DeadEnds,
}
