"""What a state promises: buffers, special tokens, forced and shortest tokens, explanations, threads, UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from guidedgen.constraint import Constraint, State
from guidedgen.errors import CompileError, GuidedGenError
from guidedgen.grammars import ir
from guidedgen.kernel import Explanation, compile_table
from guidedgen.vocabulary import Vocabulary
from tests.kernel.helpers import BYTES, accepts, after, allowed, byte_set, compile_grammar, text
from tests.kernel.naive import VOCABULARY

LETTERS = ir.Terminal(ir.Repeat(byte_set(b"abc"), 0, None), "LETTERS")
LONG = ir.Repeat(byte_set(b"ab"), 1_000, 2_000)


def test_protocols(kernel: str) -> None:
    compiled = compile_grammar(LETTERS, kernel)
    assert isinstance(compiled, Constraint)
    assert isinstance(compiled.start(), State)
    assert compiled.vocab_size == 256
    assert compiled.implementation == kernel
    assert compiled.start().done is None


def test_fill_overwrites_every_word(kernel: str) -> None:
    state = compile_grammar(LETTERS, kernel).start()
    out = np.full(8, -1, dtype=np.int32)
    state.fill(out)
    assert out.tolist() == state.mask().tolist()
    assert np.flatnonzero(np.unpackbits(out.view(np.uint8), bitorder="little")).tolist() == list(b"abc")


def test_masks_are_not_shared_with_the_caller(kernel: str) -> None:
    state = compile_grammar(LETTERS, kernel).start()
    state.mask()[:] = 0
    assert allowed(state, BYTES) == set(b"abc")


@pytest.mark.parametrize(
    "buffer",
    [
        np.zeros(7, dtype=np.int32),
        np.zeros(9, dtype=np.int32),
        np.zeros((1, 8), dtype=np.int32),
        np.zeros(8, dtype=np.int64),
        np.zeros(8, dtype=np.float32),
        np.zeros(16, dtype=np.int32)[::2],
        [0] * 8,
        None,
    ],
)
def test_fill_refuses_other_buffers(kernel: str, buffer: object) -> None:
    state = compile_grammar(LETTERS, kernel).start()
    with pytest.raises(ValueError, match="mask buffer"):
        state.fill(buffer)  # type: ignore[arg-type]


class Labelled(np.ndarray[tuple[int], np.dtype[np.int32]]):
    """An array of a class of its own."""


def test_fill_writes_into_any_array_of_its_shape(kernel: str) -> None:
    start = compile_grammar(LETTERS, kernel).start()
    wanted = start.mask()
    words = len(wanted)
    rows = np.full((3, words), -1, dtype=np.int32)
    memory = bytearray(b"\xff" * (4 * words + 4))
    within = np.frombuffer(memory, dtype=np.int32)[1:]
    buffers = [rows[1], rows.reshape(-1)[-words:], within]
    if kernel == "native":  # the other takes no classes of their own
        buffers.append(np.empty(words, np.int32).view(Labelled))
    for buffer in buffers:
        start.fill(buffer)
        assert buffer.tolist() == wanted.tolist()
    assert rows[0].tolist() == [-1] * words
    assert memory[:4] == b"\xff" * 4


def test_fill_refuses_a_readonly_buffer(kernel: str) -> None:
    buffer = np.zeros(8, dtype=np.int32)
    buffer.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        compile_grammar(LETTERS, kernel).start().fill(buffer)
    assert not buffer.any()


@pytest.mark.parametrize("size", [31, 32, 33, 64, 300])
def test_padding_ids_are_never_allowed(kernel: str, size: int) -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"b", b""], size=size)
    state = compile_grammar(LETTERS, kernel, vocabulary).start()
    assert len(state.mask()) == (size + 31) // 32
    assert allowed(state, vocabulary) == {0, 1}


def test_special_tokens_only_where_named(kernel: str) -> None:
    grammar = ir.Sequence((LETTERS, ir.SpecialToken("<s>"), text(b"c")))
    compiled = compile_grammar(grammar, kernel, VOCABULARY)
    start = compiled.start()
    assert allowed(start, VOCABULARY) == {0, 1, 2, 3, 4, 5, 6, 7, 9}
    inside = start.advance(3)
    assert inside is not None
    behind = inside.advance(7)
    assert behind is not None
    assert allowed(behind, VOCABULARY) == {2}
    assert behind.forced() == (2,)
    assert start.advance(8) is None


def test_special_tokens_not_inside_a_terminal(kernel: str) -> None:
    grammar = ir.Sequence((text(b"ab"), ir.SpecialToken("<s>")))
    start = compile_grammar(grammar, kernel, VOCABULARY).start()
    assert allowed(start, VOCABULARY) == {0, 3, 6}
    inside = start.advance(0)
    assert inside is not None
    assert inside.advance(7) is None
    assert start.shortest() == (3, 7)


def test_named_token_with_bytes_is_read_either_way(kernel: str) -> None:
    """Token 9 is <n> and has the bytes `ca`."""
    grammar = ir.Choice((ir.Sequence((ir.SpecialToken("<n>"), text(b"b"))), text(b"cac")))
    state = compile_grammar(grammar, kernel, VOCABULARY).start().advance(9)
    assert state is not None
    assert allowed(state, VOCABULARY) == {1, 2}


def test_end_tokens_cannot_be_named(kernel: str) -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"", b""], special={"<s>": 1, "</s>": 2}, eos=["</s>"])
    assert allowed(compile_grammar(ir.SpecialToken("<s>"), kernel, vocabulary).start(), vocabulary) == {1}
    with pytest.raises(CompileError, match="token 2 ends the text"):
        compile_grammar(ir.SpecialToken("</s>"), kernel, vocabulary)


def test_forced_tokens_follow_one_another(kernel: str) -> None:
    grammar = ir.Sequence((text(b"abcdef"), ir.Terminal(byte_set(b"xy")), text(b"z")))
    compiled = compile_grammar(grammar, kernel)
    assert bytes(compiled.start().forced()) == b"abcdef"
    state = after(compiled, b"abcdefx")
    assert state is not None
    assert bytes(state.forced()) == b"z"


def test_nothing_is_forced_where_the_text_may_end(kernel: str) -> None:
    compiled = compile_grammar(ir.Terminal(ir.Union((ir.Literal(b"a"), ir.Literal(b"ab")))), kernel)
    assert bytes(compiled.start().forced()) == b"a"
    state = after(compiled, b"a")
    assert state is not None
    assert state.forced() == ()


def test_two_ways_to_spell_are_not_forced(kernel: str) -> None:
    """`ab` may be two tokens, or one of two equal ones."""
    assert compile_grammar(text(b"ab"), kernel, VOCABULARY).start().forced() == ()


def test_forced_runs_are_bounded(kernel: str) -> None:
    forced = compile_grammar(text(b"a" * 5_000), kernel).start().forced()
    assert 0 < len(forced) <= 5_000


def test_endless_forced_text_ends(kernel: str) -> None:
    grammar = ir.Sequence((ir.Repetition(text(b"a"), 10**6, None), text(b"b")))
    assert 0 < len(compile_grammar(grammar, kernel).start().forced()) <= 10**6


@pytest.mark.parametrize(
    ("node", "length"),
    [
        (text(b""), 0),
        (LETTERS, 0),
        (ir.Terminal(ir.Repeat(byte_set(b"abc"), 1_000, None)), 1_000),
        (ir.Repetition(ir.Sequence((text(b"("), LETTERS, text(b")"))), 500, None), 1_000),
        (ir.Terminal(ir.Intersection((ir.Repeat(ir.Literal(b"aab"), 0, None), LONG))), 1_002),
        (ir.Choice((text(b"abc"), ir.Sequence((text(b"a"), text(b"b"))))), 2),
    ],
)  # fmt: skip
def test_shortest_length(kernel: str, node: ir.Node, length: int) -> None:
    compiled = compile_grammar(node, kernel)
    tokens = compiled.start().shortest()
    assert len(tokens) == length
    assert accepts(compiled, bytes(tokens))


def test_shortest_out_of_deep_nesting(kernel: str) -> None:
    opened = ir.Sequence((text(b"["), ir.Reference("s"), text(b"]")))
    grammar = ir.Grammar(start=ir.Reference("s"), rules={"s": ir.Choice((opened, text(b"x")))})
    state = after(compile_grammar(grammar, kernel), b"[" * 2_000)
    assert state is not None
    assert bytes(state.shortest()) == b"x" + b"]" * 2_000


def test_shortest_uses_long_tokens(kernel: str) -> None:
    assert compile_grammar(text(b"abcab"), kernel, VOCABULARY).start().shortest() in [(5, 3), (5, 6)]


def test_shortest_from_inside_a_terminal(kernel: str) -> None:
    grammar = ir.Sequence((ir.Choice((text(b"abbbbb"), text(b"ac"))), ir.SpecialToken("<t>")))
    state = compile_grammar(grammar, kernel, VOCABULARY).start().advance(0)
    assert state is not None
    assert state.shortest() == (2, 8)


def test_explanations(kernel: str) -> None:
    vocabulary = Vocabulary.from_tokens([b"a", b"abx", b"x", b"ab", b"", b"c", b"d"], special={"<s>": 4})
    grammar = ir.Sequence(
        (ir.Terminal(ir.Literal(b"ab"), "AB"), ir.Terminal(byte_set(b"cd"), "CD"), ir.SpecialToken("<s>"))
    )
    compiled = compile_grammar(grammar, kernel, vocabulary)
    start = compiled.start()
    assert start.explain(3) is None
    assert start.explain(1) == Explanation(offset=2, expected=frozenset(b"cd"), labels=("CD",), text=b"abx")
    assert start.explain(2) == Explanation(offset=0, expected=frozenset(b"a"), labels=("AB",), text=b"x")
    assert start.explain(4) == Explanation(offset=0, expected=frozenset(b"a"), labels=("AB",))
    end = start.advance_bytes(b"abc")
    assert end is not None
    assert end.explain(0) == Explanation(offset=0, expected=frozenset(), labels=("<s>",), text=b"a")
    with pytest.raises(IndexError):
        start.explain(7)
    done = end.advance(4)
    assert done is not None
    assert done.explain(0) == Explanation(offset=0, expected=frozenset(), labels=(), text=b"a", complete=True)


def test_characters_split_over_tokens(kernel: str) -> None:
    """é is c3 a9, 日 is e6 97 a5; tokens cut them anywhere, and the mask never lets a wrong rest in."""
    tokens = [b"\xc3", b"\xa9", b"\xa5", b"\xe6", b"\xe6\x97", b"\x97\xa5", b"\xa5\xc3", "é".encode(), "日".encode()]
    vocabulary = Vocabulary.from_tokens(tokens)
    one = ir.Union((ir.Literal("é".encode()), ir.Literal("日".encode())))
    compiled = compile_grammar(ir.Terminal(ir.Repeat(one, 2, 2)), kernel, vocabulary)
    path = [({0, 3, 4, 7, 8}, 4), ({2, 6}, 6), ({1}, 1)]
    state: State | None = compiled.start()
    for expected, token in path:
        assert state is not None
        assert allowed(state, vocabulary) == expected
        state = state.advance(token)
    assert state is not None
    assert state.accepting
    assert allowed(state, vocabulary) == set()


def test_advance_by_bytes_and_by_tokens_agree(kernel: str) -> None:
    compiled = compile_grammar(ir.Repetition(ir.Choice((text(b"abc"), text(b"ba"))), 0, None), kernel, VOCABULARY)
    by_tokens: State | None = compiled.start()
    for token in (5, 4, 3, 2):
        assert by_tokens is not None
        by_tokens = by_tokens.advance(token)
    by_bytes = after(compiled, b"abcbaabc")
    assert by_tokens is not None
    assert by_bytes is not None
    assert allowed(by_tokens, VOCABULARY) == allowed(by_bytes, VOCABULARY)
    assert by_tokens.accepting
    assert by_bytes.accepting


def test_no_bytes_lead_nowhere_else(kernel: str) -> None:
    state = after(compile_grammar(text(b"ab"), kernel), b"a")
    assert state is not None
    same = state.advance_bytes(b"")
    assert same is not None
    assert allowed(same, BYTES) == {ord("b")}


def test_equal_positions_have_equal_fingerprints(kernel: str) -> None:
    compiled = compile_grammar(LETTERS, kernel)
    states = [after(compiled, data) for data in (b"ab", b"ba")]
    assert states[0] is not None
    assert states[1] is not None
    assert states[0].fingerprint == states[1].fingerprint


def test_threads_share_a_grammar(kernel: str) -> None:
    """Eight threads walk the same cold grammar; each must see what a single one sees."""
    nested = ir.Sequence((text(b"("), ir.Reference("s"), text(b")")))
    repeated = ir.Repetition(ir.Choice((text(b"abc"), text(b"ba"), nested)), 0, None)
    grammar = ir.Grammar(start=ir.Reference("s"), rules={"s": repeated})
    data = b"abcba(ba(abc)ba)((()))abc" * 4

    def walk(compiled: Constraint) -> list[list[int]]:
        state: State | None = compiled.start()
        masks = []
        for byte in data:
            assert state is not None
            masks.append(state.mask().tolist())
            state = state.advance(byte)
        return masks

    expected = walk(compile_grammar(grammar, kernel))
    shared = compile_grammar(grammar, kernel)
    results: list[list[list[int]]] = []
    threads = [threading.Thread(target=lambda: results.append(walk(shared))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_two_vocabularies_do_not_mix(kernel: str) -> None:
    other = Vocabulary.from_tokens([b"b", b"a"])
    assert allowed(compile_grammar(text(b"a"), kernel, other).start(), other) == {1}
    assert allowed(compile_grammar(text(b"a"), kernel, BYTES).start(), BYTES) == {ord("a")}


def test_unknown_implementation() -> None:
    with pytest.raises(ValueError, match="implementation"):
        compile_grammar(text(b"a"), "fast")


def test_compile_errors_are_in_the_tree(kernel: str) -> None:
    with pytest.raises(GuidedGenError) as caught:
        compile_grammar(ir.Choice(()), kernel)
    assert isinstance(caught.value, CompileError)


def test_environment_chooses_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDEDGEN_KERNEL", "reference")
    table = compile_grammar(text(b"a"), "reference")
    assert table.implementation == "reference"
    monkeypatch.setenv("GUIDEDGEN_KERNEL", "fast")
    with pytest.raises(ValueError, match="GUIDEDGEN_KERNEL"):
        compile_grammar(text(b"a"), None)  # type: ignore[arg-type]
    assert compile_table is not None


def test_without_the_native_module_the_reference_runs_and_says_so() -> None:
    program = (
        "import sys, logging; logging.basicConfig()\n"
        "sys.modules['guidedgen.kernel._native'] = None\n"
        "from guidedgen.kernel import default_implementation\n"
        "assert default_implementation() == 'reference'\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "GUIDEDGEN_KERNEL"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert "reference kernel" in done.stderr
