"""Layer read-out: what the model would say if it ended after each layer (final norm and head applied there).

For decoder-only models this is the logit lens (nostalgebraist 2020); Langedijk et al. 2024, "DecoderLens", have the
counterpart for encoders.
"""

from __future__ import annotations

from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from html import escape
from typing import cast

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.decoders.mix.base import reader
from guidedgen.decoders.mix.layers import layers_of
from guidedgen.models.base import LayeredModel
from guidedgen.sampler.sequence import Sequence

_ROWS = 64  # positions whose layers are read at a time


@dataclass(frozen=True, kw_only=True)
class LayerSays:
    """What one layer says at one position.

    Attributes:
        layer: its number, from 0.
        best: its most probable tokens with their probabilities, best first.
        probability: of the token that was written.
        rank: of that token, 1 for the most probable one.
    """

    layer: int
    best: tuple[tuple[str, float], ...]
    probability: float
    rank: int


@dataclass(frozen=True, kw_only=True)
class TokenReadout:
    """A token, and what the layers said before it was written.

    Attributes:
        token: its id.
        text: what it reads.
        layers: ascending.
    """

    token: int
    text: str
    layers: tuple[LayerSays, ...]

    @property
    def settled(self) -> int | None:
        """The layer from which on the token is the most probable one, None where the last layer prefers another."""
        found = None
        for entry in reversed(self.layers):
            if entry.rank > 1:
                break
            found = entry.layer
        return found


@dataclass(frozen=True, kw_only=True)
class Readout:
    """What the layers of a model say at each token of a text.

    Attributes:
        model: its name.
        layers: numbers of those that were read.
        tokens: of the text, in order.
    """

    model: str
    layers: tuple[int, ...]
    tokens: tuple[TokenReadout, ...]

    def table(self, *, width: int = 14) -> str:
        """One line for each layer, last layer first, one column of `width` characters for each token.

        A cell holds the layer's favourite and the rank of the token that was written.
        """
        lines = ["layer " + "".join(_cell(repr(token.text), width) for token in self.tokens)]
        for number in range(len(self.layers) - 1, -1, -1):
            cells = [token.layers[number] for token in self.tokens]
            told = "".join(_cell(f"{entry.best[0][0]!r} {entry.rank}", width) for entry in cells)
            lines.append(f"{self.layers[number]:>5} {told}")
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def html(self) -> str:
        """The same as a table in HTML: cells are the darker the more probable the token is that was written."""
        head = "".join(f"<th>{escape(repr(token.text))}</th>" for token in self.tokens)
        rows = []
        for number in range(len(self.layers) - 1, -1, -1):
            cells = "".join(_html_cell(token.layers[number]) for token in self.tokens)
            rows.append(f"<tr><th>{self.layers[number]}</th>{cells}</tr>")
        style = "border-collapse:collapse;font:12px monospace"
        title = (
            f"<caption>{escape(self.model)}: favourite of each layer, and rank of the token that was written</caption>"
        )
        return f'<table style="{style}">{title}<tr><th>layer</th>{head}</tr>{"".join(rows)}</table>\n'


def _cell(text: str, width: int) -> str:
    return (text if len(text) < width else text[: width - 2] + "…").ljust(width)


def _html_cell(entry: LayerSays) -> str:
    told = escape("\n".join(f"{text!r} {share:.1%}" for text, share in entry.best))
    colour = f"rgba(42,157,92,{entry.probability:.3f})"
    text = f"{escape(repr(entry.best[0][0]))} {entry.rank}"
    return f'<td title="{told}" style="background:{colour};padding:2px 6px">{text}</td>'


def read_out(sampler: LogitsSource, sequence: Sequence, *, layers: ListOf[int] | None = None, top: int = 3) -> Readout:
    """What the layers say at each generated token of a sequence.

    Args:
        sampler: of the model.
        sequence: prompt and text.
        layers: numbers; None is all of them.
        top: favourites that are kept for each layer and token.

    Raises:
        ModelError: the model does not show its layers, or has no such layer.
        ValueError: `top` is below 1, or the text is empty.
    """
    if top < 1:
        raise ValueError(f"top={top!r} must be at least 1")
    nodes = [*sequence.nodes()][::-1]
    if not nodes:
        raise ValueError("the text is empty: there is no token to read out")
    source, info = reader(sampler), sampler.model.info
    taps = layers_of(sampler, tuple(range(info.layers)) if layers is None else tuple(sorted(set(layers))), 0.0, 1.0)
    model = cast(LayeredModel, sampler.model)
    tokens: list[TokenReadout] = []
    for start in range(0, len(nodes), _ROWS):
        group = nodes[start : start + _ROWS]
        hidden = source.read([node.parent for node in group if node.parent is not None], taps=taps).hidden
        says = [_says(model, layer, hidden[layer], group, top) for layer in taps]
        for node, entries in zip(group, zip(*says, strict=True), strict=True):
            text = model.vocabulary.decode_bytes([node.token]).decode(errors="replace")
            tokens.append(TokenReadout(token=node.token, text=text, layers=entries))
    return Readout(model=info.name, layers=taps, tokens=tuple(tokens))


def _says(model: LayeredModel, layer: int, hidden: torch.Tensor, nodes: ListOf[Sequence], top: int) -> list[LayerSays]:
    """What a layer says at some positions, from its hidden states there [n, E]."""
    vocabulary = model.vocabulary
    log_chances = model.head(hidden)[:, : vocabulary.size].log_softmax(-1)  # [n, V]
    best = log_chances.topk(min(top, log_chances.shape[-1]), -1)
    written = log_chances.gather(-1, torch.tensor([[node.token] for node in nodes], device=log_chances.device))
    ranks = (log_chances > written).sum(-1) + 1
    found = []
    for row in range(len(nodes)):
        favourites = tuple(
            (vocabulary.decode_bytes([token]).decode(errors="replace"), share)
            for token, share in zip(best.indices[row].tolist(), best.values[row].exp().tolist(), strict=True)
        )
        found.append(
            LayerSays(layer=layer, best=favourites, probability=float(written[row].exp()), rank=int(ranks[row]))
        )
    return found
