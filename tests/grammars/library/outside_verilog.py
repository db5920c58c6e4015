"""Whether a Verilog file uses what the grammar leaves out: by patterns, and by what Icarus Verilog says of it."""

from __future__ import annotations

import re

from tests.grammars.library.branches import directives, without_comments
from tests.grammars.library.oracles import is_verilog

_DIRECTIVES = (
    "ifdef",
    "ifndef",
    "elsif",
    "else",
    "endif",
    "include",
    "timescale",
    "default_nettype",
    "resetall",
    "celldefine",
    "endcelldefine",
)
_MACROS = re.compile(rf"`(?!(?:{'|'.join(_DIRECTIVES)})\b)")
# Values of nets that are ports, names behind `end`, counting, and a system task in place of attributes.
_ADDED = re.compile(
    r"\$attribute\b|\bend\s*:|\boutput\s+(?:wire\s+)?(?:signed\s+)?(?:\[[^\]]*\]\s*)?\w+\s*=|\+\+"
    r"|\bgenerate\b(?:(?!\bendgenerate\b).)*\bgenerate\b",
    re.DOTALL,
)
_BRACKETS = re.compile(
    r"(?P<opens>\(\*|[(\[{]|\b(?:begin|case[xz]?|generate|module|function|task|specify)\b)"
    r"|(?P<closes>\*\)|[)\]}]|\b(?:end|endcase|endgenerate|endmodule|endfunction|endtask|endspecify)\b)"
)
_AN_ITEM_ENDS = re.compile(r"(?:;|\*\)|\b(?:begin(?:\s*:\s*\w+)?|generate|specify|end\w*))\s*\Z")


def _balanced(part: str) -> bool:
    """Whether no bracket or block is left open, or was open before."""
    depth = 0
    for word in _BRACKETS.finditer(part):
        depth += 1 if word["opens"] else -1
        if depth < 0:
            return False
    return depth == 0


def _whole_items(text: str) -> bool:
    """Whether directives that choose stand behind items, and each branch closes what it opens."""
    opened = [""]
    for before, directive in directives(text):
        if directive and before.strip() and not _AN_ITEM_ENDS.search(before):
            return False
        opened[-1] += before
        if directive in ("goes_on", "ends") and not _balanced(opened.pop()):
            return False
        if directive in ("begins", "goes_on"):
            opened.append("")
    return True


def verilog(text: str) -> str | None:
    """What a Verilog file uses of what the grammar's head lists."""
    plain = without_comments(text)
    if _MACROS.search(plain):
        return "macros"
    if not _whole_items(plain):
        return "branches that are no whole items"
    if _ADDED.search(plain):
        return "what Icarus Verilog adds"
    return None if is_verilog(text) else "branches that Icarus Verilog does not parse"
