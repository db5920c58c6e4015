"""What a model may write under `gg.Tools`, and what is read from it."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import guidedgen as gg
from guidedgen.grammars.tool_formats import FORMATS
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts, byte_vocabulary, check_constraint
from guidedgen.tool_streaming import ToolScanner
from guidedgen.vocabulary import Vocabulary
from tests.grammars.tool_samples import FIND, TOOLS, WRITERS, Ticket, book, search

BYTES = byte_vocabulary([b"<tool_call>", b"</tool_call>", b'{"', b'":', b' "', b"name", b"arguments", b"}}", b"tool"])
ULM = ("search", {"city": "Ulm"})
ROOM = ("book", {"id": 3})


def compiled(tools: Any, kernel: str = "native") -> Any:
    return gg.compile(tools, BYTES, implementation=kernel)


@pytest.mark.parametrize("name", FORMATS)
def test_calls_are_taken_and_read(name: str, kernel: str) -> None:
    tools = gg.Tools(TOOLS, format=name)
    constraint = compiled(tools, kernel)
    for call in (ULM, ROOM, ("Ticket", {"title": "x"}), ("find", {"tags": ["a", 3]})):
        text = WRITERS[name]([call])
        assert accepts(constraint, text), text
        (read,) = tools.parse(text)
        assert read.name == call[0]
        expected = Ticket(title="x") if read.name == "Ticket" else call[1]
        assert read.arguments == expected
        assert json.loads(read.text) == call[1]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_call_is_refused(name: str, kernel: str) -> None:
    constraint, write = compiled(gg.Tools(TOOLS, format=name), kernel), WRITERS[name]
    refused = [("other", {}), ("search", {}), ("search", {"city": "x", "days": 8}), ("book", {"id": "x"})]
    for call in [*refused, ("find", {"tags": ["c"]}), ("book", {"id": 1, "more": 2}), ("searc", {"city": "x"})]:
        assert not accepts(constraint, write([call])), call
    for text in ("", "Hello.", f"Hello. {write([ROOM])}", write([ROOM])[:-1], write([ROOM]) + " "):
        assert not accepts(constraint, text), text


@pytest.mark.parametrize("name", [name for name, made in FORMATS.items() if made.most is None])
@pytest.mark.parametrize(("parallel", "most"), [(True, 9), (False, 1), (2, 2), (1, 1)])
def test_parallel_calls(name: str, parallel: bool | int, most: int) -> None:
    tools = gg.Tools(TOOLS, format=name, parallel=parallel)
    constraint = compiled(tools)
    for count in range(1, 5):
        text = WRITERS[name]([ULM, ROOM, ROOM, ULM][:count])
        assert accepts(constraint, text) == (count <= most), (count, text)
        assert len(tools.parse(text)) == count  # reading is laxer: it may be asked about other models' texts


def test_formats_with_one_call() -> None:
    assert not accepts(compiled(gg.Tools(TOOLS, format="llama3")), WRITERS["llama3"]([ULM, ROOM]))
    with pytest.raises(gg.CompileError, match="has at most 1 calls"):
        gg.Tools(TOOLS, format="llama3", parallel=2)
    gg.Tools(TOOLS, format="llama3", parallel=1)


@pytest.mark.parametrize("name", FORMATS)
def test_auto_is_words_or_calls(name: str, kernel: str) -> None:
    tools = gg.Tools(TOOLS, choice="auto", format=name)
    constraint, calls = compiled(tools, kernel), WRITERS[name]([ROOM])
    for text in ("", "Hello.", 'A list: [1, {"name": 2}] <tool> [TOOL', "Grüße 👋", "[", "{", "<tool_call"):
        assert accepts(constraint, text), text
        assert (tools.parse(text), tools.parse(text).text) == ([], text)
    assert accepts(constraint, calls)
    assert [call.name for call in tools.parse(calls)] == ["book"]
    said = f"Let me see.\n{calls}"
    assert accepts(constraint, said)
    if FORMATS[name].trigger:  # other formats have no text beside calls: this is an answer in words
        assert (tools.parse(said).text, len(tools.parse(said))) == ("Let me see.\n", 1)
    else:
        assert (tools.parse(said).text, len(tools.parse(said))) == (said, 0)


@pytest.mark.parametrize("name", FORMATS)
def test_words_cannot_be_mistaken_for_calls(name: str, kernel: str) -> None:
    constraint = compiled(gg.Tools(TOOLS, choice="auto", format=name), kernel)
    opening = FORMATS[name].opening
    for broken in (f"{opening}other", f"{opening.replace(' ', '')}x", f"  {opening}x", f"{WRITERS[name]([ROOM])}."):
        assert not accepts(constraint, broken), broken


def test_none_is_words_only(kernel: str) -> None:
    tools = gg.Tools(TOOLS, choice="none", format="hermes")
    constraint = compiled(tools, kernel)
    assert accepts(constraint, "Hello.")
    assert not accepts(constraint, "<tool_call>")
    assert not accepts(constraint, WRITERS["hermes"]([ROOM]))


def test_a_name_is_that_tool(kernel: str) -> None:
    constraint = compiled(gg.Tools(TOOLS, choice="book", format="json"), kernel)
    assert accepts(constraint, WRITERS["json"]([ROOM]))
    assert not accepts(constraint, WRITERS["json"]([ULM]))
    assert not accepts(constraint, "Hello.")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("choice", ["required", "auto"])
def test_the_laws_hold(name: str, choice: str) -> None:
    tools = gg.Tools([search, book], choice=choice, format=name)
    check_constraint(compiled(tools), BYTES, walks=3, length=40)


def test_both_kernels_make_the_same_masks() -> None:
    tools = gg.Tools(TOOLS, choice="auto", format="hermes")
    text = "So <tool " + WRITERS["hermes"]([ULM, ("find", {"tags": ["a"]})])
    fast, slow = compiled(tools).start(), compiled(tools, "reference").start()
    for byte in text.encode():
        assert (fast.mask() == slow.mask()).all(), text
        fast, slow = fast.advance(byte), slow.advance(byte)


@pytest.mark.parametrize("name", FORMATS)
def test_whatever_masks_allow_can_be_read_and_is_valid(name: str) -> None:
    """Random walks that are completed in the shortest way; jsonschema looks at the arguments."""
    tools = gg.Tools(TOOLS, format=name, parallel=FORMATS[name].most or 3)
    schemas = {tool.name: tool.schema for tool in tools.tools}
    constraint, chance, seen = compiled(tools), random.Random(5), set[str]()
    for _ in range(40):
        state, tokens = constraint.start(), list[int]()
        for _ in range(len(FORMATS[name].opening.encode()) + chance.randrange(60)):
            options = allowed_tokens(state.mask())
            if not len(options):
                break
            tokens.append(int(chance.choice(options)))
            state = state.advance(tokens[-1])
        text = BYTES.decode_bytes([*tokens, *state.shortest()]).decode()
        for call in tools.parse(text):
            jsonschema.validate(json.loads(call.text), schemas[call.name])
            seen.add(call.name)
    assert seen == set(schemas)


_WORDS = st.text(st.sampled_from('<tool_call>/[TOOL_CALLS]ARGS{"name: \nä'), max_size=30)
_CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("search"), st.fixed_dictionaries({"city": st.text(max_size=8)})),
        st.tuples(st.just("book"), st.fixed_dictionaries({"id": st.integers(-9, 99)})),
        st.tuples(
            st.just("find"), st.fixed_dictionaries({"tags": st.lists(st.sampled_from(["a", "b", 3]), max_size=2)})
        ),
    ),
    max_size=3,
)


@settings(max_examples=80)
@given(name=st.sampled_from(sorted(FORMATS)), words=_WORDS, calls=_CALLS)
def test_reading_is_the_inverse_of_writing(name: str, words: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """What is accepted as words and calls is read as those words and calls, and nothing else is accepted."""
    tools = gg.Tools(TOOLS, choice="auto", format=name)
    made = FORMATS[name]
    calls = calls[: made.most]
    text = words + WRITERS[name](calls) if calls else words
    constraint = _CONSTRAINTS.setdefault(name, compiled(tools))
    accepted = accepts(constraint, text)
    if made.trigger:
        assert accepted == (made.trigger not in words)
    elif not words:
        assert accepted
    if accepted and (made.trigger or not words or not calls):
        read = tools.parse(text)
        assert read.text == words
        assert [(call.name, call.arguments) for call in read] == calls


_CONSTRAINTS: dict[str, Any] = {}


def test_marks_may_be_special_tokens() -> None:
    vocabulary = byte_vocabulary(special=["[TOOL_CALLS]", "<|python_tag|>"])
    mark, tag = vocabulary.special["[TOOL_CALLS]"], vocabulary.special["<|python_tag|>"]
    calls = WRITERS["mistral"]([ROOM]).removeprefix("[TOOL_CALLS]")

    constraint = gg.compile(gg.Tools(TOOLS, choice="auto", format="mistral"), vocabulary)
    assert _takes(constraint, [*b"Well. ", mark, *calls.encode()])
    assert not _takes(constraint, [*b"Well. [TOOL_CALLS]"])
    assert not _takes(constraint, [mark])
    check_constraint(constraint, vocabulary, walks=3, bytes_only=False)

    constraint = gg.compile(gg.Tools(TOOLS, choice="auto", format="llama3"), vocabulary)
    call = WRITERS["llama3"]([ROOM]).encode()
    assert _takes(constraint, [tag, *call])
    assert _takes(constraint, call)
    assert not _takes(constraint, [tag, *b"Hello."])


def test_marks_of_real_vocabularies() -> None:
    found = importlib.util.find_spec("mistral_common")
    if found is None or found.origin is None:
        pytest.skip("mistral_common is not installed")
    vocabulary = Vocabulary.from_file(Path(found.origin).parent / "data" / "tekken_240911.json")
    mark = vocabulary.special["[TOOL_CALLS]"]
    calls = vocabulary.encode(WRITERS["mistral"]([ROOM]).removeprefix("[TOOL_CALLS]"))
    constraint = gg.compile(gg.Tools(TOOLS, choice="auto", format="mistral"), vocabulary)
    assert _takes(constraint, [*vocabulary.encode("Well. "), mark, *calls])
    assert not _takes(constraint, vocabulary.encode("[TOOL_CALLS]"))


def _takes(constraint: Any, tokens: Any) -> bool:
    state = constraint.start()
    for token in tokens:
        state = None if state is None else state.advance(token)
    return state is not None and state.accepting


def test_a_lead_is_read_with_or_without() -> None:
    tools = gg.Tools(TOOLS, format="llama3")
    call = WRITERS["llama3"]([ROOM])
    assert tools.parse(call) == tools.parse(f"<|python_tag|>{call}") == tools.parse(f"\udcff<|python_tag|>\udcfe{call}")


ODD = {"name": "odd", "parameters": {"type": "object", "properties": {"x": {"type": "string", "pattern": "(a"}}}}
EMPTY = {"name": "empty", "parameters": {"type": "object", "properties": {"x": {"enum": []}}, "required": ["x"]}}


@pytest.mark.parametrize(
    ("tool", "pointer", "told"),
    [
        (ODD, "/properties/x/pattern", "tool 'odd': .*invalid regular expression"),
        (EMPTY, None, "tool 'empty': "),
        ({"name": "f", "parameters": {"properties": {"x": {"type": "strin"}}}}, "/properties/x/type", "tool 'f': type"),
        (
            {"name": "f", "parameters": {"properties": {"x": {"$ref": "#/$defs/no"}}}},
            "/properties/x/$ref",
            "tool 'f': the reference",
        ),
    ],
)
@pytest.mark.parametrize("name", ["json", "hermes"])
def test_an_odd_tool_is_named(tool: Any, pointer: str | None, told: str, name: str, kernel: str) -> None:
    with pytest.raises(gg.CompileError, match=told) as caught:
        compiled(gg.Tools([*TOOLS, tool], format=name), kernel)
    assert pointer is None or caught.value.pointer == pointer


def test_a_limit_names_the_tool() -> None:
    deep: Any = {"type": "integer"}
    for _ in range(40):
        deep = {"type": "array", "items": deep}
    tool = {"name": "deep", "parameters": {"properties": {"x": deep}}}
    with pytest.raises(gg.LimitExceeded, match="tool 'deep': limit depth"):
        gg.compile(gg.Tools([*TOOLS, tool]), BYTES, limits=gg.Limits(depth=30))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: gg.Tools([]), "there are no tools"),
        (lambda: gg.Tools(TOOLS, choice="other"), "choice='other'.*search, book, Ticket, find"),
        (lambda: gg.Tools(TOOLS, parallel=0), "parallel=0"),
        (lambda: gg.Tools(TOOLS, format="other"), "no tool format is called 'other'.*hermes"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(make: Any, told: str) -> None:
    with pytest.raises(gg.CompileError, match=told):
        make()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Hello.", "where calls begin"),
        ('[{"name": "other", "arguments": {}}]', "where the name of a tool stands"),
        ('[{"name": "book", "arguments": 3}]', "not an object|not valid"),
        ('[{"name": "book", "arguments": {"id": 3}', "stands"),
        ('[{"name": "book", "arguments": {"id": 3}}] ', "where the text ends"),
        ('[{"name": "book", "arguments": {"id": }}]', "where the arguments of book stand"),
        ('[{"name": "book", "arguments": {"id": "x"}}]', "the arguments of book are not valid.*id"),
        ('[{"name": "find", "arguments": [1]}]', "not an object"),
    ],
)
def test_texts_that_masks_would_not_allow_are_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(gg.ValidationFailed, match=told):
        gg.Tools(TOOLS, format="json").parse(text)


def test_tools_inside_other_specs() -> None:
    tools = gg.Tools([book], format="hermes")
    spec = gg.Sequence("Plan: ", gg.Named("calls", tools), gg.Regex("!+"))
    text = f"Plan: {WRITERS['hermes']([ROOM, ROOM])}!!"
    assert accepts(gg.compile(spec, BYTES), text)
    assert [call.arguments for call in spec.parse(text)["calls"]] == [{"id": 3}, {"id": 3}]


def test_a_format_of_ones_own() -> None:
    made = gg.ToolFormat(name="xml", call="<function={name}>{arguments}</function>", trigger="<function=")
    tools = gg.Tools([book, search], choice="auto", format=made)
    text = 'Yes. <function=book>{"id": 3}</function>\n<function=search>{"city": "Ulm"}</function>'
    assert accepts(gg.compile(tools, BYTES), text)
    assert [(call.name, call.arguments) for call in tools.parse(text)] == [ROOM, ULM]


_PIECE = st.text(st.sampled_from('<>[]{}()|*+?.^$\\"/ \n#:ä☃'), max_size=4)


@st.composite
def _formats(draw: st.DrawFn) -> gg.ToolFormat:
    """Formats of any characters; those that could not be read back are refused when they are made."""
    before, after, begin, end = (draw(_PIECE) for _ in range(4))
    between = draw(st.sampled_from('<>[]("| ')) + draw(_PIECE)
    opening = begin + before
    trigger = draw(st.sampled_from(["", opening, opening[: len(opening) // 2]]))
    try:
        return gg.ToolFormat(
            name="own",
            call=f"{before}{{name}}{between}{{arguments}}{after}",
            begin=begin,
            separator=draw(_PIECE),
            end=end,
            trigger=trigger,
        )
    except gg.CompileError:
        assume(False)
        raise


@settings(max_examples=30)
@given(made=_formats(), words=_PIECE, count=st.integers(1, 3))
def test_formats_of_any_characters_are_read_as_they_are_written(made: gg.ToolFormat, words: str, count: int) -> None:
    calls = [ROOM, ULM, ROOM][:count]
    text = made.write([(name, json.dumps(arguments)) for name, arguments in calls])
    tools = gg.Tools([book, search], choice="auto", format=made)
    constraints = [gg.compile(tools, BYTES, implementation=kernel, cache=False) for kernel in ("native", "reference")]
    assert all(accepts(constraint, text) for constraint in constraints)
    assert [(call.name, call.arguments) for call in tools.parse(text)] == calls
    spoken = words + text
    assert len({accepts(constraint, spoken) for constraint in constraints}) == 1
    if accepts(constraints[0], spoken):
        read = tools.parse(spoken)
        assert (read.text, len(read)) in ((words, count), (spoken, 0))
        if made.trigger:
            assert read.text == words
        scanner = ToolScanner(tools)
        events = [*scanner.feed(spoken.encode()), *scanner.finish()]
        closed = {event.path: event.value for event in events if isinstance(event, gg.FieldClosed)}
        assert closed[()] == [{"name": call.name, "arguments": call.arguments} for call in read]
        assert closed.get(("text",), "") == read.text


def test_the_report_lists_what_is_enforced() -> None:
    entries = compiled(gg.Tools([FIND])).report
    assert {"maxItems", "required"} <= {entry.keyword for entry in entries}


def test_the_report_names_the_tool_of_each_schema() -> None:
    entries = compiled(gg.Tools([search, book], choice="auto")).report
    listed = {(entry.part, entry.pointer) for entry in entries if entry.keyword == "properties"}
    assert listed == {("search", "/properties"), ("book", "/properties")}
    assert {entry.part for entry in compiled(gg.JsonSchema({"type": "object"})).report} == {""}


def test_what_may_be_written_is_compiled_once_whatever_is_called() -> None:
    def other(id: int) -> bool:
        """Another function of the same form."""
        return False

    other.__name__ = "book"
    first, again = (gg.compile(gg.Tools([made]), BYTES) for made in (book, other))
    assert first.compiled is again.compiled
    assert [made.spec.parse(WRITERS["json"]([ROOM]))[0].call() for made in (first, again)] == [True, False]
    for changed in (
        gg.Tools([book], choice="auto"),
        gg.Tools([book], parallel=False),
        gg.Tools([book], format="hermes"),
        gg.Tools([book, search]),
        gg.Tools([{"name": "book"}]),
    ):
        assert gg.compile(changed, BYTES).compiled is not first.compiled
    assert gg.compile(gg.Tools([book, search], choice="book"), BYTES).compiled is first.compiled


def test_annotations_may_carry_a_spec() -> None:
    from typing import Annotated

    from guidedgen.grammars.specs import spec_of

    tools = gg.Tools([book])
    assert spec_of(Annotated[list[gg.ToolCall], tools]) is tools
    with pytest.raises(gg.CompileError, match="several specs"):
        spec_of(Annotated[str, gg.Regex("a"), gg.Regex("b")])


@pytest.mark.slow
def test_a_hundred_and_twenty_eight_tools_with_a_large_vocabulary(shared: Any) -> None:
    vocabulary = Vocabulary.from_file(shared / "data/tokenizers/qwen3/tokenizer.json")
    tools = [
        {"name": f"tool_{number}", "parameters": {"properties": {f"p{number}": {"type": "integer"}}}}
        for number in range(128)
    ]
    constraint = gg.compile(gg.Tools(tools, format="hermes"), vocabulary)
    assert accepts(constraint, WRITERS["hermes"]([("tool_77", {"p77": 1}), ("tool_5", {"p5": 1})]), vocabulary)
    assert not accepts(constraint, WRITERS["hermes"]([("tool_77", {"p5": 1})]), vocabulary)
