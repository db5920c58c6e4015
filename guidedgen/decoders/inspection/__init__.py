"""Looking into a model while it reads and writes: what each layer would say, and which parts of the prompt are used."""

from guidedgen.decoders.inspection.readout import LayerSays, Readout, TokenReadout, read_out
from guidedgen.decoders.inspection.spans import ItemTrack, SpanReport, Thresholds, spans_of, track

__all__ = [
    "ItemTrack",
    "LayerSays",
    "Readout",
    "SpanReport",
    "Thresholds",
    "TokenReadout",
    "read_out",
    "spans_of",
    "track",
]
