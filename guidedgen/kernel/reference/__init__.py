"""The reference kernel: the same surface as `guidedgen.kernel._native`, in plain Python, written to be read.

It is the oracle that the native kernel is tested against, and what runs where no compiler was found. Bottom up:

    expressions   regular expressions over bytes: hash-consed values with simplifying constructors
    derivatives   what is left of an expression after one byte
    lexeme        a terminal as a lazy automaton: live transitions, distance to the end
    structure     symbols as productions, expanded on demand; which are productive, nullable, how long at least
    unordered     what is left of members that may come in any order
    rows          Earley sets without input offsets: what may come next and who waits for it
    viability     what rows still cost where terminals oblige what follows them
    counts        terminals that may take so many tokens only
    state         positions in a text: stepping by bytes and tokens
    completion    the shortest completion of a position
    trie          the vocabulary as a tree of bytes
    grammar       one compiled grammar, its caches and limits

Threads: every public method of a state takes the grammar's lock. All tables memoise pure functions, so dropping them
(when `Limits.cache_bytes` is reached) never changes an answer.
"""

from guidedgen.kernel.reference.grammar import Grammar
from guidedgen.kernel.reference.state import State
from guidedgen.kernel.reference.trie import TokenTrie as Vocabulary

__all__ = ["Grammar", "State", "Vocabulary"]
