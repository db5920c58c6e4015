"""Native token-mask kernel. Use it through guidedgen.kernel."""

from collections.abc import Sequence
from typing import Annotated

import numpy
import numpy.typing
from numpy.typing import NDArray


class Vocabulary:
    """The bytes of all tokens as a prefix tree."""

    def __init__(self, data: bytes, offsets: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

    @property
    def size(self) -> int: ...

    @property
    def trie_nodes(self) -> int: ...

    @property
    def trie_bytes(self) -> int: ...

class SchemaSettings:
    """
    How schemas are read, laid out and bounded; see guidedgen.grammars.json_schema.native_compile.
    """

    def __init__(self, options: dict, resolve: object, layout: dict, limits: dict) -> None: ...

class Grammar:
    """A grammar compiled for one vocabulary; thread-safe."""

    def __init__(self, vocabulary: Vocabulary, exprs: Annotated[NDArray[numpy.int32], dict(order='C', device='cpu', writable=False)], symbols: Annotated[NDArray[numpy.int32], dict(order='C', device='cpu', writable=False)], pool: Annotated[NDArray[numpy.int32], dict(order='C', device='cpu', writable=False)], byte_sets: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu', writable=False)], literals: bytes, start: int, limits: dict, texts: Sequence = ()) -> None: ...

    @staticmethod
    def from_schema(vocabulary: Vocabulary, schema: object | None, settings: SchemaSettings) -> Grammar:
        """The JSON texts of a schema."""

    @property
    def schema(self) -> Schema | None:
        """The schema that it was made from."""

    def start(self) -> State:
        """The position before the first token."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def explainer(self) -> object:
        """What `State.explain` calls with the state and the token."""

    @explainer.setter
    def explainer(self, arg: object, /) -> None: ...

    def unproved(self) -> tuple[str, ...]:
        """
        Places of a JSON Schema where no search so far proved within its budget that a text can be completed.
        """

    @property
    def memory(self) -> int:
        """Bytes that it holds, as `stats` says."""

    @property
    def lexer(self) -> tuple[int, int]:
        """
        What it shares with others: which one, and its bytes where grammars to come have another.
        """

    def stats(self) -> dict:
        """Deterministic counters and sizes in bytes."""

class State:
    """An immutable position; see guidedgen.constraint.State."""

    def fill(self, out: numpy.typing.NDArray[numpy.int32], budget: int | None = None) -> None: ...

    def mask(self, budget: int | None = None) -> numpy.typing.NDArray[numpy.int32]: ...

    def advance(self, token: int) -> State | None: ...

    def advance_bytes(self, data: bytes) -> State | None: ...

    def forced(self) -> tuple[int, ...]: ...

    def shortest(self) -> tuple[int, ...]: ...

    def allowed_bytes(self) -> bytes: ...

    def labels(self) -> tuple[int, ...]: ...

    def where(self, byte: int = -1) -> list[tuple[tuple[str | None, ...], tuple[str, ...], tuple[str, ...], tuple[tuple[str | None, str], ...]]]:
        """
        Of a JSON Schema, for each reading: path, pointers, keys, and what is asked for where `byte` is refused.
        """

    def explain(self, token: int) -> object:
        """Why `token` is not allowed; None where it is."""

    @property
    def accepting(self) -> bool: ...

    @property
    def done(self) -> str | None: ...

    @property
    def fingerprint(self) -> int: ...

class Schema:
    """
    A JSON Schema as read; see guidedgen.grammars.json_schema.native_schema.
    """

    def __init__(self, schema: object | None, options: dict, resolve: object, limits: dict) -> None: ...

    def report(self) -> tuple[tuple[str, str, str, str], ...]:
        """Pointer, keyword, treatment and note of every keyword that was read."""

    def dump(self) -> list[dict[str, object]]:
        """Every node as plain values, for tests."""

    @property
    def nodes(self) -> int: ...

    @property
    def dynamic(self) -> bool: ...

    @property
    def memory(self) -> int: ...

def content_key(schema: object) -> bytes | None:
    """
    What a schema says, as 16 bytes that mean something in this process; None for what is no plain data.
    """

def row_kernels() -> list[str]:
    """Names of the row kernels that run on this processor, best first."""

class PackedMatrix:
    """A weight matrix in the order in which products read it."""

    @staticmethod
    def exact(weight: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], bias: object | None = None) -> PackedMatrix:
        """From float32 [out, in]."""

    @staticmethod
    def brief(weight: Annotated[NDArray[numpy.uint16], dict(shape=(None, None), order='C', device='cpu', writable=False)], bias: object | None = None) -> PackedMatrix:
        """From bfloat16 [out, in], given as uint16."""

    @staticmethod
    def coded(codes: Annotated[NDArray[numpy.uint8], dict(shape=(None, None), order='C', device='cpu', writable=False)], scales: Annotated[NDArray[numpy.uint16], dict(shape=(None, None), order='C', device='cpu', writable=False)], offsets: object | None = None, bias: object | None = None) -> PackedMatrix:
        """
        From codes [out, in] and float16 scales [out, in / 32], given as uint16: bytes around 128, or with offsets 0 to 15.
        """

    def multiply(self, rows: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], out: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], kernels: str = '', threads: int = 1) -> None:
        """Writes rows [R, in] times the matrix to out [R, out]."""

class SlotArrays:
    """
    Keys and values of all layers, each [slots, heads, dim], or of eight bits [slots, heads, dim + 4].
    """

    def __init__(self, keys: Sequence[Annotated[NDArray, dict(shape=(None, None, None), order='C', device='cpu')]], values: Sequence[Annotated[NDArray, dict(shape=(None, None, None), order='C', device='cpu')]]) -> None: ...

class LlamaRows:
    """The layers and the head of a Llama-shaped model over flat rows."""

    def __init__(self, shape: dict, layers: list, norm: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)], head: PackedMatrix, kernels: str = '') -> None: ...

    def run(self, hidden: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], slots: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], cosines: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], sines: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], segments: list, hidden_slots: list, hidden_in: Sequence[int], layers: Sequence[int], parts: Sequence[tuple[bool, bool]], store: SlotArrays, taps: dict, threads: int) -> None:
        """
        Runs layers over hidden states [R, width] in place; hidden_slots: how many of its oldest slots each row does not see, [R] each, and hidden_in: which of them is a layer's, or -1; parts: of each layer that runs whether attention and whether the rest do; taps: by layer, memory for what stands after it.
        """

    def head(self, hidden: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], logits: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], threads: int) -> None:
        """Final norm and head."""

def take_best(logits: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], words: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu', writable=False)], records: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')], kernels: str = '', threads: int = 1) -> None:
    """
    The best allowed token of each row of logits [B, V] under packed masks [B, W]: token, chance (1), log-probability, log mass and margin to records [B, 5]. A token of -1, or what is not finite, says that there is no choice.
    """

def draw_rows(logits: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], words: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu', writable=False)], uniforms: Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)], temperature: float, top_k: int, top_p: float, min_p: float, records: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')], kernels: str = '', threads: int = 1) -> None:
    """
    A token of each row drawn with one number of [0, 1) each; top_k 0, top_p 1 and min_p 0 are off.
    """

def log_sums(logits: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], sums: Annotated[NDArray[numpy.float64], dict(shape=(None, None), order='C', device='cpu')], kernels: str = '') -> None:
    """
    The logarithm of the sum of exponentials of each row [B, V], and its largest logit, to sums [B, 2].
    """

class NumberProbe:
    """For tests: the languages of one conjunction of number keywords."""

    def __init__(self, spec: dict, vocabulary: Vocabulary | None = None) -> None: ...

    def matches(self, kind: str, text: str) -> bool: ...

    def completes(self, kind: str, prefix: str) -> bool: ...

    def next_bytes(self, kind: str, prefix: str) -> str: ...

    def distance(self, kind: str, prefix: str) -> int: ...

    def mask_cost(self, kind: str, prefix: str) -> tuple: ...

    def check(self, text: str) -> bool: ...

    @property
    def empty(self) -> bool: ...

    @property
    def boolean(self) -> bool: ...

    @property
    def size(self) -> int: ...

    @property
    def states(self) -> int: ...

def canonical_number(text: str) -> str:
    """For tests: the one text of a numeral's value."""

def fill_masks(states: list, out: Annotated[NDArray[numpy.int32], dict(shape=(None, None), order='C', device='cpu')], threads: int = 1, budgets: object | None = None) -> None:
    """
    Fill row i of `out`, int32 [B, ceil(V / 32)], from states[i] with the GIL released.
    """

def formats() -> dict[str, str]:
    """The formats that masks enforce, and what of each they do not."""

class TextProbe:
    """The JSON strings of one language of texts; for tests."""

    def __init__(self, kind: str, argument: object | None = None) -> None: ...

    def matches(self, json: bytes) -> bool:
        """Whether a JSON string, with its quotes, is in the language."""

    def holds(self, utf8: bytes) -> bool:
        """Whether a text is in the language."""

    @property
    def size(self) -> int:
        """Expressions made so far."""

    @property
    def boolean(self) -> bool:
        """Whether the expression has intersections or complements."""

    @property
    def any(self) -> bool:
        """Whether it is plainly every text."""

    @property
    def empty(self) -> bool:
        """Whether it is plainly no text."""

def span_automaton(text: bytes, unit: int, low: int, high: int, most: int) -> Annotated[NDArray[numpy.int32], dict(shape=(None,))]:
    """
    The spans of a UTF-8 text of so many characters (0), words (1) or lines (2), as an automaton; high < 0: any number.
    """

def word_automaton(words: list, most: int) -> Annotated[NDArray[numpy.int32], dict(shape=(None,))]:
    """The words of a list in ascending order, as an automaton."""
