"""Pictures as SVG texts: the railroad diagram of a grammar (needs `guidedgen[pictures]`), and the tree of a parse."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from types import ModuleType
from typing import Any, Final

from guidedgen.errors import LimitExceeded
from guidedgen.grammars.drawable import drawable_rules
from guidedgen.grammars.parse_tree import Tree, parse_tree
from guidedgen.grammars.rule_tree import Body, Chain, Chars, Either, Except, Name, Times, Token, label_of
from guidedgen.limits import Limits

_ROW: Final = 6  # items of a sequence that stand in one row
_CHAR, _HEIGHT, _GAP, _LEVEL = 7.5, 22, 12, 46  # of the tree, in pixels
_LONGEST: Final = 40  # characters of a leaf
_STYLE: Final = """
text { font: 12px monospace; text-anchor: middle; fill: #1b1b1b; }
text.rule { font: bold 14px sans-serif; text-anchor: start; }
path, line { stroke: #555; stroke-width: 1.5; fill: none; }
rect { stroke: #555; stroke-width: 1.5; fill: #e8f0fb; }
g.terminal rect, rect.leaf { fill: #eaf6e6; }
g.comment text, text.comment { font: italic 12px monospace; }
"""


def railroad(spec: Any, limits: Limits | None = None) -> str:
    """The railroad diagram of a grammar, one rule below the other; the same text for the same grammar.

    Args:
        spec: a `Lark`, `Gbnf` or `Ebnf`.
        limits: as for compiling it.

    Raises:
        ImportError: `guidedgen[pictures]` is not installed.
        CompileError: the grammar cannot be read, or is none.
        LimitExceeded: it nests too deep to be drawn.
    """
    library = _library()
    top, width, parts = 10.0, 0.0, list[str]()
    try:
        for rule in drawable_rules(spec, limits or Limits()):
            diagram = library.Diagram(_track(library, rule.body)).format(20)
            inner: list[str] = []
            diagram.attrs |= {"x": "0", "y": f"{top + 18:g}"}
            diagram.writeSvg(inner.append)
            parts.append(
                f'<text class="rule" x="20" y="{top + 16:g}" id="{_anchor(rule.name)}">{_text(rule.name)}</text>'
            )
            parts.append("".join(inner).strip())
            top += float(diagram.attrs["height"]) + 22
            width = max(width, float(diagram.attrs["width"]), 40 + 9.0 * len(rule.name))
    except RecursionError:
        raise LimitExceeded("depth", 0, "a rule nests too deep to be drawn", remedy="Split the rule.") from None
    return _svg(width, top, parts)


def tree(spec: Any, text: str, limits: Limits | None = None) -> str:
    """The parse tree of a text; of an ambiguous one, one of its trees.

    Args:
        spec: a `Lark`, `Gbnf` or `Ebnf`.
        text: a text of it.
        limits: as for compiling it.

    Raises:
        CompileError: the text is not in the language, or the grammar cannot be read, or is none.
        LimitExceeded: the text is too long or too deep to be drawn.
    """
    root = parse_tree(spec, text, limits or Limits())
    try:
        placed = _place(root)
        parts = list(_drawn(placed, 20.0, 0))
        return _svg(placed.width + 40, _LEVEL * placed.depth + 20, parts)
    except RecursionError:
        raise LimitExceeded("depth", 0, "the tree is too deep to be drawn", remedy="Draw a shorter text.") from None


def _library() -> ModuleType:
    try:
        library = importlib.import_module("railroad")
    except ImportError as error:
        raise ImportError("Railroad diagrams need an extra: pip install 'guidedgen[pictures]'.") from error
    if not hasattr(library, "Diagram"):
        raise ImportError("Another package called railroad is installed: pip install 'guidedgen[pictures]'.")
    return library


def _track(library: ModuleType, node: Body) -> Any:
    match node:
        case Chars() | Token():
            return library.Terminal(_printable(node.label))
        case Name():
            return library.NonTerminal(_printable(node.name), href=f"#{_anchor(node.name)}")
        case Either():
            options = [_track(library, option) for option in node.options]
            return library.Choice(0, *options) if options else library.Comment("nothing fits")
        case Except():
            inner = _track(library, node.inner)
            return library.Group(inner, _printable(f"but not {label_of(node.removed)}"))
        case Times():
            return _repeated(library, node)
        case Chain():
            items = [_track(library, part) for part in node.parts]
            if not items:
                return library.Skip()
            rows = [items[first : first + _ROW] for first in range(0, len(items), _ROW)]
            made = [library.Sequence(*row) for row in rows]
            return made[0] if len(made) == 1 else library.Stack(*made)


def _repeated(library: ModuleType, node: Times) -> Any:
    item = _track(library, node.inner)
    if (node.low, node.high) == (0, 1):
        return library.Optional(item)
    simple = node.high is None and node.low <= 1
    counts = f"{node.low} times" if node.low == node.high else f"{node.low} to {node.high} times"
    told = None if simple else library.Comment(f"at least {node.low} times" if node.high is None else counts)
    if node.low == 0:
        return library.ZeroOrMore(item, told)
    return library.OneOrMore(item, told)


@dataclass(frozen=True)
class _Placed:
    """A node of a tree with the room that it and all below it take."""

    label: str
    leaf: bool
    children: tuple[_Placed, ...]
    width: float
    depth: int


def _place(node: Tree | str) -> _Placed:
    leaf = isinstance(node, str)
    label = _shortened(json.dumps(node, ensure_ascii=False)) if isinstance(node, str) else node.label
    children = () if isinstance(node, str) else tuple(map(_place, node.children))
    below = sum(child.width for child in children) + _GAP * max(0, len(children) - 1)
    own = _CHAR * len(label) + 16
    return _Placed(label, leaf, children, max(own, below), 1 + max((child.depth for child in children), default=0))


def _drawn(node: _Placed, left: float, level: int) -> Iterator[str]:
    """The node in the middle of its room, and all below it."""
    middle, top = left + node.width / 2, 10 + _LEVEL * level
    below = sum(child.width for child in node.children) + _GAP * max(0, len(node.children) - 1)
    place = left + (node.width - below) / 2
    for child in node.children:
        end = place + child.width / 2
        yield f'<line x1="{middle:g}" y1="{top + _HEIGHT:g}" x2="{end:g}" y2="{top + _LEVEL:g}"/>'
        yield from _drawn(child, place, level + 1)
        place += child.width + _GAP
    wide = _CHAR * len(node.label) + 12
    kind = ' class="leaf"' if node.leaf else ' rx="8"'
    yield f'<rect{kind} x="{middle - wide / 2:g}" y="{top:g}" width="{wide:g}" height="{_HEIGHT}"/>'
    yield f'<text x="{middle:g}" y="{top + 15:g}">{_text(node.label)}</text>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width:g}" '
    head += f'height="{height:g}" viewBox="0 0 {width:g} {height:g}">'
    whole = "\n".join([head, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])
    return whole.replace("]]>", "]]&gt;")  # which the library leaves in texts, where XML does not take it


def _anchor(name: str) -> str:
    return escape(_printable(name).replace(" ", "_"), quote=True)


def _text(text: str) -> str:
    return escape(_printable(text), quote=False)


def _printable(text: str) -> str:
    """Without characters that XML cannot hold or that nobody sees."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST // 2 - 2]} ... {label[-_LONGEST // 2 + 3 :]}"
