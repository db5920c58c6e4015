"""Notes about Lark grammars, as entries of a report."""

from __future__ import annotations

from guidedgen.errors import CompileError
from guidedgen.grammars import ir
from guidedgen.grammars.lark_extensions import extend
from guidedgen.grammars.lark_loader import place_of
from guidedgen.grammars.lark_text import load_extended, remarks
from guidedgen.grammars.notes import NO_TEXT, note, unproductive
from guidedgen.grammars.report import Entry
from guidedgen.limits import Limits


def lark_notes(
    text: str, grammar: ir.Grammar, *, start: str, limits: Limits, import_paths: tuple[str, ...] = ()
) -> tuple[Entry, ...]:
    """What a Lark text may not have meant, in the order of its lines.

    Args:
        text: the grammar as it was written.
        grammar: what it became.
        start: the rule to begin with.
        limits: as for reading it.
        import_paths: the same.
    """
    try:
        extended = extend(text)
        loaded = load_extended(extended, start=start, import_paths=import_paths, limits=limits)
        told = remarks(loaded, extended, text, limits)
    except CompileError:  # what the text declares was handed in beside it
        told = []
    entries: list[tuple[int, Entry]] = []
    for name, remark in [*told, *((name, NO_TEXT) for name in unproductive(grammar))]:
        line, _ = place_of(text, name)
        if line is not None:  # names that lark makes up stand nowhere
            entries.append((line, note(name, remark, line)))
    return tuple(entry for _, entry in sorted(entries, key=lambda pair: pair[0]))
