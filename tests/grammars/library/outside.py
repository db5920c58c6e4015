"""What a real file uses of what a grammar of the library leaves out, read off its tree or by patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.grammars.library.compilers import syntax_tree
from tests.grammars.library.outside_python import python
from tests.grammars.library.outside_typescript import compares_a_comparison, nodes, text_of, typescript
from tests.grammars.library.outside_verilog import verilog

_JAVA_KINDS = ("module_declaration", "receiver_parameter", "annotated_type")
_JAVA_MODIFIERS = ({"abstract", "default", "native", "transient"}, {"synchronized", "volatile", "strictfp"})


def _java_modifiers(node: Any) -> bool:
    words = [child.type for child in node.children]
    last = [word for word in words if word not in ("marker_annotation", "annotation")]
    sealed = any(word in ("sealed", "non-sealed") for word in last[:-1])
    return sealed or any(len([word for word in words if word in group]) > 1 for group in _JAVA_MODIFIERS)


def _java_node(node: Any) -> bool:
    if node.type == "package_declaration":
        return any("annotation" in child.type for child in node.children)
    if node.type == "modifiers":
        return _java_modifiers(node)
    if node.type == "identifier":
        around = node.parent.type if node.parent is not None else ""
        named = around in ("method_declaration", "method_invocation", "field_access", "scoped_identifier")
        return not text_of(node).isascii() or text_of(node) == "sealed" or (text_of(node) == "yield" and not named)
    if node.type == "method_reference":
        return text_of(node.children[0]).endswith((">", ">[]"))
    if node.type == "cast_expression":
        return sum(child.type == "&" for child in node.children) > 0
    if node.type == "assignment_expression":
        return bool(node.children[0].type == "parenthesized_expression")
    return compares_a_comparison(node) or node.type in _JAVA_KINDS


def java(text: str) -> str | None:
    """What a Java file uses of what the grammar's head lists."""
    escaped = re.search(
        r"(?<!\\)\\u+00(?:0[aAdD]|2[27aAfF]|5[cC])|\\[ \t]*$|2_147_483|[^\x00-\x7f]\s*\(", text, re.MULTILINE
    )
    if escaped is not None:
        return "escapes, numbers and names"
    return "constructs" if any(_java_node(node) for node in nodes(syntax_tree("java", text))) else None


_SQL = {
    "statements": r"\b(?:attach|detach|vacuum|reindex|create\s+virtual)\b",
    "NOT inside an operand": r"[=<>|*/%+&-]\s*not\b",
    "comments that do not end": r"/\*(?:[^*]|\*(?!/))*\Z",
}


def _found(reasons: Mapping[str, str], text: str) -> str | None:
    return next((reason for reason, uses in reasons.items() if re.search(uses, text, re.IGNORECASE)), None)


def sql(text: str) -> str | None:
    """What a text of SQL statements uses of what the grammar's head lists."""
    return _found(_SQL, text)


OUTSIDE: dict[str, Callable[[str], str | None]] = {
    "graphql": lambda _: None,
    "java": java,
    "python": python,
    "sql": sql,
    "typescript": typescript,
    "verilog": verilog,
}
