"""What a real file uses of what a grammar of the library leaves out, read off its tree or by patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.grammars.library.compilers import syntax_tree
from tests.grammars.library.outside_python import python
from tests.grammars.library.outside_verilog import verilog


def _nodes(root: Any) -> Iterator[Any]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def _text(node: Any) -> str:
    written: str = node.text.decode()
    return written


_COMPARISONS = ("<", ">", "<=", ">=")
_JAVA_KINDS = ("module_declaration", "receiver_parameter", "annotated_type")
_JAVA_MODIFIERS = ({"abstract", "default", "native", "transient"}, {"synchronized", "volatile", "strictfp"})


def _compares_a_comparison(node: Any) -> bool:
    left = node.child_by_field_name("left") if node.type == "binary_expression" else None
    return (
        left is not None
        and left.type == "binary_expression"
        and all(_text(part.child_by_field_name("operator")) in _COMPARISONS for part in (node, left))
    )


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
        return not _text(node).isascii() or _text(node) == "sealed" or (_text(node) == "yield" and not named)
    if node.type == "method_reference":
        return _text(node.children[0]).endswith((">", ">[]"))
    if node.type == "cast_expression":
        return sum(child.type == "&" for child in node.children) > 0
    if node.type == "assignment_expression":
        return bool(node.children[0].type == "parenthesized_expression")
    return _compares_a_comparison(node) or node.type in _JAVA_KINDS


def java(text: str) -> str | None:
    """What a Java file uses of what the grammar's head lists."""
    escaped = re.search(
        r"(?<!\\)\\u+00(?:0[aAdD]|2[27aAfF]|5[cC])|\\[ \t]*$|2_147_483|[^\x00-\x7f]\s*\(", text, re.MULTILINE
    )
    if escaped is not None:
        return "escapes, numbers and names"
    return "constructs" if any(_java_node(node) for node in _nodes(syntax_tree("java", text))) else None


_TYPESCRIPT_KINDS = ("type_assertion", "accessor", "hash_bang_line", "using_declaration", "html_comment")
_NAMES = ("async", "await", "interface", "let", "yield")
# What a line may not begin with behind a statement that only the line break ends; and what may not end a line.
_LINES = re.compile(
    r"[\w)\]}\"'`][ \t]*\n\s*(?:[+-][^+\s-]|/[^/*\s])|[\w)\]][ \t]>[ \t]*\n|[\w)\]]\.[ \t]*\n|>[ \t]*\n\s*\("
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def _typescript_text(node: Any) -> str | None:
    """What is left out of how a node is written, by its kind."""
    if node.type in ("identifier", "property_identifier", "type_identifier", "shorthand_property_identifier_pattern"):
        names = ("private", "protected", "public") if node.type == "property_identifier" else _NAMES
        odd = not _text(node).isascii() or _text(node) in names
        return "names" if odd else None
    if node.type == "type_arguments" and node.parent.type in ("call_expression", "new_expression"):
        return "comparisons" if _text(node)[1:2] in (" ", "\t") else None
    if node.type == "arrow_function":
        return "types behind brackets" if re.match(r"(?:async\s*)?\([^:]*\)\s+:", _text(node)) else None
    if node.type == "parenthesized_expression":
        return "types behind brackets" if node.next_sibling is not None and node.next_sibling.type == ":" else None
    if node.type == "function_type":
        untyped = re.match(
            r"(?:new\s*)?(?:<.*?>)?\((?:\s*(?:[{\[]|\w+\s*\))|.*[}\]]\s*\?:|.*\.\.\.\[)", _text(node), re.DOTALL
        )
        return "parameters of function types" if untyped is not None else None
    if node.type in ("template_type", "template_substitution"):
        more = r"[({}?`'\"]|extends" if node.type == "template_type" else r"[{}?`]|=>"
        return "holes of templates" if re.search(more, _text(node)[2:-1]) else None
    if node.type == "computed_property_name" and node.parent.type == "pair_pattern":
        return "patterns"
    if node.type in ("object_assignment_pattern", "array_pattern"):
        return "patterns" if _in_brackets(node) else None
    if node.type == "infer_type":
        return "types" if len(node.named_children) > 1 and node.named_children[1].type == "constructor_type" else None
    if node.type in ("class", "function_expression") and node.parent.type == "as_expression":
        return "casts"
    return None


def _in_brackets(node: Any) -> bool:
    while node is not None and node.type != "assignment_expression":
        node = node.parent
    return node is not None and node.parent.type == "parenthesized_expression"


def _typescript_node(node: Any) -> str | None:
    if node.type in _TYPESCRIPT_KINDS:
        return str(node.type)
    return "comparisons" if _compares_a_comparison(node) else _typescript_text(node)


def typescript(text: str) -> str | None:
    """What a TypeScript file uses of what the grammar's head lists."""
    found = next(filter(None, map(_typescript_node, _nodes(syntax_tree("typescript", text)))), None)
    if found is None and re.search(r"(?:\+\+|--)[\w.\[\]]+!(?!=)", text):
        return "casts"
    return found or ("line breaks" if _LINES.search(_COMMENT.sub("", text)) else None)


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
