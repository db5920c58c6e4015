"""contentEncoding and contentMediaType under draft 7; oracles: Python's base64 and a plain recursive JSON parser."""

from __future__ import annotations

import base64
import json
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guidedgen.errors import CompileError, UnsupportedFeature
from guidedgen.grammars.compile import GrammarConstraint
from guidedgen.masks import allowed_tokens
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, text_of, translated, valid_ones

DOCUMENT = {"contentMediaType": "application/json"}
ENCODED = {"contentEncoding": "base64"}
BOTH = {**ENCODED, **DOCUMENT}
KERNELS = ["native", "reference"]

_STRING = r'"(?:[^\x00-\x1f"\\]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"'
_SCALAR = re.compile(rf"{_STRING}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_SPACE = re.compile(r"[ \t\n\r]*")


def is_document(text: str) -> bool:
    """RFC 8259, by recursive descent."""
    try:
        return _value(text, 0) == len(text)
    except ValueError:
        return False


def _value(text: str, at: int) -> int:
    """Where the value, with the space around it, ends."""
    at = _past(_SPACE, text, at)
    if text[at : at + 1] in ("[", "{") and at < len(text):
        is_object = text[at] == "{"
        at = _past(_SPACE, text, at + 1)
        closing = "}" if is_object else "]"
        first = True
        while not (first and text[at : at + 1] == closing):
            if is_object:
                at = _past(re.compile(rf"[ \t\n\r]*{_STRING}[ \t\n\r]*:"), text, at)
            at = _value(text, at)
            first = False
            if text[at : at + 1] == closing:
                break
            at = _past(re.compile(","), text, at)
        return _past(_SPACE, text, at + 1)
    return _past(_SPACE, text, _past(_SCALAR, text, at))


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError(text[at:])
    return found.end()


def is_encoded(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


def is_encoded_document(text: str) -> bool:
    if not is_encoded(text):
        return False
    try:
        return is_document(base64.b64decode(text).decode())
    except UnicodeDecodeError:
        return False


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def d7(schema: Any, kernel: str = "native", **options: Any) -> GrammarConstraint:
    return compiled(schema, kernel, draft=7, **options)


DOCUMENTS = [
    "0",
    "-0.5e+10",
    ' [ 1 , {"a": [] , "b":{}} ]\n',
    '"\\u12aF\\n€"',
    "{}",
    "[]",
    "true",
    '{"":null}',
    "[[[[]]]]",
]
BROKEN = [
    "",
    " ",
    "{:}",
    "[1,]",
    "{,}",
    "01",
    "1.",
    ".5",
    "+1",
    "NaN",
    "tru",
    "'a'",
    '"\n"',
    '"\\x"',
    "[1",
    "1]",
    '{"a"}',
    "\ufeff1",
    "1 2",
    '{"a":1,}',
]
ENCODINGS = ["", "QQ==", "QUI=", "QUJD", "+/+/", "AAAA"]
NO_ENCODINGS = ["Q", "QQ", "QQ=", "QR==", "QUJ=", "QQ==QQ==", "Q Q=", "QUJD\n", "QUI-", "_AAA", "====", "é"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_json_documents(kernel: str) -> None:
    assert all(map(is_document, DOCUMENTS))
    assert not any(map(is_document, BROKEN))
    constraint = d7(DOCUMENT, kernel)
    assert [text for text in [*DOCUMENTS, *BROKEN] if accepts(constraint, text_of(text))] == DOCUMENTS


@pytest.mark.parametrize("kernel", KERNELS)
def test_encodings(kernel: str) -> None:
    assert all(map(is_encoded, ENCODINGS))
    assert not any(map(is_encoded, NO_ENCODINGS))
    constraint = d7(ENCODED, kernel)
    assert [text for text in [*ENCODINGS, *NO_ENCODINGS] if accepts(constraint, text_of(text))] == ENCODINGS


def test_documents_in_base64() -> None:
    broken = [
        b"\xff",
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"',
        b'"\xf4\x90\x80\x80"',
        b'"\xe2\x82"',
        b"\xef\xbb\xbf1",
        b"1\x00",
    ]
    right = [encoded(text) for text in [*DOCUMENTS, '"\U00010000é€"']]
    wrong = [encoded(text) for text in [*BROKEN, *broken]] + ["{}", "MQ", "MQ=", "MR==", "MTIz=", *NO_ENCODINGS]
    assert all(map(is_encoded_document, right))
    assert not any(map(is_encoded_document, wrong))
    assert valid_ones(BOTH, [*right, *wrong], draft=7) == right


@pytest.mark.parametrize("schema", [DOCUMENT, ENCODED, BOTH])
@pytest.mark.parametrize("kernel", KERNELS)
def test_other_kinds_of_values_are_left_alone(schema: Any, kernel: str) -> None:
    constraint = d7(schema, kernel, on_unsupported="relax")
    assert all(accepts(constraint, text) for text in ["100", "null", "[1]", '{"a": "%"}'])


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_spelling_of_the_text(kernel: str) -> None:
    assert accepts(d7(DOCUMENT, kernel), r'"\u007b\u007D"')
    assert accepts(d7(ENCODED, kernel), r'"\/\u0041AA"')
    assert not accepts(d7(DOCUMENT, kernel), r'"\u007b\u007B"')
    assert accepts(d7(BOTH), r'"\u004dQ=\u003D"')


@pytest.mark.parametrize("draft", [4, 6, "2019-09", "2020-12", None])
@pytest.mark.parametrize("kernel", KERNELS)
def test_annotations_in_other_drafts(draft: Any, kernel: str) -> None:
    constraint = compiled(BOTH, kernel, draft=draft)
    assert accepts(constraint, '"%"')
    assert {entry.treatment for entry in constraint.report if entry.keyword in BOTH} == {"annotation"}
    assert accepts(compiled({**BOTH, "contentEncoding": 5}, kernel, draft=draft), '"%"')


def test_a_declared_draft_decides() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": ENCODED}}
    assert valid_ones(schema, [{"a": "QQ=="}, {"a": "Q"}]) == [{"a": "QQ=="}]


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_is_not_enforced_is_said(kernel: str) -> None:
    cases = {
        ("quoted-printable", None): {"contentEncoding"},
        ("base16", "application/json"): {"contentEncoding", "contentMediaType"},
        ("base64", "image/png"): {"contentMediaType"},
        (None, "text/html"): {"contentMediaType"},
    }
    for (encoding, media), open_ones in cases.items():
        given = {"contentEncoding": encoding, "contentMediaType": media}
        constraint = d7({name: value for name, value in given.items() if value is not None}, kernel)
        told = {
            entry.keyword
            for entry in constraint.report
            if entry.treatment == "annotation" and "not enforced" in entry.note
        }
        assert told == open_ones
        assert accepts(constraint, '"%%"') == (encoding != "base64")


@pytest.mark.parametrize("kernel", KERNELS)
def test_names_are_read_as_their_standards_say(kernel: str) -> None:
    assert not accepts(d7({"contentEncoding": "Base64"}, kernel), '"Q"')
    for media in ("Application/JSON", "application/json; charset=utf-8", "application/json;x=y"):
        assert not accepts(d7({"contentMediaType": media}, kernel), '"{"')
    assert not accepts(d7({**DOCUMENT, "contentEncoding": "8bit"}, kernel), '"{"')
    assert accepts(d7({"contentMediaType": "application/jsonx"}, kernel), '"{"')
    with pytest.raises(CompileError) as caught:
        d7({"contentEncoding": 5}, kernel)
    assert caught.value.pointer == "/contentEncoding"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_report(kernel: str) -> None:
    for schema, keyword in ((ENCODED, "contentEncoding"), (DOCUMENT, "contentMediaType")):
        report = d7(schema, kernel).report
        told = [(entry.keyword, entry.treatment) for entry in report if not entry.keyword.startswith("(")]
        assert told == [(keyword, "exact")]
        assert report.exact or kernel == "reference"  # which does not remember names
        beside = d7({"type": "integer", **schema}, kernel).report
        assert [entry.treatment for entry in beside if entry.keyword == keyword] == ["annotation"]
    assert "64" in next(iter(d7(DOCUMENT, kernel).report)).note


@pytest.mark.parametrize("kernel", KERNELS)
def test_nesting_has_a_limit(kernel: str) -> None:
    constraint = d7(DOCUMENT, kernel)
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        assert accepts(constraint, text_of(opening * 63 + "[]" + closing * 63))
        assert not accepts(constraint, text_of(opening * 64 + "[]" + closing * 64))
    native = d7(BOTH)
    assert accepts(native, text_of(encoded("[" * 64 + "]" * 64)))
    assert not accepts(native, text_of(encoded("[" * 65 + "]" * 65)))


def test_documents_in_base64_without_the_native_kernel() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        translated(BOTH, draft=7)
    assert caught.value.pointer == "/contentMediaType"
    relaxed = translated(BOTH, draft=7, on_unsupported="relax")
    assert accepts(relaxed, text_of(encoded("{")))
    assert not accepts(relaxed, '"{}"')
    checked = translated(BOTH, draft=7, on_unsupported="validate")
    assert accepts(checked, text_of(encoded("{}")))
    assert not accepts(checked, text_of(encoded("{")))
    outside = translated({"not": {"type": "string", **BOTH}}, draft=7, on_unsupported="validate")
    assert accepts(outside, text_of(encoded("{")))
    assert not accepts(outside, text_of(encoded("{}")))


def test_what_is_checked_at_the_end_knows_contents() -> None:
    schema = {"contains": {"type": "string", **DOCUMENT}}
    constraint = translated(schema, draft=7, on_unsupported="validate")
    assert accepts(constraint, '["{", "{}"]')
    assert not accepts(constraint, '["{", "}"]')
    assert valid_ones(schema, [["{", "{}"], ["{", "}"]], draft=7) == [["{", "{}"]]


@pytest.mark.parametrize("schema", [DOCUMENT, ENCODED, BOTH])
def test_complements(schema: Any) -> None:
    holds = is_document if schema is DOCUMENT else is_encoded if schema is ENCODED else is_encoded_document
    texts = [*DOCUMENTS, *BROKEN, *ENCODINGS, *NO_ENCODINGS, *map(encoded, DOCUMENTS), *map(encoded, BROKEN)]
    outside = {"type": "string", "not": schema}
    assert valid_ones(outside, texts, draft=7) == [text for text in texts if not holds(text)]
    either = {"type": "string", "if": schema, "then": {"minLength": 4}, "else": {"maxLength": 3}}
    wanted = [text for text in texts if (len(text) >= 4) == holds(text)]
    assert valid_ones(either, texts, draft=7) == wanted
    if schema is not BOTH:
        reference = translated(outside, draft=7)
        assert [text for text in texts[::5] if accepts(reference, text_of(text))] == [
            t for t in texts[::5] if not holds(t)
        ]


def test_shortest_completions_are_valid() -> None:
    for beginning in ("{", '{"a', '{"a":[1.', "[tru", '"\\u0', "-", '[[{"a":{', '"€'):
        for schema, text, holds in (
            (DOCUMENT, beginning, is_document),
            (BOTH, encoded(beginning).rstrip("=")[:-1], is_encoded_document),
        ):
            state = d7({"type": "string", **schema}).start().advance_bytes(text_of(text)[:-1].encode())
            assert state is not None
            rest = bytes(state.shortest())
            assert holds(json.loads(text_of(text)[:-1] + rest.decode())), (text, rest)


@pytest.mark.parametrize("low", [1, 9, 30, 31, 100])
def test_lengths_beside_them(low: int) -> None:
    for schema, holds in ((DOCUMENT, is_document), (ENCODED, is_encoded), (BOTH, is_encoded_document)):
        text = json.loads(bytes(d7({"type": "string", "minLength": low, **schema}).start().shortest()))
        assert len(text) == (low if schema is DOCUMENT else -(-low // 4) * 4)
        assert holds(text)
    assert valid_ones({"maxLength": 7, **ENCODED}, ["QUJD", "QUJDQUJD"], draft=7) == ["QUJD"]


@pytest.mark.parametrize("schema", [DOCUMENT, ENCODED, BOTH])
def test_random_walks_end_in_valid_values(schema: Any) -> None:
    holds = is_document if schema is DOCUMENT else is_encoded if schema is ENCODED else is_encoded_document
    constraint = d7(
        {
            "type": "object",
            "properties": {"a": {"type": "string", **schema}},
            "required": ["a"],
            "additionalProperties": False,
        }
    )
    for seed in range(15):
        choice, state, text = random.Random(seed), constraint.start(), b""
        for left in range(60, -1, -1):
            tokens = [int(token) for token in allowed_tokens(state.mask(budget=max(left, len(state.shortest()))))]
            if not tokens:
                break
            plain = [token for token in tokens if token != ord("\\")] or tokens
            token = choice.choice(plain)
            after = state.advance(token)
            assert after is not None
            state, text = after, text + bytes([token])
        text += bytes(state.shortest())
        assert holds(json.loads(text)["a"]), text


_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_NATIVE: dict[str, GrammarConstraint] = {}


@settings(max_examples=60)
@given(_VALUES, st.integers(0, 200), st.sampled_from('{}[]",:\\ 0-.eEtu\n\x00é'), st.booleans())
def test_documents_with_a_character_changed(value: Any, at: int, by: str, indented: bool) -> None:
    if not _NATIVE:
        _NATIVE.update(document=d7(DOCUMENT), both=d7(BOTH))
    text = json.dumps(value, ensure_ascii=False, indent=1 if indented else None)
    changed = text[: at % (len(text) + 1)] + by + text[at % (len(text) + 1) + at % 2 :]
    for each in (text, changed):
        if any("\ud800" <= char <= "\udfff" for char in each):
            continue
        assert accepts(_NATIVE["document"], text_of(each)) == is_document(each)
        assert accepts(_NATIVE["both"], text_of(encoded(each))) == is_document(each)


def test_refusals_name_the_content() -> None:
    state = d7({"type": "string", **DOCUMENT}).start().advance_bytes(b'"{')
    assert state is not None
    explanation = state.explain(ord(":"))
    assert explanation is not None
    assert "JSON document" in str(explanation)
