"""Every Python block of the documentation runs, page by page, top to bottom, in one namespace a page.

A block whose fence is followed by a `text` block prints exactly that. A comment `<!-- model -->` before a block says
that it needs the embedded model; those blocks run in a second test, with all others of their page before them.
"""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from guidedgen.models import embedded

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(
    r"^(?P<model><!-- model -->\n)?```python\n(?P<code>.*?)^```\n(?:\n?```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    line: int
    code: str
    output: str | None
    model: bool


def blocks_of(text: str) -> list[Block]:
    return [
        Block(
            line=text.count("\n", 0, match.start("code")),
            code=match["code"],
            output=match["output"],
            model=match["model"] is not None,
        )
        for match in _BLOCK.finditer(text)
    ]


def pages(*, model: bool) -> list[str]:
    found = {page: blocks_of((ROOT / page).read_text(encoding="utf-8")) for page in PAGES}
    return [page for page, blocks in found.items() if any(block.model is model for block in blocks)]


def run(page: str, capsys: pytest.CaptureFixture[str], *, model: bool) -> None:
    module = types.ModuleType("documentation_page")
    sys.modules[module.__name__] = module  # dataclasses and postponed annotations look their module up
    try:
        for block in blocks_of((ROOT / page).read_text(encoding="utf-8")):
            if block.model and not model:
                continue
            exec(compile("\n" * block.line + block.code, str(ROOT / page), "exec"), module.__dict__)
            printed = capsys.readouterr().out
            if block.output is not None and not block.model:  # what a model says may differ between machines
                assert printed == block.output, f"{page}, line {block.line}"
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("page", pages(model=False))
def test_blocks_run_and_print_what_the_page_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(page, capsys, model=False)


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", pages(model=True))
def test_blocks_run_with_the_model(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not embedded.is_cached():
        pytest.skip("the embedded model is not here: run `guidedgen models fetch smollm2`")
    run(page, capsys, model=True)


def test_the_tutorial_has_blocks_of_both_kinds() -> None:
    assert "docs/tutorial.md" in pages(model=False)
    assert "docs/tutorial.md" in pages(model=True)


def test_every_python_block_is_found() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(blocks_of(text)) == text.count("```python"), page
