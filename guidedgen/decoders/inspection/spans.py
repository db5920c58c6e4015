"""Which parts of the prompt a text has used: attention from the tokens that were written to spans of the source.

Juraska and Walker 2021, "Attention Is Indeed All You Need: Semantically Attention-Guided Decoding for Data-to-Text NLG"
(SEA-GuiDe), for encoders and decoders; here rows of a decoder look back at its own prompt. So weights are counted among
the tokens of the prompt alone, without its first one, on which attention rests that has nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from typing import Protocol, cast

import torch

from guidedgen.decoders.base import LogitsSource
from guidedgen.errors import ModelError
from guidedgen.sampler.sequence import Sequence
from guidedgen.vocabulary import Vocabulary

Span = tuple[int, int]
"""First token of a prompt, and the one behind the last."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From which share of attention on an item counts as a mention. The defaults are the paper's, for T5 and BART.

    Decoder-only models spread attention more: look at a few texts with `Model.inspect_spans`, and set them anew.

    Args:
        confident: largest share of any head in the first layer.
        tentative: mean share over the heads of the lower half of the layers.
        missing: where the text ends, a tentative mention is taken back for an item that the mean over all layers and
            heads still gives at least this: what is still to be said is still looked at.

    Raises:
        ValueError: a number is no share.
    """

    confident: float = 0.9
    tentative: float = 0.3
    missing: float = 0.1

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("confident", "tentative", "missing"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class ItemTrack:
    """What became of one item.

    Attributes:
        name: as it was asked for.
        shares: at each token of the text the mean share of attention on it, over all layers and heads.
        mentioned: number of the token at which it was first mentioned, None where it was not.
        how: "text" (it stands in the text), "confident" or "tentative" (by attention); None where it was not.
    """

    name: str
    shares: tuple[float, ...]
    mentioned: int | None = None
    how: str | None = None


@dataclass(frozen=True, kw_only=True)
class SpanReport:
    """Which items of a prompt a text has used.

    Attributes:
        tokens: of the text, as they read.
        items: what became of each.
    """

    tokens: tuple[str, ...]
    items: tuple[ItemTrack, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The items that were not mentioned."""
        return tuple(item.name for item in self.items if item.mentioned is None)

    def table(self) -> str:
        """One line for each item: whether and where it was mentioned, and where it was looked at most."""
        width = max((len(item.name) for item in self.items), default=0)
        lines = []
        for item in self.items:
            peak = max(item.shares, default=0.0)
            looked = f"  most at {self.tokens[item.shares.index(peak)]!r} ({peak:.0%})" if item.shares else ""
            found = "missing" if item.mentioned is None else f"{item.how} at {self.tokens[item.mentioned]!r}"
            lines.append(f"{item.name:<{width}}  {found}{looked}")
        return "\n".join(lines) + "\n"


def spans_of(prompt: Sequence, items: Mapping[str, str], vocabulary: Vocabulary) -> dict[str, tuple[Span, ...]]:
    """Where texts stand in a prompt: spans of tokens that hold them, every time that they occur.

    Args:
        prompt: a prompt node.
        items: text by name.
        vocabulary: of the model.

    Raises:
        ValueError: a text is empty, or is not in the prompt.
    """
    tokens = prompt.tokens()
    edges = [0]
    text = bytearray()
    for token in tokens:
        text += vocabulary.token_bytes(token)
        edges.append(len(text))
    found: dict[str, tuple[Span, ...]] = {}
    for name, wanted in items.items():
        data = wanted.encode()
        if not data or data not in text:
            raise ValueError(f"the prompt does not hold {wanted!r}, the text of item {name!r}")
        spans: list[Span] = []
        at = text.find(data)
        while at >= 0:
            inside = [
                number for number in range(len(tokens)) if edges[number] < at + len(data) and edges[number + 1] > at
            ]
            spans.append((inside[0], inside[-1] + 1))
            at = text.find(data, at + len(data))
        found[name] = tuple(spans)
    return found


class _Attending(Protocol):
    def attended(self, sequences: ListOf[Sequence]) -> list[torch.Tensor]: ...


def attention(sampler: LogitsSource, sequences: ListOf[Sequence]) -> list[torch.Tensor]:
    """What the last token of each sequence attends to [L, H, length].

    Raises:
        ModelError: the sampler does not show it.
    """
    if not hasattr(sampler, "attended"):
        raise ModelError(
            f"{sampler.model.info.name} does not show what it attends to. Use a Sampler on the model itself."
        )
    return cast(_Attending, sampler).attended(sequences)


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Shares of attention on each item at one token; each [number of items].

    Attributes:
        confident: the largest of a head in the first layer.
        tentative: the mean over the lower half of the layers.
        overall: the mean over all layers.
    """

    confident: torch.Tensor
    tentative: torch.Tensor
    overall: torch.Tensor


def looks_of(weights: torch.Tensor, spans: ListOf[tuple[Span, ...]], prompt: int) -> Looks:
    """Shares of attention on each item, among the tokens of the prompt but its first.

    Args:
        weights: of one row [L, H, length].
        spans: of each item.
        prompt: length of the prompt.
    """
    start = 1
    source = weights[:, :, start:prompt].sum(-1).clamp(min=1e-12)  # [L, H]
    on_items = torch.stack(
        [sum((weights[:, :, max(first, start) : last].sum(-1) for first, last in own), source * 0) for own in spans], -1
    )
    shares = on_items / source[..., None]  # [L, H, items]
    lower = max(1, shares.shape[0] // 2)
    return Looks(confident=shares[0].amax(0), tentative=shares[:lower].mean((0, 1)), overall=shares.mean((0, 1)))


def judge(
    looks: ListOf[Looks], count: int, thresholds: Thresholds, *, end: Looks | None
) -> list[tuple[int | None, str | None]]:
    """Where each of `count` items is first mentioned by attention, and how surely.

    Args:
        looks: of the rows that wrote each token.
        count: number of items.
        thresholds: what counts.
        end: of the row at the end of the text; tentative mentions may be taken back by it.
    """
    found: list[tuple[int | None, str | None]] = []
    for item in range(count):
        sure = next((at for at, look in enumerate(looks) if look.confident[item] >= thresholds.confident), None)
        maybe = next((at for at, look in enumerate(looks) if look.tentative[item] >= thresholds.tentative), None)
        if maybe is not None and end is not None and float(end.overall[item]) >= thresholds.missing:
            maybe = None
        if sure is not None and (maybe is None or sure <= maybe):
            found.append((sure, "confident"))
        else:
            found.append((maybe, None if maybe is None else "tentative"))
    return found


def track(
    sampler: LogitsSource,
    sequence: Sequence,
    items: Mapping[str, str],
    *,
    thresholds: Thresholds | None = None,
) -> SpanReport:
    """Which items of the prompt the text of a sequence has used.

    An item that stands in the text word for word (in any case of letters) is mentioned; the others by attention.

    Raises:
        ModelError: the model does not show what it attends to.
        ValueError: an item is not in the prompt.
    """
    vocabulary = sampler.model.vocabulary
    spans = spans_of(sequence.prompt_node, items, vocabulary)
    nodes = [*sequence.nodes()][::-1]
    rows = attention(sampler, [*(node.parent for node in nodes if node.parent is not None), sequence])
    looks = [looks_of(row, list(spans.values()), sequence.prompt_length) for row in rows]
    judged = judge(looks[:-1], len(spans), thresholds or Thresholds(), end=looks[-1])
    pieces = [vocabulary.decode_bytes([node.token]) for node in nodes]
    tracks = []
    for number, (name, (at, how)) in enumerate(zip(spans, judged, strict=True)):
        written = written_at(pieces, items[name])
        place, way = (written, "text") if written is not None else (at, how)
        shares = tuple(float(look.overall[number]) for look in looks[:-1])
        tracks.append(ItemTrack(name=name, shares=shares, mentioned=place, how=way))
    return SpanReport(tokens=tuple(piece.decode(errors="replace") for piece in pieces), items=tuple(tracks))


def written_at(pieces: ListOf[bytes], wanted: str) -> int | None:
    """Number of the piece with which a text is complete for the first time, in any case of letters."""
    text, folded = bytearray(), wanted.casefold()
    for number, piece in enumerate(pieces):
        text += piece
        if folded in text.decode(errors="replace").casefold():
            return number
    return None
