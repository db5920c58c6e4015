"""A model that answers by script: exact, instant, and under the same sampler, masks and strategies as a real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from guidedgen.api import Model
from guidedgen.models.base import Rows, Store
from guidedgen.toy import ToyModel
from guidedgen.vocabulary import Vocabulary

END = 256  # end of text
CUT = 0  # the byte that ends the prompt
PAIRS = ["er", "in", '", "', '": ']  # some tokens of several bytes


def byte_pairs() -> Vocabulary:
    tokens = [bytes([byte]) for byte in range(256)] + [b""] + [pair.encode() for pair in PAIRS]
    return Vocabulary.from_tokens(tokens, eos=[END], special={"<end>": END})


class ByteTokenizer:
    """Encodes bytes, remembers the prompts, and marks where they end."""

    chat_template = None

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def encode(self, text: str) -> list[int]:
        self.prompts.append(text)
        return [*text.encode(), CUT]


class ScriptedModel(ToyModel):
    """Wants to write `answer(prompt)`, and to end where it is written; off the script all tokens are equally likely."""

    def __init__(self, answer: Callable[[str], str], *, context_length: int = 4096) -> None:
        super().__init__(vocabulary=byte_pairs(), order=None, context_length=context_length)
        self.answer = answer
        self.tokenizer = ByteTokenizer()
        self.steps = 0

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        self.steps += 1
        return super().forward(rows, store)

    def logits_after(self, tokens: Sequence[int]) -> torch.Tensor:
        cut = len(tokens) - 1 - list(reversed(tokens)).index(CUT)
        wanted = self.answer(bytes(tokens[:cut]).decode()).encode()
        written = self.vocabulary.decode_bytes(tokens[cut + 1 :])
        logits = torch.zeros(self.info.logits_size)
        if wanted.startswith(written):
            logits[END if wanted == written else wanted[len(written)]] = 20.0
        return logits


def scripted(answer: str | Callable[[str], str], *, context_length: int = 4096) -> tuple[Model, ScriptedModel]:
    """A model that always gives one answer, or the one that a function of the prompt's text returns."""
    script = (lambda _: answer) if isinstance(answer, str) else answer
    language_model = ScriptedModel(script, context_length=context_length)
    return Model(language_model), language_model


@pytest.fixture
def script() -> Callable[..., tuple[Model, ScriptedModel]]:
    return scripted
