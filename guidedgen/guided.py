"""`@guided`: a function whose docstring is the prompt and whose return annotation is the output type.

The body is never run. `async def` gives a coroutine; `-> Iterator[T]` and `-> AsyncIterator[T]` give items as they
close.
"""

from __future__ import annotations

import asyncio
import collections.abc
import functools
import inspect
import json
import threading
import types
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from guidedgen.errors import CompileError
from guidedgen.events import Done, Event, FieldClosed
from guidedgen.options import Options, check_options
from guidedgen.template import Template, parse_template

if TYPE_CHECKING:
    from typing import Unpack

    from guidedgen.api import Model

P = ParamSpec("P")
R = TypeVar("R")

_ITERATORS = (collections.abc.Iterator, collections.abc.Iterable)
_ASYNC_ITERATORS = (collections.abc.AsyncIterator, collections.abc.AsyncIterable)


@overload
def guided(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def guided(
    *, model: Model | str | None = None, **options: Unpack[Options]
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def guided(function: Any = None, /, *, model: Model | str | None = None, **options: Unpack[Options]) -> Any:
    """Turn a function into a prompt with a typed answer.

    The docstring is the prompt: `{name}` is replaced by the argument, `{{` and `}}` are braces. The return annotation
    is the output type; `-> Iterator[T]` and `-> AsyncIterator[T]` yield the items of a list as each is complete.

    Args:
        function: the function, where the decorator is used without parentheses.
        model: a `Model`, or a name for `load`; the default is the embedded model, loaded at the first call and shared
            by all functions.
        **options: as for `Model.generate`.

    Raises:
        CompileError: no docstring, a field in it that is not a parameter, or no return annotation.
        ValueError: an option that is not one, or has an impossible value.
    """
    if function is None:
        return functools.partial(_decorate, model=model, options=options, caller=_caller_names())
    return _decorate(function, model=model, options=options, caller=_caller_names())


@dataclass(frozen=True, kw_only=True)
class _Guided:
    """Everything that is known about a decorated function."""

    function: Callable[..., Any]
    signature: inspect.Signature
    template: Template
    model: Model | str | None
    options: Options
    caller: dict[str, Any]

    def prompt(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.function.__qualname__}(): {error}") from None
        bound.apply_defaults()
        return self.template.render(bound.arguments)

    def use(self) -> Model:
        return shared_model(self.model) if self.model is None or isinstance(self.model, str) else self.model

    @functools.cached_property
    def output(self) -> Any:
        return _return_type(self.function, self.caller)

    @property
    def items(self) -> Any:
        """The list whose items an iterator gives."""
        (item,) = typing.get_args(self.output)
        return types.GenericAlias(list, (item,))


def _decorate(
    function: Callable[..., Any], *, model: Model | str | None, options: Options, caller: dict[str, Any]
) -> Any:
    if not inspect.isfunction(function):
        raise TypeError(
            f"@guided decorates functions, not {function!r}. A model is given as @guided(model=...); "
            "@staticmethod and @classmethod come above it."
        )
    check_options(options)
    signature = inspect.signature(function)
    template = parse_template(function.__doc__, names=list(signature.parameters), owner=f"{function.__qualname__}()")
    if signature.return_annotation is inspect.Signature.empty:
        raise CompileError(
            f"{function.__qualname__}() has no return annotation", hint="It is the output type: write -> T."
        )
    guide = _Guided(
        function=function, signature=signature, template=template, model=model, options=options, caller=caller
    )
    wrapper = functools.wraps(function)(_wrapper(guide))
    wrapper.__dict__["guided"] = guide
    return wrapper


def _wrapper(guide: _Guided) -> Callable[..., Any]:
    """A coroutine function for `async def`, otherwise a plain one; what it returns is settled by the annotation."""
    if inspect.iscoroutinefunction(guide.function):

        async def answer_later(*args: Any, **kwargs: Any) -> Any:
            prompt = guide.prompt(args, kwargs)
            if _is(guide.output, _ASYNC_ITERATORS):
                return _stream_later(guide, prompt)
            if _is(guide.output, _ITERATORS):
                raise CompileError("async functions cannot return an Iterator", hint="Annotate -> AsyncIterator[T].")
            model = await asyncio.to_thread(guide.use)
            return (await model.agenerate(prompt, guide.output, **guide.options)).value

        return answer_later

    def answer(*args: Any, **kwargs: Any) -> Any:
        prompt = guide.prompt(args, kwargs)
        if _is(guide.output, _ASYNC_ITERATORS):
            return _stream_later(guide, prompt)
        if _is(guide.output, _ITERATORS):
            return _stream(guide, prompt)
        return guide.use().generate(prompt, guide.output, **guide.options).value

    return answer


def _stream(guide: _Guided, prompt: str) -> Iterator[Any]:
    """Items of a list, each as soon as it is closed; raises at the end where the list was cut."""
    for event in guide.use().stream(prompt, guide.items, **guide.options):
        yield from _closed_items(event, guide.items)


async def _stream_later(guide: _Guided, prompt: str) -> AsyncIterator[Any]:
    model = await asyncio.to_thread(guide.use)
    async for event in model.astream(prompt, guide.items, **guide.options):
        for item in _closed_items(event, guide.items):
            yield item


def _closed_items(event: Event[Any], items: Any) -> list[Any]:
    """The validated item that an event closes, if any."""
    from guidedgen.grammars.specs import spec_of  # late: `import guidedgen` binds `guided` and must stay light

    if isinstance(event, Done) and event.result.error is not None:
        raise event.result.error
    if not isinstance(event, FieldClosed) or len(event.path) != 1:
        return []
    spec = spec_of(items)
    assert spec is not None  # a list is not free text
    return list(spec.parse(json.dumps([event.value])))


def _is(output: Any, kinds: tuple[type, ...]) -> bool:
    return typing.get_origin(output) in kinds


def _caller_names() -> dict[str, Any]:
    """Local names where the decorator stands: classes defined in a function are found through them."""
    frame = inspect.currentframe()
    caller = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
    return {} if caller is None or caller.f_locals is caller.f_globals else dict(caller.f_locals)


def _return_type(function: Callable[..., Any], caller: dict[str, Any]) -> Any:
    """The return annotation as a type; postponed annotations (PEP 563) and forward references are evaluated.

    Raises:
        CompileError: a name in it is not defined.
    """
    bare = typing.cast(Any, lambda: None)
    bare.__annotations__ = {"return": function.__annotations__["return"]}
    try:
        return typing.get_type_hints(bare, {**caller, **function.__globals__}, caller, include_extras=True)["return"]
    except NameError as error:
        raise CompileError(
            f"the return annotation of {function.__qualname__}() cannot be evaluated: {error}",
            hint="Define or import the type before the first call.",
        ) from error


_models: dict[str, Model] = {}
_models_lock = threading.Lock()


def shared_model(name: str | None = None) -> Model:
    """The model that decorated functions share, loaded once per name; the embedded one where there is none."""
    from guidedgen.api import DEFAULT_MODEL, load  # late: decorating must not import torch

    with _models_lock:
        key = name or DEFAULT_MODEL
        if key not in _models:
            _models[key] = load(key)
        return _models[key]
