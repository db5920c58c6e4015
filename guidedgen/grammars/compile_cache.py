"""What this process has compiled, by content: the same spec, limits and vocabulary are compiled once.

Only forms are kept, not specs: two types with the same schema share one. Compiled grammars carry their memoised masks,
so that a second use starts warm. The least recently used are dropped once all together take more than `limit_bytes`:
with the lexers that only they still use. The one that new grammars of a vocabulary get has a limit of its own,
`Limits.cache_bytes`.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from guidedgen.grammars.translation import Form

if TYPE_CHECKING:
    from guidedgen.vocabulary import Vocabulary

Key: TypeAlias = tuple[object, ...]

_DEFAULT_LIMIT: Final = 512 * 2**20
_SMALLEST: Final = 4096  # what an entry takes at least, with all its Python objects
_RECOUNTED: Final = 256  # new entries after which all are counted again
_KEPT: Final = 0.9  # of the limit that is left where it was exceeded


class SameVocabulary:
    """A vocabulary in a key: equal to others with the same content, which is looked at only where it has to be."""

    __slots__ = ("_hash", "_vocabulary")

    def __init__(self, vocabulary: Vocabulary) -> None:
        """Wrap one."""
        self._vocabulary = vocabulary
        self._hash = hash((vocabulary.size, len(vocabulary.data)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SameVocabulary):
            return NotImplemented
        mine, others = self._vocabulary, other._vocabulary
        return mine is others or mine.fingerprint == others.fingerprint


class CompileCache:
    """Compiled specs of this process, the least recently used dropped first. Thread-safe.

    `gg.compile_cache` is the one that `gg.compile` and generation ask. Its limit is `$GUIDEDGEN_COMPILE_CACHE` bytes,
    by default 512 MiB; 0 keeps nothing.
    """

    def __init__(self, limit_bytes: int = _DEFAULT_LIMIT) -> None:
        """Make an empty one."""
        self._limit = limit_bytes
        self._forms: OrderedDict[Key, Form] = OrderedDict()
        self._counted = 0  # bytes of all entries, when they were last counted or added
        self._added = 0  # entries since all were counted
        self._lexers: frozenset[int] = frozenset()  # that entries had then
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    @property
    def limit_bytes(self) -> int:
        """The most bytes that all entries may take. They grow with use, and are counted again now and then."""
        return self._limit

    @limit_bytes.setter
    def limit_bytes(self, value: int) -> None:
        if type(value) is not int or value < 0:
            raise ValueError(f"limit_bytes={value!r}: give a number of bytes, or 0 to keep nothing.")
        with self._lock:
            self._limit = value
            self._evict()

    def get(self, key: Key, make: Callable[[], Form]) -> Form:
        """The form of a key, made where it is not there. Threads that ask for a new one at once may make it twice."""
        with self._lock:
            known = self._forms.get(key)
            if known is not None:
                self._forms.move_to_end(key)
                self._hits += 1
                return known
            self._misses += 1
        made = make()
        with self._lock:
            self._forms[key] = made
            self._added += 1
            self._counted += _form_bytes(made)
            if self._counted > self._limit or self._added >= _RECOUNTED or made.compiled.lexer[0] not in self._lexers:
                self._evict()  # a new lexer: one may have been left to the entries
        return made

    def clear(self) -> None:
        """Drop all entries; constraints that are in use stay valid."""
        with self._lock:
            self._forms.clear()
            self._counted = 0

    def stats(self) -> dict[str, int]:
        """Entries, bytes, hits and misses."""
        with self._lock:
            return {
                "entries": len(self._forms),
                "bytes": self._bytes(),
                "hits": self._hits,
                "misses": self._misses,
            }

    def _evict(self) -> None:
        """Count all entries; beyond the limit the least recently used go, and a tenth more: counting takes time."""
        sizes = [_form_bytes(form) for form in self._forms.values()]
        lexers = [form.compiled.lexer for form in self._forms.values()]
        users = Counter(which for which, _ in lexers)
        total = self._shared_bytes() + sum(sizes) + sum(dict(lexers).values())
        if total > self._limit:
            for size, (which, held) in zip(sizes, lexers, strict=True):
                if total <= self._limit * _KEPT:
                    break
                self._forms.popitem(last=False)
                users[which] -= 1
                total -= size + (0 if users[which] else held)
            if not self._forms:
                total = 0
        self._added, self._counted, self._lexers = 0, total, frozenset(users)

    def _bytes(self) -> int:
        lexers = dict(form.compiled.lexer for form in self._forms.values())
        return self._shared_bytes() + sum(map(_form_bytes, self._forms.values())) + sum(lexers.values())

    def _shared_bytes(self) -> int:
        """What is kept of vocabularies with the entries."""
        vocabularies = {id(form.compiled.vocabulary): form.compiled.vocabulary for form in self._forms.values()}
        return sum(map(_vocabulary_bytes, vocabularies.values()))


def _form_bytes(form: Form) -> int:
    compiled = form.compiled
    table = compiled.table
    arrays = 0 if table is None else table.exprs.nbytes + table.symbols.nbytes + table.pool.nbytes + len(table.literals)
    return _SMALLEST + arrays + compiled.nbytes


def _vocabulary_bytes(vocabulary: Vocabulary) -> int:
    """Roughly what a kernel makes of a vocabulary, which lives as long as what was compiled for it."""
    return 2 * len(vocabulary.data) + 32 * vocabulary.size


def _configured() -> int:
    given = os.environ.get("GUIDEDGEN_COMPILE_CACHE", "")
    return int(given) if given.isdigit() else _DEFAULT_LIMIT


compile_cache: Final = CompileCache(_configured())
