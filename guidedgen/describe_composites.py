"""What the model is told about combinations of specs: the form of the text, and each part that is not plain."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from guidedgen.grammars.combinators import AnyTextSpec, Either, Maybe, Named, Repeat, Sequence, SpecialToken, Text
from guidedgen.grammars.date_specs import Date, DateTime, Time
from guidedgen.grammars.number_specs import Integer, Number
from guidedgen.grammars.specs import Regex
from guidedgen.grammars.substring import Substring
from guidedgen.grammars.tags import Tags
from guidedgen.grammars.thinking import DEFAULT_MARKERS, Thinking
from guidedgen.grammars.tools import Tools
from guidedgen.grammars.translation import Spec

Describe = Callable[[Spec[Any]], str | None]
_LONGEST = 60  # characters of a pattern that is shown in place


def describe_composite(spec: Spec[Any], describe: Describe) -> str | None:
    """Text for a prompt; None where there is nothing to say.

    Args:
        spec: the combination.
        describe: what is said about any other spec.
    """
    if isinstance(spec, Thinking):
        return _thinking(spec, describe)
    if isinstance(spec, Tags):
        return _tags(spec, describe)
    if isinstance(spec, Named):
        return describe(spec.part)
    if isinstance(spec, AnyTextSpec):
        return None
    parts: list[str] = []
    form = _form(spec, describe, parts)
    told = f"Answer only with text of this form (parts in {{}} are for you to fill in):\n{form}"
    return "\n\n".join([told, *dict.fromkeys(parts)])


def _thinking(spec: Thinking, describe: Describe) -> str | None:
    """Models with markers of their own know what to do."""
    markers, about = spec.markers, None if isinstance(spec.output, Tools) else describe(spec.output)
    if markers.begin != DEFAULT_MARKERS.begin or markers.opened:
        return about
    told = f"First think step by step between {markers.begin} and {markers.end}, then give the answer alone."
    return told if about is None else f"{told}\n\n{about}"


def _tags(spec: Tags, describe: Describe) -> str:
    parts: list[str] = []
    forms = [f"{tag.begin}{_form(tag.content, describe, parts)}{tag.end}" for tag in spec.tags]
    where = "Answer with these parts only" if spec.text is False else "Your answer may have such parts in it"
    told = f"{where} ({{}} is for you to fill in):\n" + "\n".join(forms)
    return "\n\n".join([told, *dict.fromkeys(parts)])


def _form(spec: Any, describe: Describe, parts: list[str]) -> str:
    """The form of a text; what does not fit into it is appended to `parts`."""
    form = _forms(spec, lambda part: _form(part, describe, parts))
    if form is not None:
        return form
    about = describe(spec)
    if about is not None:
        parts.append(f"Of these parts: {about}" if about else "")
    return "{...}"


@singledispatch
def _forms(spec: Any, form: Callable[[Any], str]) -> str | None:
    return None


@_forms.register
def _(spec: Text, form: Callable[[Any], str]) -> str:
    return spec.text


@_forms.register
def _(spec: SpecialToken, form: Callable[[Any], str]) -> str:
    return spec.name


@_forms.register
def _(spec: AnyTextSpec, form: Callable[[Any], str]) -> str:
    return "{text}"


@_forms.register
def _(spec: Regex, form: Callable[[Any], str]) -> str | None:
    return f"{{text that matches {spec.pattern}}}" if len(spec.pattern) <= _LONGEST else None


@_forms.register(Integer)
@_forms.register(Number)
@_forms.register(Date)
@_forms.register(Time)
@_forms.register(DateTime)
def _(spec: Any, form: Callable[[Any], str]) -> str:
    return f"{{{spec.form}}}"


@_forms.register
def _(spec: Substring, form: Callable[[Any], str]) -> str:
    return f"{{an exact excerpt of the text, in whole {spec.unit}}}"


@_forms.register
def _(spec: Named, form: Callable[[Any], str]) -> str:
    inner = form(spec.part)
    plain = inner.startswith("{") and inner.endswith("}") and inner.count("{") == 1
    return f"{{{spec.name}: {inner[1:-1]}}}" if plain else inner


@_forms.register
def _(spec: Sequence, form: Callable[[Any], str]) -> str:
    return "".join(map(form, spec.parts))


@_forms.register
def _(spec: Either, form: Callable[[Any], str]) -> str:
    return "{one of: " + " | ".join(map(form, spec.options)) + "}"


@_forms.register
def _(spec: Maybe, form: Callable[[Any], str]) -> str:
    return f"{{optional: {form(spec.part)}}}"


@_forms.register
def _(spec: Repeat, form: Callable[[Any], str]) -> str:
    between = "" if spec.separator is None else f", with {form(spec.separator)!r} between them"
    most = "or more" if spec.max is None else f"to {spec.max}"
    return f"{{{spec.min} {most} times{between}: {form(spec.part)}}}"
