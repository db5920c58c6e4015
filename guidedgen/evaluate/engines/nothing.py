"""What stands for a schema under which no value is valid: saying so is an answer, not an error."""

from __future__ import annotations

from guidedgen.masks import Mask


class Nothing:
    """Refuses every token and accepts nothing."""

    unsatisfiable = True
    accepting = False

    def fresh(self) -> Nothing:
        """Itself: nothing changes it."""
        return self

    def fill(self, mask: Mask) -> None:
        """No token is allowed."""
        mask.fill(0)

    def commit(self, token: int) -> bool:
        """No token is taken."""
        return False
