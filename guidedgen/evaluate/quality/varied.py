"""Methods with other settings than the published ones, to see how much these matter: `layer-contrast:strength=0.5`."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from guidedgen.decoders import Strategy
from guidedgen.evaluate.engine import EvaluationError
from guidedgen.evaluate.quality.methods import METHODS, Method


def method_named(name: str) -> Method:
    """A method by name, with settings behind colons where there are some.

    Raises:
        EvaluationError: there is none of that name, or the settings cannot be read.
    """
    base, *given = name.split(":")
    if base not in METHODS:
        raise EvaluationError(f"there is no method {base!r}. There are: {', '.join(METHODS)}.")
    method = METHODS[base]
    return _varied(method, dict(map(_setting, given))) if given else method


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not (key.isidentifier() and equals):
        raise EvaluationError(f"{text!r} is no setting. Write it as strength=0.5.")
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value


def _varied(method: Method, settings: Mapping[str, Any]) -> Method:
    """The method with some settings changed: options of sampling, or those of its strategy or its MIX method."""
    sampled = {key: value for key, value in settings.items() if key in method.options}
    others = {key: value for key, value in settings.items() if key not in sampled}
    told = ", ".join(f"{key} {value}" for key, value in settings.items())
    return dataclasses.replace(
        method,
        settings=told,
        options={**method.options, **sampled},
        strategy=lambda model, message: _changed(method.strategy(model, message), others),
    )


def _changed(strategy: Strategy, settings: Mapping[str, Any]) -> Strategy:
    made: Any = strategy
    for key, value in settings.items():
        first: Any = made.mix[0] if getattr(made, "mix", ()) else None
        try:
            if _has(first, key):
                made = dataclasses.replace(made, mix=(dataclasses.replace(first, **{key: value}), *made.mix[1:]))
            elif _has(made, key):
                made = dataclasses.replace(made, **{key: value})
            else:
                raise EvaluationError(f"{type(first or made).__name__} has no setting {key!r}.")
        except ValueError as error:
            raise EvaluationError(str(error)) from error
    found: Strategy = made
    return found


def _has(value: object, key: str) -> bool:
    return dataclasses.is_dataclass(value) and key in {field.name for field in dataclasses.fields(value)}
