"""The pool row of a LALR symbol: a header of counts and settings, then flat lists one after another.

`FIELDS` names the header's numbers, `sections` the lists with their lengths. Lists of lists are one list of all entries
and the offsets at which each begins (`action_first[s]` to `action_first[s + 1]` are the actions of state s). Numbers of
terminals: `terminals` is the end of the text. Right sides hold terminals, and -1 - n for nonterminal n. `resolved` are
the rules that lost a conflict somewhere. With `way`, scanners tell what they read in place of an order: of each
terminal the TERMINAL symbols of its texts, -1 - symbol where these are ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guidedgen.errors import CompileError

Ints = NDArray[np.int32]

FIELDS: Final = (
    *("states", "terminals", "nonterminals", "rules", "start", "end"),
    *("newline", "indent", "dedent", "tab", "deepest", "resolved", "ignored", "opening", "closing"),
    *("bodies", "actions", "gotos", "kernels", "scanners", "order", "owners", "ways"),
)


def sections(header: Mapping[str, int]) -> dict[str, int]:
    """The lists of a row in their order, with their lengths."""
    states, rules = header["states"], header["rules"]
    return {
        "terminal_symbol": header["terminals"],
        "nonterminal_symbol": header["nonterminals"],
        "resolved": header["resolved"],
        "ignored": header["ignored"],
        "opening": header["opening"],
        "closing": header["closing"],
        "rule_left": rules,
        "rule_first": rules + 1,
        "body": header["bodies"],
        "action_first": states + 1,
        "action_terminal": header["actions"],
        "action": header["actions"],
        "goto_first": states + 1,
        "goto_nonterminal": header["gotos"],
        "goto": header["gotos"],
        "kernel_first": states + 1,
        "kernel_rule": header["kernels"],
        "kernel_place": header["kernels"],
        "scanner_of": states if header["scanners"] else 0,
        "order_first": header["scanners"] + 1,
        "order": header["order"],
        "owner_first": header["order"] + 1,
        "owner": header["owners"],
        "way_first": header["order"] + 1,
        "way": header["ways"],
    }


def pack(header: Mapping[str, int], lists: Mapping[str, Sequence[int]]) -> list[int]:
    """A row; the counts of the header must be those of the lists."""
    row = [header[name] for name in FIELDS]
    for name, length in sections(header).items():
        if len(lists[name]) != length:
            raise CompileError(f"{name} has {len(lists[name])} entries, not {length}")
        row += lists[name]
    return row


def offsets(lists: Iterable[Sequence[object]]) -> list[int]:
    """Where each of some lists begins in all of them together, and where the last one ends."""
    result = [0]
    for entries in lists:
        result.append(result[-1] + len(entries))
    return result


def unpack(pool: Ints, offset: int, count: int) -> tuple[dict[str, int], dict[str, Ints]]:
    """Header and lists of a row, checked so far that nothing refers to what is not there.

    Raises:
        CompileError: naming the list.
    """
    _require(offset >= 0 and len(FIELDS) <= count and offset + count <= len(pool), "the row", "is out of range")
    row = pool[offset : offset + count]
    header = dict(zip(FIELDS, row.tolist(), strict=False))
    lengths = sections(header)
    _require(all(length >= 0 for length in lengths.values()), "the header", "has a negative count")
    _require(sum(lengths.values()) + len(FIELDS) == count, "the row", "has another length than its header says")
    ends = np.cumsum([len(FIELDS), *lengths.values()])
    lists = {name: row[ends[i] : ends[i + 1]] for i, name in enumerate(lengths)}
    _check(header, lists)
    return header, lists


def _check(header: Mapping[str, int], lists: Mapping[str, Ints]) -> None:
    states, terminals, rules = header["states"], header["terminals"], header["rules"]
    nonterminals = header["nonterminals"]
    firsts = {"rule": "body", "action": "action", "goto": "goto", "kernel": "kernel_rule"}
    for name, entries in (*firsts.items(), ("order", "order"), ("owner", "owner"), ("way", "way")):
        first = lists[f"{name}_first"]
        ordered = first[0] == 0 and first[-1] == len(lists[entries]) and bool((np.diff(first) >= 0).all())
        _require(bool(ordered), f"{name}_first", "does not divide its list")
    for name, low, high in (
        *((name, 0, terminals) for name in ("ignored", "opening", "closing", "order", "owner")),
        ("rule_left", 0, nonterminals),
        ("body", -nonterminals, terminals),
        ("action_terminal", 0, terminals + 1),
        ("action", -rules, states),
        ("goto_nonterminal", 0, nonterminals),
        ("goto", 0, states),
        ("kernel_rule", 0, rules),
        ("resolved", 0, rules),
        ("scanner_of", 0, header["scanners"]),
    ):
        numbers = lists[name]
        _require(bool(((numbers >= low) & (numbers < high)).all()), name, "refers to what is not there")
    _require(
        rules >= 1 and header["start"] in range(states) and header["end"] in range(states), "the header", "is wrong"
    )
    lengths = np.diff(lists["rule_first"])
    places = lists["kernel_place"]
    _require(
        bool(((places >= 0) & (places <= lengths[lists["kernel_rule"]])).all()), "kernel_place", "is behind its rule"
    )
    _check_start(header, lists)
    if header["newline"] != -1:
        made = (header["newline"], header["indent"], header["dedent"])
        _require(all(0 <= number < terminals for number in made), "indentation", "names terminals that are not there")
        _require(header["tab"] >= 0 and header["deepest"] >= 1, "indentation", "needs a tab and a depth")


def _check_start(header: Mapping[str, int], lists: Mapping[str, Ints]) -> None:
    """The stack ends at the start state, and every state has something that it was reached by."""
    start, first = header["start"], lists["kernel_first"]
    begins = slice(first[start], first[start + 1])
    root = first[start + 1] == first[start] + 1 and lists["kernel_rule"][begins][0] == 0
    _require(bool(root and lists["kernel_place"][begins][0] == 0), "the start state", "is not that of rule 0")
    _require(lists["rule_first"][1] == 1 and lists["body"][0] < 0, "rule 0", "is not one nonterminal")
    other = np.ones(len(lists["kernel_place"]), dtype=bool)
    other[begins] = False
    _require(bool((lists["kernel_place"][other] > 0).all()), "kernel_place", "is 0 outside of the start state")
    reached = bool((lists["action"] == start).any() or (lists["goto"] == start).any())
    _require(not reached, "the start state", "is gone back to")


def _require(good: bool, what: str, problem: str) -> None:
    if not good:
        raise CompileError(f"LALR: {what} {problem}", hint="This is a fault in whatever built the GrammarTable.")
