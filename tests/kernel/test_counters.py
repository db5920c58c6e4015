"""The kernel does no more work than recorded: counters that are the same on every machine, against a ratchet.

After an improvement: `python -m tests.kernel.counters --update`. `counters.py` has more.
"""

from __future__ import annotations

import pytest

pytest.importorskip("guidedgen.kernel._native")

from tests.kernel.counted_schemas import CASES
from tests.kernel.counters import COUNTERS, grown, measured, recorded


def test_the_kernel_does_no_more_work_than_recorded() -> None:
    now = measured()
    assert grown(now, recorded()) == []
    assert recorded().keys() == CASES.keys()
    assert all(sum(case[counter] for case in now.values()) > 100 for counter in COUNTERS), (
        "the counters count something"
    )


def test_what_grew_is_named() -> None:
    before = {"a": {"rows": 100, "positions": 100}}
    assert grown({"a": {"rows": 105, "positions": 106}}, before) == ["a: positions 106, was 100"]
    assert grown({"a": {"rows": 1, "positions": 1}, "b": {"rows": 1}}, before) == ["b: not recorded"]
