"""What stands in the brackets of `rule[max_tokens=20, stop="."]: ...`: read here, applied in `lark_rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from guidedgen.grammars.lark_scan import Word
from guidedgen.grammars.text_source import Source, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What is said about a rule.

    Attributes:
        capture: the name under which its text is returned.
        max_tokens: the most tokens that may have a byte of it.
        max_chars: the most characters.
        stop: the terminal whose texts end it; they are not part of it.
        suffix: the terminal whose text ends it, and is part of it, but not of what is captured.
        stop_capture: the name under which the text of `suffix` is returned.
        lazy: whether it ends as soon as it can.
        temperature: at which its tokens are drawn.
    """

    capture: str | None = None
    max_tokens: int | None = None
    max_chars: int | None = None
    stop: str | None = None
    suffix: str | None = None
    stop_capture: str | None = None
    lazy: bool = False
    temperature: float | None = None

    @property
    def captures_only(self) -> bool:
        """Whether the language of the rule stays as it is."""
        return self == Attributes(capture=self.capture, temperature=self.temperature)


_KNOWN: Final = tuple(entry.name for entry in fields(Attributes))
_NUMBERS: Final = ("max_tokens", "max_chars")
_TEXTS: Final = ("stop", "suffix")


def read_attributes(source: Source, rule: str, words: Sequence[Word], literal: Callable[[str, int], str]) -> Attributes:
    """The attributes of a rule.

    Args:
        source: the text, for errors.
        rule: whose they are.
        words: what stands in the brackets.
        literal: names a string or pattern as a terminal.

    Raises:
        GrammarSyntaxError: with the place.
    """
    given: dict[str, Any] = {}
    at = 0
    while at < len(words):
        key = words[at]
        name = key.text
        if name in given or key.kind != "name":
            raise source.error(f"{name!r} was not expected", hint="Write name=value, once each.", at=key.start)
        value = words[at + 2] if at + 2 < len(words) and words[at + 1].is_one_of("=") else None
        at += 1 if value is None else 3
        given[name] = _value(source, rule, key, value, literal)
        if at < len(words) and not words[at].is_one_of(","):
            raise source.error(f"{words[at].text!r} was not expected", hint="Put commas between.", at=words[at].start)
        at += 1
    if "stop_capture" in given and given.get("suffix") is None:
        hint = "Use suffix: the text of stop is not written."
        raise source.error("stop_capture needs a suffix", hint=hint, at=words[0].start)
    if given.get("stop") is not None and given.get("suffix") is not None:
        raise source.error("a rule has stop and suffix", hint="Keep one of them.", at=words[0].start)
    return Attributes(**given)


def _value(source: Source, rule: str, key: Word, value: Word | None, literal: Callable[[str, int], str]) -> Any:
    name = key.text
    if name not in _KNOWN:
        hint = did_you_mean(name, _KNOWN) or f"Known are {', '.join(_KNOWN)}."
        raise source.error(f"the attribute {name!r} is not known", hint=hint, at=key.start, keyword=name)
    if name == "lazy" and (value is None or value.text in ("true", "false")):
        return value is None or value.text == "true"
    if name == "capture" and value is None:
        return rule
    if value is not None and value.kind == "number" and name == "temperature":
        return float(value.text)
    if value is not None and name in _NUMBERS and value.text.isdecimal():
        return int(value.text)
    if value is not None and name in _TEXTS:
        if value.kind in ("string", "pattern"):
            return literal(value.text, value.start) if value.text not in ('""', '""i') else None
        if value.kind == "name":
            return value.text
    if value is not None and name in ("capture", "stop_capture") and value.kind == "string":
        return value.text[1:-1]
    wanted = (
        "a number" if name in (*_NUMBERS, "temperature") else "a terminal" if name in _TEXTS else "a name in quotes"
    )
    place = (value or key).start
    raise source.error(f"{name} must be {wanted}", hint=f"Correct {name}.", at=place, keyword=name)
