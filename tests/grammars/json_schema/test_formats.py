"""Formats: enforced, as annotations, unknown ones."""

from __future__ import annotations

import pytest

from guidedgen.errors import UnsupportedFeature
from guidedgen.testing import accepts
from tests.grammars.json_schema.feeding import compiled, translated, valid_ones

CASES = {
    "date": (
        ["2024-02-29", "2000-02-29", "1999-12-31"],
        ["2023-02-29", "1900-02-29", "2024-13-01", "2024-04-31", "24-01-01"],
    ),
    "time": (
        ["00:00:00Z", "23:59:59.123+05:30", "23:59:60Z", "12:00:00z"],
        ["24:00:00Z", "12:00:00", "12:60:00Z", "12:00:60Z"],
    ),
    "date-time": (
        ["2024-02-29T10:00:00Z", "2024-01-01t10:00:00.5-08:00"],
        ["2024-01-01 10:00:00Z", "2024-01-01T10:00:00"],
    ),
    "duration": (["P1Y2M3DT4H5M6S", "P4W", "PT1S", "P1D"], ["P", "PT", "P1", "1D", "P1W2D", "P1D1Y", "P1YT"]),
    "email": (
        ["a@b.c", "first.last@example.com", '"a b"@x', "a@[127.0.0.1]"],
        ["a", "@b", "a@", "a..b@c", "a@-b", ".a@b"],
    ),
    "hostname": (
        ["a", "a-b.example.com", "1a", "a" * 63],
        ["-a", "a-", "a_b", "", "a..b", "a" * 64, ".".join(["a" * 60] * 5)],
    ),
    "ipv4": (["0.0.0.0", "255.255.255.255"], ["256.0.0.0", "1.2.3", "01.2.3.4", "1.2.3.4.5"]),
    "ipv6": (
        ["::", "::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::8"],
        ["1:2:3:4:5:6:7", "1::2::3", "12345::", ":::", "::1%1"],
    ),
    "uri": (
        ["http://a/b?c#d", "urn:x:y", "mailto:a@b", "http://[::1]:80/"],
        ["a/b", "//a", "http://a b", "http://a/%zz", "\\x"],
    ),
    "uri-reference": (["a/b", "//a", "#x", "", "http://a"], ["a b", "\\x", "a:b c"]),
    "iri": (["http://ƒøø.ßår/?∂=1"], ["a/b", "http://a b"]),
    "uri-template": (["http://a/{b}/{?c,d*}", "x"], ["{", "{a", "a}"]),
    "uuid": (
        ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"],
        ["123e4567e89b12d3a456426614174000"],
    ),
    "json-pointer": (["", "/a/b~0~1", "/"], ["a", "/~2", "/a~"]),
    "relative-json-pointer": (["0", "1/a", "10#"], ["/a", "01", "-1", "1##"]),
}


@pytest.mark.parametrize("name", CASES)
def test_formats_are_enforced(name: str) -> None:
    valid, invalid = CASES[name]
    assert valid_ones({"type": "string", "format": name}, [*valid, *invalid]) == valid


def test_formats_say_nothing_about_other_kinds_of_values() -> None:
    assert valid_ones({"format": "date"}, [3, None, "x"]) == [3, None]


def test_formats_as_annotations() -> None:
    schema = {"type": "string", "format": "date"}
    assert valid_ones(schema, ["x"], format="annotation") == ["x"]
    assert [entry.treatment for entry in compiled(schema, format="annotation").report] == ["exact", "annotation"]


def test_unknown_formats_are_annotations_or_refused() -> None:
    schema = {"type": "string", "format": "colour"}
    assert valid_ones(schema, ["x"]) == ["x"]
    assert [entry.note for entry in compiled(schema).report.warnings] == ["the format is not known and not enforced"]
    with pytest.raises(UnsupportedFeature) as caught:
        compiled(schema, format="strict")
    assert (caught.value.pointer, caught.value.keyword) == ("/format", "format")


def test_standard_formats_that_the_translation_does_not_enforce_are_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        translated({"items": {"type": "string", "format": "regex"}})
    assert caught.value.pointer == "/items/format"
    assert accepts(translated({"type": "string", "format": "regex"}, on_unsupported="relax"), '"("')
    assert valid_ones({"type": "string", "format": "regex"}, ["(", "(a)"]) == ["(a)"]
