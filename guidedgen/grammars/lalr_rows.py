"""From an `ir.Lalr` to the row of numbers that the kernels read (`kernel/lalr_table.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from guidedgen.grammars import ir
from guidedgen.kernel.lalr_table import offsets, pack

_NO_INDENTATION = ir.Indentation(newline=-1, indent=-1, dedent=-1, opening=(), closing=(), tab=1, deepest=1)


def lalr_row(
    node: ir.Lalr, terminals: Sequence[int], names: Sequence[int], symbol_of: Callable[[ir.Terminal], int]
) -> list[int]:
    """The row; `terminals` and `names` are the symbols of its terminals (-1: none) and nonterminals.

    `symbol_of` has those of what scanners tell.
    """
    bodies = [body for _, body in node.rules]
    blocks = node.indentation or _NO_INDENTATION
    lists: dict[str, Sequence[int]] = {
        "terminal_symbol": terminals,
        "nonterminal_symbol": names,
        "resolved": node.resolved,
        "ignored": node.ignored,
        "opening": blocks.opening,
        "closing": blocks.closing,
        "rule_left": [left for left, _ in node.rules],
        "rule_first": offsets(bodies),
        "body": list(chain.from_iterable(bodies)),
        "action_first": offsets([tuple(actions) for actions in node.actions]),
        "action_terminal": list(chain.from_iterable(node.actions)),
        "action": [action for actions in node.actions for action in actions.values()],
        "goto_first": offsets([tuple(gotos) for gotos in node.gotos]),
        "goto_nonterminal": list(chain.from_iterable(node.gotos)),
        "goto": [state for gotos in node.gotos for state in gotos.values()],
        "kernel_first": offsets(node.kernels),
        "kernel_rule": [rule for kernel in node.kernels for rule, _ in kernel],
        "kernel_place": [place for kernel in node.kernels for _, place in kernel],
        "scanner_of": node.scanner_of,
    }
    lists |= _of_scanners(node.scanners, symbol_of)
    header = {
        "states": len(node.actions),
        "terminals": len(node.terminals),
        "nonterminals": len(node.nonterminals),
        "rules": len(node.rules),
        "start": node.start,
        "end": node.end,
        "scanners": len(node.scanners),
        **{name: getattr(blocks, name) for name in ("newline", "indent", "dedent", "tab", "deepest")},
        **{name: len(lists[name]) for name in ("resolved", "ignored", "opening", "closing", "order")},
        **{"bodies": len(lists["body"]), "actions": len(lists["action"]), "gotos": len(lists["goto"])},
        **{"kernels": len(lists["kernel_rule"]), "owners": len(lists["owner"]), "ways": len(lists["way"])},
    }
    return pack(header, lists)


def _of_scanners(scanners: Sequence[ir.Scanner], symbol_of: Callable[[ir.Terminal], int]) -> dict[str, Sequence[int]]:
    """In which order scanners try terminals, which of them own texts of others, and the ways that scanners tell."""
    ordered = [(scanner, terminal) for scanner in scanners for terminal in scanner.order]
    owners = [scanner.keywords.get(terminal, ()) for scanner, terminal in ordered]
    ways = [
        [
            *map(symbol_of, scanner.ways.get(terminal, ())),
            *(-1 - symbol_of(way) for way in scanner.skipped.get(terminal, ())),
        ]
        for scanner, terminal in ordered
    ]
    return {
        "order_first": offsets([scanner.order for scanner in scanners]),
        "order": [terminal for _, terminal in ordered],
        "owner_first": offsets(owners),
        "owner": list(chain.from_iterable(owners)),
        "way_first": offsets(ways),
        "way": list(chain.from_iterable(ways)),
    }
