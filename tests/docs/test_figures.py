"""Figures of the pages: each is drawn by the script, each is there, and each stands in a page."""

from __future__ import annotations

import re

import pytest

from tests.docs.scripts import ROOT, script_named

_IMAGE = re.compile(r"!\[[^\]]+\]\(\.\./figures/([a-z_]+)\.svg\)")


def test_pages_show_what_the_script_draws() -> None:
    pytest.importorskip("matplotlib")
    script = script_named("concept_figures")
    shown = {
        name for page in (ROOT / "docs").rglob("*.md") for name in _IMAGE.findall(page.read_text(encoding="utf-8"))
    }
    drawn = {path.stem for path in (ROOT / "docs" / "figures").glob("*.svg")}
    assert shown == drawn == set(script.FIGURES)
    assert script.main(["nothing of the kind"]) == 2
