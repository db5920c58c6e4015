"""History: the tokens of a growing sequence with an index of where short runs of them occurred."""

from __future__ import annotations

from guidedgen.sampler.sequence import Sequence


class History:
    """Follows one sequence; finds earlier occurrences of its last tokens in constant time.

    Args:
        shortest: tokens of the shortest run that is indexed.
        longest: of the longest one.
        keep_first: an occurrence is not replaced by later ones.
    """

    def __init__(self, shortest: int, longest: int, *, keep_first: bool) -> None:
        self._lengths = range(shortest, longest + 1)
        self._keep_first = keep_first
        self._restart()

    def _restart(self) -> None:
        self.tokens: list[int] = []
        self._tip: Sequence | None = None
        self._ends: dict[tuple[int, ...], int] = {}  # run -> where what followed it begins

    def follow(self, tip: Sequence) -> None:
        """Take in the tokens up to `tip`; begins anew where it does not go on from the last one."""
        added: list[int] = []
        node = tip
        while node is not self._tip and node.parent is not None and len(added) <= tip.length - len(self.tokens):
            added.append(node.token)
            node = node.parent
        if node is self._tip and self._tip is not None:
            fresh = added[::-1]
        else:
            self._restart()
            fresh = list(tip.tokens())
        for token in fresh:
            self._add(token)
        self._tip = tip

    def _add(self, token: int) -> None:
        """Index the runs that this token follows, then append it: a run is found only where something followed it."""
        end = len(self.tokens)
        for length in self._lengths:
            if length > end:
                break
            run = tuple(self.tokens[end - length : end])
            if not (self._keep_first and run in self._ends):
                self._ends[run] = end
        self.tokens.append(token)

    def continuation(self, count: int, *, after: list[int] | None = None) -> list[int]:
        """What followed an earlier occurrence of the last tokens, the longest run first; at most `count` tokens.

        A run that reaches the end of the text goes on with what it has just copied, so that periods are continued.
        """
        last = self.tokens if after is None else [*self.tokens[-self._lengths[-1] :], *after]
        for length in reversed(self._lengths):
            if length > len(last):
                continue
            start = self._ends.get(tuple(last[len(last) - length :]))
            if start is not None:
                copied: list[int] = []
                for offset in range(count):
                    index = start + offset
                    beyond = index - len(self.tokens)
                    copied.append(self.tokens[index] if beyond < 0 else copied[beyond])
                return copied
        return []
