"""Limits: what they refuse, and what the error says."""

from __future__ import annotations

import pytest

from guidedgen.errors import LimitExceeded
from guidedgen.limits import Limits


def test_a_value_at_the_limit_passes_and_one_above_does_not() -> None:
    limits = Limits(depth=3)
    limits.check("depth", 3)
    with pytest.raises(
        LimitExceeded, match=r"depth=3 exceeded: 4 needed\. Raise it with Limits\(depth=\.\.\.\)"
    ) as caught:
        limits.check("depth", 4)
    assert (caught.value.limit, caught.value.value) == ("depth", 3)


def test_the_detail_says_what_was_measured() -> None:
    with pytest.raises(LimitExceeded, match="nested groups"):
        Limits().check("depth", 10**6, "nested groups")


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "9"])
def test_bounds_that_cannot_be_met_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="depth"):
        Limits(depth=value)
