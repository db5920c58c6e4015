"""A model small enough to enumerate, for testing strategies, samplers and constraints in milliseconds and exactly.

`ToyModel` takes rows, segments and slots seriously: it looks only at what a row may see and refuses a row whose view is
not one gapless history, so that a wrong cache or tree mask fails loudly instead of shifting a probability.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass

import numpy as np
import torch

from guidedgen.errors import ModelError
from guidedgen.masks import Mask, check_mask, mask_words
from guidedgen.models.base import LayerPlan, ModelInfo, Reading, Rows, Segment, Store
from guidedgen.models.layer_walk import LayerWalk
from guidedgen.sampler.sequence import Sequence
from guidedgen.sampler.trace import TraceRecorder
from guidedgen.vocabulary import Vocabulary

_LAYER_SEEDS = 7919  # between the seeds of two layers
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"


def toy_vocabulary(size: int = 8) -> Vocabulary:
    """`size` tokens, at most 37: letters, then digits, and as the last one the end of the text `<eos>`."""
    tokens = [_LETTERS[number : number + 1] for number in range(size - 1)]
    return Vocabulary.from_tokens([*tokens, b""], eos=[size - 1], special={"<eos>": size - 1})


class ToyStore:
    """Token and position of each slot; -1 where nothing was written."""

    def __init__(self, capacity: int) -> None:
        self.tokens = torch.full((capacity,), -1)
        self.positions = torch.full((capacity,), -1)

    @property
    def capacity(self) -> int:
        """Number of slots."""
        return len(self.tokens)

    @property
    def slot_bytes(self) -> int:
        """Bytes of a slot."""
        return 16

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` slots."""
        missing = torch.full((max(0, capacity - self.capacity),), -1)
        self.tokens = torch.cat((self.tokens, missing))
        self.positions = torch.cat((self.positions, missing))

    def move(self, old: torch.Tensor, new: torch.Tensor) -> None:
        """Copy the content of slots to others."""
        self.tokens[new] = self.tokens[old]
        self.positions[new] = self.positions[old]


class ToyModel:
    """Logits are a fixed random function of the last `order` tokens (of all tokens where `order` is None).

    A subclass of one layer may have another function: `logits_after`.

    Args:
        vocabulary: `toy_vocabulary(8)` if not given.
        order: how many tokens matter.
        seed: another seed is another model.
        spread: standard deviation of the logits.
        padding: columns beyond the vocabulary, with logits that no real token reaches: they must never be chosen.
        context_length: see `ModelInfo`.
        layers: each adds a function of its own to the logits; the later ones half as much as the first.
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary | None = None,
        order: int | None = 2,
        seed: int = 0,
        spread: float = 1.5,
        padding: int = 0,
        context_length: int = 4096,
        layers: int = 1,
    ) -> None:
        self.vocabulary = vocabulary or toy_vocabulary()
        self.order = order
        self.seed = seed
        self.spread = spread
        self.padding = padding
        self.info = ModelInfo(
            name="toy",
            logits_size=self.vocabulary.size + padding,
            context_length=context_length,
            device="cpu",
            dtype="float32",
            layers=layers,
        )

    def new_store(self, capacity: int) -> ToyStore:
        """An empty store."""
        return ToyStore(capacity)

    def logits_after(self, tokens: ListOf[int], plan: LayerPlan | None = None) -> torch.Tensor:
        """Logits [logits_size] after a whole sequence, with the layers of a plan or all of them."""
        layers = (plan or LayerPlan()).running(self.info.layers)
        if plan is not None and plan.parted:
            raise ModelError("layers of the toy have no parts: leave out whole ones")
        return sum((self._layer(layer, tokens) for layer in layers), torch.zeros(self.info.logits_size))

    def _layer(self, layer: int, tokens: ListOf[int]) -> torch.Tensor:
        """What a layer adds to the logits after a sequence, [logits_size]."""
        context = tuple(tokens if self.order is None else tokens[max(0, len(tokens) - self.order) :])
        values = _toy_logits(self.seed + _LAYER_SEEDS * layer, context, self.vocabulary.size, self.padding)
        return values * (self.spread if layer == 0 else self.spread / 2)

    def forward(self, rows: Rows, store: Store) -> torch.Tensor:
        """See `LanguageModel.forward`. Raises as `read` does."""
        return self.read(rows, store).logits

    def read(self, rows: Rows, store: Store) -> Reading:
        """See `LayeredModel.read`; hidden states are sums of the layers so far, [W, logits_size].

        Raises:
            ModelError: a wanted row does not see exactly the positions 0 to its own, each once.
        """
        assert isinstance(store, ToyStore)
        walk = LayerWalk(rows, self.info.layers)
        store.tokens[rows.slots] = rows.tokens
        store.positions[rows.slots] = rows.positions
        owner = {row: segment for segment in rows.segments for row in range(segment.start, segment.stop)}
        if not owner.keys() == set(range(len(rows.tokens))):
            raise ModelError(f"segments do not cover the {len(rows.tokens)} rows. Give each row one segment.")
        hidden = walk.enter(self.embed(rows.tokens, rows.positions)).clone()
        histories = {int(row): self._history(int(row), owner[int(row)], rows, store) for row in rows.wanted}
        for layer in walk.layers:
            for row, history in histories.items():
                hidden[row] += self.logits_after(history) if self.info.layers == 1 else self._layer(layer, history)
            walk.after(layer, hidden)
        return Reading(logits=self.head(hidden[rows.wanted]), hidden=walk.hidden)

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Zeros [R, logits_size]: what a token is, its layers find in the store."""
        return torch.zeros(len(tokens), self.info.logits_size)

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits of hidden states [R, logits_size]: these are logits already."""
        return hidden.clone()

    def _history(self, row: int, segment: Segment, rows: Rows, store: ToyStore) -> list[int]:
        """The tokens that a row sees, oldest first."""
        own = row - segment.start
        if segment.ancestors is None:
            relatives = list(range(segment.start, row + 1))
        else:
            relatives = (segment.start + torch.nonzero(segment.ancestors[own])[:, 0]).tolist()
        slots = torch.cat((segment.context, rows.slots[relatives]))
        order = store.positions[slots].argsort()
        positions = store.positions[slots][order].tolist()
        if positions != list(range(int(rows.positions[row]) + 1)) or row not in relatives:
            raise ModelError(f"row {row} at position {int(rows.positions[row])} sees the positions {positions}.")
        return list(store.tokens[slots][order].tolist())


@functools.lru_cache(maxsize=65536)
def _toy_logits(seed: int, context: tuple[int, ...], size: int, padding: int) -> torch.Tensor:
    values = np.random.default_rng((seed, len(context), *context)).standard_normal(size + padding)
    values[size:] = np.abs(values).max() + 1.0
    return torch.from_numpy(values.astype(np.float32))


class FreshSampler:
    """The slow twin of the sampler: computes every sequence from its first token in a forward of its own."""

    def __init__(self, model: ToyModel) -> None:
        self.model = model
        self.trace = TraceRecorder()

    def logits(self, sequences: list[Sequence]) -> torch.Tensor:
        """Logits after each sequence [B, logits_size]."""
        return torch.cat([self._one(sequence.tokens()) for sequence in sequences])

    def discard(self, drafts: ListOf[Sequence], *, base: Sequence, keep: Sequence) -> None:
        """Nothing is kept."""

    def _one(self, tokens: tuple[int, ...]) -> torch.Tensor:
        count = len(tokens)
        whole = Segment(start=0, stop=count, context=torch.empty(0, dtype=torch.int64))
        rows = Rows(
            tokens=torch.tensor(tokens),
            positions=torch.arange(count),
            slots=torch.arange(count),
            segments=(whole,),
            wanted=torch.tensor([count - 1]),
        )
        self.trace.forward(rows=count)
        return self.model.forward(rows, self.model.new_store(count))


@dataclass(frozen=True, eq=False, slots=True)
class OneOfState:
    """A position in a trie of token sequences."""

    constraint: OneOf
    prefix: tuple[int, ...] = ()

    def fill(self, out: Mask) -> None:
        """Write the tokens that continue one of the sequences. Raises ValueError on a wrong shape or dtype."""
        check_mask(out, self.constraint.vocab_size)
        bits = np.zeros(out.size * 32, np.uint8)
        bits[list(self.constraint.children[self.prefix])] = 1
        out[:] = np.packbits(bits, bitorder="little").view(np.int32)

    def mask(self) -> Mask:
        """The same in a new array."""
        out = np.zeros(mask_words(self.constraint.vocab_size), np.int32)
        self.fill(out)
        return out

    def advance(self, token: int) -> OneOfState | None:
        """The position after `token`, or None."""
        if token not in self.constraint.children[self.prefix]:
            return None
        return OneOfState(self.constraint, (*self.prefix, token))

    def forced(self) -> tuple[int, ...]:
        """Tokens without an alternative."""
        prefix: tuple[int, ...] = self.prefix
        while len(self.constraint.children[prefix]) == 1 and prefix not in self.constraint.members:
            prefix = (*prefix, *self.constraint.children[prefix])
        return prefix[len(self.prefix) :]

    @property
    def fingerprint(self) -> frozenset[tuple[int, ...]]:
        """What may follow: equal positions share it."""
        return self.constraint.following(self.prefix)

    @property
    def accepting(self) -> bool:
        """Whether one of the sequences ends here."""
        return self.prefix in self.constraint.members

    @property
    def done(self) -> str | None:
        """Never: it stops where nothing more is allowed."""
        return None


class OneOf:
    """A constraint given as a list: exactly one of these token sequences."""

    def __init__(self, members: Iterable[ListOf[int]], vocab_size: int) -> None:
        self.members = frozenset(tuple(member) for member in members)
        self.vocab_size = vocab_size
        children: dict[tuple[int, ...], dict[int, None]] = {member: {} for member in self.members}
        for member in sorted(self.members):
            for length in range(len(member)):
                children.setdefault(member[:length], {})[member[length]] = None
        self.children: Mapping[tuple[int, ...], Mapping[int, None]] = children or {(): {}}

    def following(self, prefix: tuple[int, ...]) -> frozenset[tuple[int, ...]]:
        """All endings of the sequences that begin so."""
        length = len(prefix)
        return frozenset(member[length:] for member in self.members if member[:length] == prefix)

    def start(self) -> OneOfState:
        """The position before the first token."""
        return OneOfState(self)
