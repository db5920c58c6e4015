"""What an engine has to offer to be evaluated, and how one is found by its name.

An engine is a class `Engine(tokenizer, **options)`; options are the strings of `--option name=value`. Its module and
class name it on the command line: `--engine my_package.my_module:MyEngine`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast, runtime_checkable

from guidedgen.errors import GuidedGenError
from guidedgen.masks import Mask
from guidedgen.testing import byte_vocabulary
from guidedgen.vocabulary import Vocabulary

BYTES = "bytes"  # names the tokenizer that has one token a byte: needs no file


class EvaluationError(GuidedGenError, ValueError):
    """An evaluation cannot be run or reported: an engine, a file or an option is wrong."""


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """The tokenizer of an evaluation.

    Attributes:
        vocabulary: the bytes of every token, the end tokens, and how a text is encoded.
        path: the tokenizer's file or folder, None for single bytes.
    """

    vocabulary: Vocabulary
    path: Path | None = None

    @classmethod
    def read(cls, name: str) -> Tokenizer:
        """From a path, or `bytes`. Raises VocabularyError where it cannot be read."""
        if name == BYTES:
            return cls(byte_vocabulary())
        return cls(Vocabulary.from_file(name), Path(name))

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The end tokens, ascending; at least one."""
        if not self.vocabulary.eos:
            raise EvaluationError(
                f"{self.path} names no end token: add eos_token to a tokenizer_config.json beside it."
            )
        return tuple(sorted(self.vocabulary.eos))

    @property
    def json_file(self) -> Path:
        """The tokenizer.json, for engines that read it themselves."""
        if self.path is None:
            raise EvaluationError("this engine reads a tokenizer.json itself: name one with --tokenizer.")
        file = self.path / "tokenizer.json" if self.path.is_dir() else self.path
        if file.suffix != ".json" or not file.is_file():
            raise EvaluationError(f"this engine needs a tokenizer.json, not {file}.")
        return file


class Matcher(Protocol):
    """A position in the text of one compiled schema. It may change with `commit`."""

    def fresh(self) -> Matcher:
        """A matcher at the start, on the same compiled schema."""

    def fill(self, mask: Mask) -> None:
        """Write the allowed tokens into every word of `mask`, int32 [ceil(V / 32)], bit t % 32 of word t // 32."""

    def commit(self, token: int) -> bool:
        """Read a token; False where it is refused, after which the matcher is not used again."""

    @property
    def accepting(self) -> bool:
        """Whether the text may end here, that is, an end token may be generated."""


@runtime_checkable
class Completing(Protocol):
    """What a matcher may offer beside: the end of a text."""

    def shortest(self) -> Sequence[int]:
        """Tokens that lead to an accepting position, as few as the engine can find."""


class Engine(Protocol):
    """Compiles schemas for one tokenizer.

    Two more attributes are read where they exist: `version` (a string), and `masks_end`, False for an engine whose
    masks never contain an end token; of all others the end token's bit is compared with `accepting`. A matcher with a
    true attribute `unsatisfiable` stands for a schema that no value satisfies: nothing is sampled from it.
    """

    def compile(self, schema: object) -> Matcher:
        """The matcher at the start of a text of `schema`. Any exception is a compile error of this schema."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """An engine that has a short name."""

    target: str
    about: str
    extra: str | None = "peers"


_HERE = "guidedgen.evaluate.engines"
ENGINES: Mapping[str, Known] = MappingProxyType(
    {
        "guidedgen": Known(
            target=f"{_HERE}.own:GuidedGen",
            about="property_order=any|schema, format=assert|annotation|strict, whitespace=flexible|compact|NUMBER",
            extra=None,
        ),
        "llguidance": Known(target=f"{_HERE}.llguidance:LLGuidance", about="its default slices"),
        "xgrammar": Known(target=f"{_HERE}.xgrammar:XGrammar", about="strict mode, fixed whitespace"),
        "xgrammar-compliant": Known(
            target=f"{_HERE}.xgrammar:XGrammarCompliant", about="no strict mode, any whitespace"
        ),
        "outlines-core": Known(target=f"{_HERE}.outlines_core:OutlinesCore", about="schema to regex to index"),
        "lm-format-enforcer": Known(target=f"{_HERE}.lm_format_enforcer:LMFormatEnforcer", about="character parsers"),
    }
)


def find_engine(name: str, *, pythonpath: Sequence[str] = ()) -> Callable[..., Engine]:
    """The class that `name` names: one of `ENGINES`, or `module:Class`.

    Raises:
        EvaluationError: there is no such engine, or its package is not installed.
    """
    known = ENGINES.get(name)
    module, _, attribute = (known.target if known else name).partition(":")
    if not module or not attribute:
        raise EvaluationError(f"no engine {name!r}: use one of {', '.join(ENGINES)}, or module:Class.")
    sys.path[:0] = [folder for folder in pythonpath if folder not in sys.path]
    try:
        return cast(Callable[..., Engine], getattr(importlib.import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        remedy = f" Install it: pip install 'guidedgen[{known.extra}]'." if known and known.extra else ""
        raise EvaluationError(f"the engine {name!r} cannot be imported: {error}.{remedy}") from error


def make_engine(found: Callable[..., Engine], tokenizer: Tokenizer, options: Mapping[str, str]) -> Engine:
    """An engine for a tokenizer. Raises EvaluationError where it does not take the options."""
    try:
        inspect.signature(found).bind(tokenizer, **options)
    except TypeError as error:
        raise EvaluationError(f"the engine does not take the options {dict(options)}: {error}.") from error
    return found(tokenizer, **options)
