"""A vocabulary of a few thousand tokens that looks like a byte-level one: made by rule, the same everywhere."""

from __future__ import annotations

from functools import cache

from guidedgen.vocabulary import Vocabulary

_WORDS = """
the of and to in is that for it as was with be by on not he his but at are this have from or had an they which
you were her she there would their will when who him been has more if no out do so can what up said about
other into than its time only could new them man some these then two first may any like now my such make over
our even most me state after also made many did must before back see through way where get much go well your
know should down work year because come people just say each those take day good how long little use own name
type id value list number date address city street email user item count price total status code title text
data info key color country first last phone order product description enabled min max start end true false
null string integer object array version url path file message error result input output model config setting
option group role parent child children node
"""
_PUNCTUATION = r"""
{} [] ,, :: {}, [], }, ], }} ]] }}} {" [" [[ [{ }] }] ]} : , \ \n \u \\ \" // -- == ... .0 -1 e+ 1e 0.
"""
_SUFFIXES = ("", "s", "ed", "ing", "er", "ly")
_QUOTED = r"""
" ": ":␣ ", ",␣ "} "] ":" ":␣" "," ",␣" ":{ ":␣{ ":[ ":␣[ \" {"
"""


@cache
def small_vocabulary() -> Vocabulary:
    """All bytes, JSON's punctuation in runs, numbers, words with what stands before and after them, some UTF-8."""
    tokens = dict.fromkeys(bytes([byte]) for byte in range(256))
    texts = [text.replace("␣", " ") for text in _QUOTED.split()] + _PUNCTUATION.split()
    texts += [str(number) for number in range(1000)] + [f"{number:03d}" for number in range(100)]
    texts += [" " * count for count in range(2, 17)] + ["\n" + " " * count for count in range(9)]
    for word in _WORDS.split():
        texts += [
            form + suffix for form in (word, f" {word}", word.title(), f" {word.title()}") for suffix in _SUFFIXES
        ]
        texts += [f'"{word}', f'{word}"', f'{word}":', f"_{word}", f'"{word}"', f'"{word}": ', f'{word}",']
    texts += [chr(first + offset) for first in (0xE0, 0x3B1, 0x430, 0x4E00, 0x1F600) for offset in range(24)]
    return Vocabulary.from_tokens(list(dict.fromkeys([*tokens, *(text.encode() for text in texts)])))
