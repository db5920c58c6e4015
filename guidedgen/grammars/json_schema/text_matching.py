"""Whether one text is in an expression over characters: by derivatives (Brzozowski 1964), for enumerated strings."""

from __future__ import annotations

from guidedgen.grammars import char_regex as cr
from guidedgen.grammars.char_set import CharSet


def matches(expression: cr.Regex, text: str) -> bool:
    """Whether `text` is in the language of `expression`."""
    same = _Interning()
    rest = cr.fold(expression, same)
    for char in text:
        rest = cr.fold(cr.fold(rest, _Derivative(ord(char)))[1], same)
        if cr.is_nothing(rest):
            return False
    return rest.nullable


class _Interning:
    """Makes equal nodes the same object: unions of equal parts collapse, derivatives stay finite in number."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], cr.Regex] = {}

    def __call__(self, node: cr.Regex, children: tuple[cr.Regex, ...]) -> cr.Regex:
        made = self._rebuilt(node, children)
        if isinstance(made, CharSet):
            key: tuple[object, ...] = (made,)
        else:
            bounds = (made.low, made.high) if isinstance(made, cr.Repeat) else ()
            ids = [id(child) for child in made.children]
            if isinstance(made, cr.Union | cr.Intersection):
                ids.sort()
            key = (type(made), bounds, *ids)
        return self._known.setdefault(key, made)

    def _rebuilt(self, node: cr.Regex, children: tuple[cr.Regex, ...]) -> cr.Regex:
        if isinstance(node, cr.Union):
            return cr.union(children)
        if isinstance(node, cr.Intersection):
            return cr.intersection(children)
        if isinstance(node, cr.Complement):
            return cr.complement(children[0])
        if isinstance(node, cr.Repeat):
            return cr.repeat(children[0], node.low, node.high)
        return cr.concat(children) if isinstance(node, cr.Concat) else node


class _Derivative:
    """What may follow one character, for each node: the node itself is kept beside its derivative."""

    def __init__(self, code: int) -> None:
        self._code = code

    def __call__(self, node: cr.Regex, parts: tuple[tuple[cr.Regex, cr.Regex], ...]) -> tuple[cr.Regex, cr.Regex]:
        return node, self._derive(node, parts)

    def _derive(self, node: cr.Regex, parts: tuple[tuple[cr.Regex, cr.Regex], ...]) -> cr.Regex:
        if isinstance(node, CharSet):
            return cr.EPSILON if self._code in node else cr.NOTHING
        if isinstance(node, cr.Epsilon):
            return cr.NOTHING
        if isinstance(node, cr.Union):
            return cr.union(part[1] for part in parts)
        if isinstance(node, cr.Intersection):
            return cr.intersection(part[1] for part in parts)
        if isinstance(node, cr.Complement):
            return cr.complement(parts[0][1])
        if isinstance(node, cr.Repeat):
            if node.high == 0:
                return cr.NOTHING
            high = None if node.high is None else node.high - 1
            return cr.concat((parts[0][1], cr.repeat(node.inner, max(0, node.low - 1), high)))
        return self._derive_concat(parts)

    def _derive_concat(self, parts: tuple[tuple[cr.Regex, cr.Regex], ...]) -> cr.Regex:
        options: list[cr.Regex] = []
        for index, (node, derived) in enumerate(parts):
            options.append(cr.concat((derived, *(later for later, _ in parts[index + 1 :]))))
            if not node.nullable:
                break
        return cr.union(options)
