"""The one intermediate form that every front end produces: regular expressions over bytes, and rules over them.

Front ends (regex, Lark, JSON Schema, Python types) build these values; `lower.py` flattens them into the kernel's
GrammarTable. Nothing here knows about tokens, except that a grammar may name special ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MARKERS: Final = tuple(bytes([byte]) * 1024 for byte in range(0xF5, 0xFE))
"""What `Dynamic` stands for in texts: bytes that UTF-8 does not have (RFC 3629, section 4), so many that whatever can
be completed without is completed sooner. 0xFE and 0xFF mark special tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class Nothing:
    """The empty language."""


@dataclass(frozen=True, slots=True, eq=False)
class Epsilon:
    """The language of the empty string."""


@dataclass(frozen=True, slots=True, eq=False)
class ByteSet:
    """One byte out of a set; bit b of `mask` stands for byte b."""

    mask: int


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """Exactly these bytes."""

    text: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """One after another."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """Any of."""

    options: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Intersection:
    """All of at once."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Complement:
    """Every byte string that is not in `inner`. Intersect it with what the text may be (valid UTF-8, say)."""

    inner: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """`inner` at least `low` and at most `high` times (None: no maximum)."""

    inner: Expression
    low: int
    high: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Automaton:
    """The texts that an automaton accepts; `table` is written as `kernel/table.py` says of AUTOMATON."""

    table: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Longest:
    """Non-empty texts w of `accepted`, each where what follows begins with no v for which w v is in `tracked`.

    The whole of a terminal, never a part of another expression. `Longest(x, x)` is the longest match.

    Attributes:
        accepted: see above.
        tracked: see above.
        unended: what may not be followed by the end: there is no v for which w v is in it, and v is all that follows up
            to the next special token, or the end of the text. None: nothing.
        barred: what follows begins with no non-empty text of it, wherever w ends. None: anything may.
        unfinished: what follows up to the next special token, or the end of the text, is none of its texts.
        marks: names; what has one of them in `apart` does not follow straight behind. None has bytes from 0xFC up.
        apart: names, see `marks`. The empty name: it does not begin where nothing has left a mark, as at the start.
    """

    accepted: Expression
    tracked: Expression
    unended: Expression | None = None
    barred: Expression | None = None
    unfinished: Expression | None = None
    marks: tuple[bytes, ...] = ()
    apart: tuple[bytes, ...] = ()


Expression: TypeAlias = (
    Nothing | Epsilon | ByteSet | Literal | Concat | Union | Intersection | Complement | Repeat | Automaton
)


def accepted(expression: Expression | Longest) -> Expression:
    """The texts of a terminal, whatever may follow it."""
    return expression.accepted if isinstance(expression, Longest) else expression


@dataclass(frozen=True, slots=True, eq=False)
class Terminal:
    """A text in the expression's language. `label` is what people call it (a terminal name, a JSON pointer)."""

    expression: Expression | Longest
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """Nodes one after another; no parts: the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Any of the nodes; no options: nothing at all."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repetition:
    """`inner` at least `low` and at most `high` times (None: no maximum)."""

    inner: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A rule by name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class SpecialToken:
    """Exactly one token, named by its text in the tokenizer (`"<|im_end|>"`)."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TokenSet:
    """One token, whole: one of those with these names or ids; `excluded`: any but those that can stand in a text.

    A token that has bytes may be named by its id too; it then stands for itself, however else its bytes could be read.
    """

    names: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    excluded: bool = False
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """An item of `Unordered` that may come once."""

    node: Node
    required: bool


@dataclass(frozen=True, slots=True, eq=False)
class Unordered:
    """Items in any order: each member at most once, required ones exactly once, `rest` any number of times.

    `separator` stands between two items; `low` and `high` (None: no maximum) bound their number. None of the nodes may
    derive the empty text.
    """

    members: tuple[Member, ...]
    rest: Node | None
    separator: Node
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Indentation:
    """Blocks by indentation, as `lark.indenter.Indenter` reads them: numbers are those of `Lalr.terminals`.

    Attributes:
        newline: its text ends in the blanks that stand before the next line's text, if it is not inside of brackets.
        indent, dedent: read nothing; they follow a newline that begins or ends a block.
        opening, closing: brackets.
        tab: how many columns a tab counts for; 0: columns have tabs and blanks, see `Lalr::each_deeper` in the kernel.
        deepest: the most columns by which a block may stand to the right of the one around it.
    """

    newline: int
    indent: int
    dedent: int
    opening: tuple[int, ...]
    closing: tuple[int, ...]
    tab: int
    deepest: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scanner:
    """Which terminal a text begins with: the first of `order` that matches at all, with the text that it prefers.

    Attributes:
        order: see above.
        keywords: for a terminal of `order`, the terminals whose texts are theirs although it matches them.
        ways: where what a terminal takes depends on what stands before or behind it: of all that the scanner reads, in
            what ways, with what that obliges the rest to. `order` only lists them then. Empty: `order` says it.
        skipped: the same of what is ignored.
    """

    order: tuple[int, ...]
    keywords: Mapping[int, tuple[int, ...]]
    ways: Mapping[int, tuple[Terminal, ...]] = field(default_factory=dict)
    skipped: Mapping[int, tuple[Terminal, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lalr:
    """An LALR(1) automaton: what its parser accepts, read by its own lexer.

    Attributes:
        terminals: by number; None for those that indentation makes. None of them may match the empty text. Those that
            are grammars are no business of scanners: they are read where the automaton expects them.
        nonterminals: their names; the first one's only rule, the first of all, is the start rule.
        rules: nonterminal and right side; there -1 - n is nonterminal n.
        actions: of each state, by terminal: a state to shift to, or -1 - r to reduce by rule r. The end of the text is
            the number after the last terminal's.
        gotos: of each state, the state after each nonterminal.
        kernels: of each state, the rules and places in them where it stands, nothing predicted.
        start: the state before any text.
        end: the state behind the start rule.
        ignored: terminals that may stand anywhere between others.
        scanners: empty: any terminal that the state accepts may match.
        scanner_of: of each state, its number in `scanners`.
        resolved: the rules that lost a conflict in some state. Without any, all that the rules derive is accepted.
        indentation: None: there are no blocks.
    """

    terminals: tuple[Terminal | Scope | None, ...]
    nonterminals: tuple[str, ...]
    rules: tuple[tuple[int, tuple[int, ...]], ...]
    actions: tuple[Mapping[int, int], ...]
    gotos: tuple[Mapping[int, int], ...]
    kernels: tuple[tuple[tuple[int, int], ...], ...]
    start: int
    end: int
    ignored: tuple[int, ...] = ()
    scanners: tuple[Scanner, ...] = ()
    scanner_of: tuple[int, ...] = ()
    resolved: tuple[int, ...] = ()
    indentation: Indentation | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A whole grammar as a node: the names of its rules are its own.

    Attributes:
        grammar: the grammar.
        fenced: whether what its terminals oblige the rest to ends with its text, as it does where that is all.
    """

    grammar: Grammar
    fenced: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class JsonText:
    """A JSON text that is valid under a schema; what is not set here is as in `json_schema.Options`.

    Attributes:
        schema: the schema, or its JSON text.
        options: `json_schema.Options`.
        bounds: `json_schema.bounds.Bounds`; None: none.
        part: whose text it is, for reports, where there are several.
    """

    schema: Any
    options: Any
    bounds: Any = None
    part: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """A node whose text is returned by a name; the language is the node's.

    Attributes:
        node: what is captured.
        name: the name; None: only the ending is captured.
        ending: what the text ends with that is not part of what is captured.
        ending_name: the name under which that is returned.
        trailing: texts that may stand behind what is captured, as far as they are the last part of it.
    """

    node: Node
    name: str | None
    ending: Expression | None = None
    ending_name: str | None = None
    trailing: Expression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Heated:
    """A node whose tokens are drawn at a temperature of their own; what is heated within it keeps its own."""

    node: Node
    temperature: float


@dataclass(frozen=True, slots=True, eq=False)
class Dynamic:
    """A text that a function of the program allows when generation gets there; see `dynamic.py`.

    Attributes:
        name: what people call it.
        function: from the text so far to the texts that may stand here, or to a spec; nothing: none may.
        number: which of these terminals of its grammar it is.
    """

    name: str
    function: Callable[[str], Any]
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Limited:
    """A node whose texts are a regular language, held short.

    Attributes:
        node: what is limited.
        max_tokens: the most tokens that may have a byte of the text, those that it shares with its neighbours included.
        max_chars: the most characters.
        label: what people call it.
    """

    node: Node
    max_tokens: int | None = None
    max_chars: int | None = None
    label: str | None = None


Node: TypeAlias = (
    Terminal
    | Sequence
    | Choice
    | Repetition
    | Reference
    | SpecialToken
    | TokenSet
    | Unordered
    | Scope
    | JsonText
    | Limited
    | Lalr
    | Capture
    | Heated
    | Dynamic
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Grammar:
    """A start node and the rules it refers to.

    Rules that can produce no text, or that nothing reaches, are allowed; the kernel ignores them. A grammar whose start
    produces nothing is refused when it is lowered.
    """

    start: Node
    rules: Mapping[str, Node] = field(default_factory=dict)
