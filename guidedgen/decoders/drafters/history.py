"""History: the tokens of a growing sequence with an index of where short runs of them occurred."""

from __future__ import annotations

from guidedgen.sampler.sequence import Sequence


def added_since(before: Sequence, tip: Sequence) -> list[int] | None:
    """The tokens by which `tip` goes on from another sequence; None where it does not.

    Sequences are compared by their tokens down to a node that both share: completing the records of forced tokens makes
    new nodes of the same tokens.
    """
    added: list[int] = []
    node: Sequence | None = tip
    while node is not None and node.length > before.length:
        added.append(node.token)
        node = node.parent
    old: Sequence | None = before
    while node is not old:
        if node is None or old is None or node.length != old.length or node.token != old.token:
            return None
        node, old = node.parent, old.parent
    return None if node is None else added[::-1]  # None: prompts of their own, whose tokens were not compared


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
        fresh = None if self._tip is None else added_since(self._tip, tip)
        if fresh is None:
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

    def found(self, tail: tuple[int, ...]) -> tuple[int, int] | None:
        """Where the text went on after the last of some tokens, the longest run first, and how long that run is."""
        for length in reversed(self._lengths):
            if length <= len(tail) and (end := self._ends.get(tail[len(tail) - length :])) is not None:
                return end, length
        return None

    def continuation(self, count: int, *, after: list[int] | None = None) -> list[int]:
        """What followed an earlier occurrence of the last tokens, the longest run first; at most `count` tokens.

        A run that reaches the end of the text goes on with what it has just copied, so that periods are continued.
        """
        last = self.tokens if after is None else [*self.tokens[-self._lengths[-1] :], *after]
        found = self.found(tuple(last[-self._lengths[-1] :]))
        if found is None:
            return []
        copied: list[int] = []
        for index in range(found[0], found[0] + count):
            beyond = index - len(self.tokens)
            copied.append(self.tokens[index] if beyond < 0 else copied[beyond])
        return copied
