"""The command in this process, files of schemas, and a matcher over listed texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from guidedgen import cli
from guidedgen.masks import Mask

HERE = Path(__file__).parent
DATA = HERE / "data"
TOYS = ("--engine", "toys:Toys", "--pythonpath", HERE, "--tokenizer", "bytes")
END = 256  # of the byte vocabulary


def evaluate(*arguments: object) -> Any:
    """`guidedgen evaluate ...`."""
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, arguments)])


def case(schema: Any, valid: Sequence[Any] = (), invalid: Sequence[Any] = ()) -> str:
    """The text of a file."""
    tests = [{"valid": True, "data": value} for value in valid] + [{"valid": False, "data": value} for value in invalid]
    return json.dumps({"schema": schema, "tests": tests})


def lines(path: Path, kind: str) -> list[dict[str, Any]]:
    """The contents of one kind of line in a file of results."""
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line["content"] for line in told if line["kind"] == kind]


class Texts:
    """Allows exactly some texts over the byte vocabulary; the end token is in the mask where one is complete."""

    def __init__(self, texts: Sequence[bytes], read: bytes = b"") -> None:
        self.texts, self.read = texts, read

    def fresh(self) -> Texts:
        return type(self)(self.texts)

    def rest(self) -> list[bytes]:
        return [text[len(self.read) :] for text in self.texts if text.startswith(self.read)]

    def fill(self, mask: Mask) -> None:
        bits = np.zeros(len(mask) * 32, dtype=np.bool_)
        bits[[rest[0] for rest in self.rest() if rest]] = True
        bits[END] = self.accepting
        mask[:] = np.packbits(bits, bitorder="little").view(np.int32)

    def commit(self, token: int) -> bool:
        if token not in {rest[0] for rest in self.rest() if rest}:
            return False
        self.read += bytes([token])
        return True

    @property
    def accepting(self) -> bool:
        return b"" in self.rest()
