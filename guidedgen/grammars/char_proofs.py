"""What the translation of tests and lazy quantifiers needs to know about languages over characters.

Questions are answered by proof within a budget: "no" may also mean "not known", and callers then refuse.
"""

from __future__ import annotations

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_emptiness import is_empty
from guidedgen.grammars.char_set import ANY, CharSet


def ending_with(node: cr.Regex, chars: CharSet) -> cr.Regex:
    """Return the non-empty texts of `node` whose last character is in `chars`."""
    if chars == ANY and not node.nullable:
        return node
    if isinstance(node, CharSet):
        return node & chars
    if isinstance(node, cr.Epsilon):
        return cr.NOTHING
    if isinstance(node, cr.Union):
        return cr.union(ending_with(child, chars) for child in node.children)
    if isinstance(node, cr.Concat) and not node.children[-1].nullable:
        return cr.concat([*node.children[:-1], ending_with(node.children[-1], chars)])
    if isinstance(node, cr.Repeat) and not node.inner.nullable:
        fewer = cr.repeat(node.inner, max(node.low - 1, 0), None if node.high is None else node.high - 1)
        return cr.concat([fewer, ending_with(node.inner, chars)])
    return cr.intersection([node, cr.concat([cr.ANY_TEXT, chars])])


def fixed_width(root: cr.Regex) -> int | None:
    """Return the length in characters that all texts of `root` have, if that is plain to see."""

    def combine(node: cr.Regex, widths: tuple[int | None, ...]) -> int | None:
        if isinstance(node, CharSet):
            return 1
        if isinstance(node, cr.Epsilon):
            return 0
        known = [width for width in widths if width is not None]
        if isinstance(node, cr.Intersection):
            return known[0] if known else None
        if len(known) < len(widths) or isinstance(node, cr.Complement):
            return None
        if isinstance(node, cr.Concat):
            return sum(known)
        if isinstance(node, cr.Repeat):
            return known[0] * node.low if node.low == node.high else None
        return known[0] if len(set(known)) == 1 else None

    return cr.fold(root, combine)


def extended(language: cr.Regex) -> cr.Regex:
    """Return the texts with a proper prefix in `language`."""
    return cr.concat([language, cr.repeat(ANY, 1, None)])


def is_prefix_free(language: cr.Regex) -> bool:
    """Tell whether it is proved that no text of `language` is a proper prefix of another."""
    return is_empty(cr.intersection([language, extended(language)])) is True


def are_told_apart(inner: cr.Regex, rest: cr.Regex) -> bool:
    """Tell whether it is proved that no text begins both with `inner` and with `rest`: then there is no choice."""
    both = cr.intersection([cr.concat([inner, cr.ANY_TEXT]), cr.concat([rest, cr.ANY_TEXT])])
    return is_empty(both) is True


def stops_first(rest: cr.Regex) -> bool:
    """Tell whether it is proved that a lazy repetition before `rest` ends the match as early as possible.

    That is so where no text of `rest` contains one that ends before it does: then the shortest of all matches is the
    one that backtracking finds first.
    """
    return is_empty(cr.intersection([rest, cr.concat([cr.ANY_TEXT, extended(rest)])])) is True
