"""Whether a TypeScript file uses what the grammar leaves out: by tree-sitter's tree of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.grammars.library.compilers import syntax_tree

_KINDS = ("type_assertion", "accessor", "hash_bang_line", "using_declaration", "html_comment")
_IDENTIFIERS = ("identifier", "property_identifier", "type_identifier", "shorthand_property_identifier_pattern")
_NAMES = ("await", "interface", "let", "yield")
_ASYNC_IN = ("call_expression", "assignment_expression", "augmented_assignment_expression", "update_expression")
_COMPARISONS = ("<", ">", "<=", ">=")
# What a line may not begin with behind a statement that only the line break ends; and what may not end a line.
_LINES = re.compile(
    r"[\w)\]}\"'`][ \t]*\n\s*(?:[+-][^+\s-]|/[^/*\s])|[\w)\]][ \t]>[ \t]*\n|[\w)\]]\.[ \t]*\n|>[ \t]*\n\s*\("
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_ODD_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[1-9]|0[0-9]|x(?![0-9A-Fa-f]{2})|u(?![0-9A-Fa-f]{4}))")
# What holes of templates have in brackets alone.
_BRACKETS = ("parenthesized_type", "type_arguments", "parenthesized_expression", "arguments", "index")
_NOT_IN_HOLES = (
    *("object_type", "function_type", "constructor_type", "tuple_type", "type_query", "this_type", "readonly_type"),
    *("object", "arrow_function", "function_expression", "class", "satisfies_expression", "regex", "in", "instanceof"),
    *("assignment_expression", "augmented_assignment_expression"),
)


def text_of(node: Any) -> str:
    """What a node of the tree was read from."""
    written: str = node.text.decode()
    return written


def nodes(root: Any, without: tuple[str, ...] = ()) -> Iterator[Any]:
    """A node and all below, but for what is below some kinds."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        if node.type not in without:
            waiting += node.children


def compares_a_comparison(node: Any) -> bool:
    """Whether a comparison's left side is one."""
    left = node.child_by_field_name("left") if node.type == "binary_expression" else None
    return (
        left is not None
        and left.type == "binary_expression"
        and all(text_of(part.child_by_field_name("operator")) in _COMPARISONS for part in (node, left))
    )


def _odd_name(node: Any) -> bool:
    name = text_of(node)
    if node.type == "property_identifier":
        return name in ("private", "protected", "public") or not name.isascii()
    return name in _NAMES or not name.isascii() or (name == "async" and node.parent.type in _ASYNC_IN)


def _odd_pattern(node: Any) -> bool:
    """Whether a default stands in a pattern that is assigned to."""
    while node is not None and node.type not in ("assignment_expression", "variable_declarator", "formal_parameters"):
        node = node.parent
    return node is not None and node.type == "assignment_expression"


def _written(node: Any) -> str | None:
    """What is left out of how a node is written, by its kind."""
    if node.type in _IDENTIFIERS:
        return "names" if _odd_name(node) else None
    if node.type == "type_arguments" and node.parent.type in ("call_expression", "new_expression"):
        return "comparisons" if text_of(node)[1:2] in (" ", "\t") else None
    if node.type == "arrow_function":
        return "types behind brackets" if re.match(r"(?:async\s*)?\([^:]*\)\s+:", text_of(node)) else None
    if node.type == "parenthesized_expression":
        return "types behind brackets" if node.next_sibling is not None and node.next_sibling.type == ":" else None
    if node.type == "formal_parameters" and node.parent.type in ("function_type", "constructor_type"):
        untyped = re.match(r"\(\s*(?:[{\[]|\w+\s*\))", text_of(node))
        return "parameters of function types" if untyped is not None else None
    if node.type in ("template_type", "template_substitution"):
        odd = any(inner.type in _NOT_IN_HOLES for inner in nodes(node, _BRACKETS))
        return "holes of templates" if odd else None
    if node.type == "template_string" and node.parent.type == "call_expression":
        return "escapes of tagged templates" if _ODD_ESCAPE.search(text_of(node)) else None
    if node.type == "object_assignment_pattern":
        return "patterns" if _odd_pattern(node) else None
    if node.type == "infer_type":
        return "types" if len(node.named_children) > 1 and node.named_children[1].type == "constructor_type" else None
    if node.type == "expression_statement":
        return "statements that begin with <" if text_of(node).startswith("<") else None
    return None


def _odd(node: Any) -> str | None:
    if node.type in _KINDS:
        return str(node.type)
    return "comparisons" if compares_a_comparison(node) else _written(node)


def typescript(text: str) -> str | None:
    """What a TypeScript file uses of what the grammar's head lists."""
    found = next(filter(None, map(_odd, nodes(syntax_tree("typescript", text)))), None)
    return found or ("line breaks" if _LINES.search(_COMMENT.sub("", text)) else None)
