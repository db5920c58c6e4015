"""Formats of calls are data that can be read back."""

from __future__ import annotations

from typing import Any

import pytest

import guidedgen as gg
from guidedgen.grammars.tool_formats import FORMATS, format_named
from tests.grammars.tool_samples import WRITERS


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("calls", [[("f", {})], [("f", {"a": 1}), ("g", {"b": "ä\n"})]])
def test_calls_are_written_as_the_format_has_them(name: str, calls: list[tuple[str, Any]]) -> None:
    import json

    texts = [(call, json.dumps(arguments, ensure_ascii=False)) for call, arguments in calls]
    assert FORMATS[name].write(texts) == WRITERS[name](calls)
    assert FORMATS[name].write([]) == ""


def test_results_and_prompts_name_what_they_are_about() -> None:
    declaration = {"type": "function", "function": {"name": "f"}}
    for made in FORMATS.values():
        assert '{"name": "f"}' in made.told([declaration])
        assert "sunny" in made.write_result("f", "sunny")
    assert '[{"name": "<function-name>"' in FORMATS["json"].told([declaration])
    assert FORMATS["json"].write_result("f", "{name}") == "Result of f: {name}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"call": "<{name}>"}, "arguments} once, not 0"),
        ({"call": "<{name}>{name}{arguments}"}, "name} once, not 2"),
        ({"call": "<{arguments}>{name}"}, "name stands before"),
        ({"call": "<{name}{arguments}"}, "between name and arguments"),
        ({"call": "<{name}x{arguments}"}, "between name and arguments"),
        ({"call": "{name}>{arguments}"}, "some text stands before"),
        ({"call": "<{name}>{arguments}", "end": "\n<>"}, "end cannot be mistaken"),
        ({"call": "<{name}>{arguments}", "end": "\n"}, "end cannot be mistaken"),
        ({"call": "{name}>{arguments}", "begin": "<", "separator": ""}, "some text stands between two"),
        ({"call": "<{name}>{arguments}", "trigger": "[x]"}, "begin with the trigger"),
        ({"call": "<<{name}>{arguments}", "trigger": "<<"}, "does not end as it begins"),
    ],
)
def test_formats_that_could_not_be_read_are_refused(changes: dict[str, str], told: str) -> None:
    with pytest.raises(gg.CompileError, match=told):
        gg.ToolFormat(name="own", **changes)  # type: ignore[arg-type]


def test_formats_by_name() -> None:
    assert format_named("json") is FORMATS["json"]
    own = gg.ToolFormat(name="own", call="<{name}>{arguments}")
    assert format_named(own) is own
    with pytest.raises(gg.CompileError, match="no tool format is called 'jsn'"):
        format_named("jsn")
