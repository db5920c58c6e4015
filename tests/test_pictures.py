"""Pictures are well-formed SVG, the same each time, and hold what they are about, whatever a grammar is called."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

import guidedgen as gg
from guidedgen import cli, pictures
from tests.grammars.lark_samples import SAMPLES as LARK
from tests.grammars.test_ebnf_text import PASCAL, TEMPLATE
from tests.grammars.test_gbnf_text import ARITHMETIC, CHESS, JSON

GRAMMARS = [
    *(gg.Gbnf(text) for text in (ARITHMETIC, CHESS, JSON)),
    gg.Ebnf(PASCAL),
    gg.Ebnf(TEMPLATE),
    *(gg.Lark(text) for text, _ in LARK.values()),
]
HOSTILE = r"""root ::= "<script>alert('&\"')</script>" [\x00-\x1f] "]]>" a-b
a-b ::= "</text>" "\u202e\u0000" root? | "x"{3} | "y"{2,} | "z"{0,4}"""


def words(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.partition("}")[2] for element in root.iter()} <= {
        *("svg", "style", "g", "path", "rect", "text", "line", "a"),
    }
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("spec", GRAMMARS)
def test_railroad_diagrams(spec: gg.Gbnf | gg.Ebnf | gg.Lark) -> None:
    pytest.importorskip("railroad")
    svg = pictures.railroad(spec)
    assert svg == pictures.railroad(spec)
    names = words(svg)
    assert not [name for name in names if name.startswith("__")]
    assert {"root", "program", "Page", "start"} & set(names)


def test_every_rule_and_literal_is_there() -> None:
    pytest.importorskip("railroad")
    names = words(pictures.railroad(gg.Gbnf(CHESS)))
    assert {"root", "move", "castling", "step", "square", '"O-O"', "[KQRBN]", '". "'} <= set(names)


def test_names_and_texts_cannot_break_out() -> None:
    pytest.importorskip("railroad")
    spec = gg.Gbnf(HOSTILE)
    found = words(pictures.railroad(spec))
    assert any("<script>" in word for word in found)
    assert "3 times" in found
    assert "at least 2 times" in found
    tree = pictures.tree(gg.Gbnf('root ::= "<b>&" [\\x01-\\x1f]'), "<b>&\x01")
    assert any("<b>&" in word for word in words(tree))


def test_a_tree_shows_rules_and_pieces_of_the_text() -> None:
    spec = gg.Gbnf('root ::= sum\nsum ::= sum "+" one | one\none ::= "(" sum ")" | [0-9]')
    svg = pictures.tree(spec, "1+(2)")
    assert svg == pictures.tree(spec, "1+(2)")
    assert sorted(words(svg)) == sorted(
        ["root", "sum", "sum", "one", '"1"', '"+"', "one", '"("', "sum", "one", '"2"', '")"']
    )
    long = pictures.tree(gg.Gbnf("root ::= .*"), "x" * 500)
    assert max(map(len, words(long))) <= 45


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "railroad", None)
    with pytest.raises(ImportError, match=r"guidedgen\[pictures\]"):
        pictures.railroad(gg.Gbnf(JSON))


def test_only_grammars_are_drawn() -> None:
    pytest.importorskip("railroad")
    with pytest.raises(gg.UnsupportedFeature, match="Regex has no rules to draw"):
        pictures.railroad(gg.Regex("a"))


def test_the_command_line_draws(tmp_path: Path) -> None:
    pytest.importorskip("railroad")
    (tmp_path / "g.gbnf").write_text(JSON)
    options = ["--picture", str(tmp_path / "g.svg"), "--text", '{"a": 1}', "--tree", str(tmp_path / "t.svg")]
    result = CliRunner().invoke(cli.app, ["check", str(tmp_path / "g.gbnf"), *options])
    assert result.exit_code == 0
    assert "record" in words((tmp_path / "g.svg").read_text())
    assert '"1"' in words((tmp_path / "t.svg").read_text())
    refused = CliRunner().invoke(cli.app, ["check", str(tmp_path / "g.gbnf"), "--tree", str(tmp_path / "u.svg")])
    assert refused.exit_code == 2


def test_extensions_of_lark_are_drawn_as_they_are_written() -> None:
    pytest.importorskip("railroad")
    spec = gg.Lark('start: A part+\npart: %json {"type": "integer"} | <|x|>\nA: /[a-z]+/ & ~"if"\n%ignore " "')
    names = words(pictures.railroad(spec))
    assert {"A", "part", "%json", "<|x|>", "ignored"} <= set(names)
