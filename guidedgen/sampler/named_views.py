"""How keys and values are kept: views by name and numbers, for the command line, and what `gg.load` takes as cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from guidedgen.errors import ModelError
from guidedgen.sampler.quantised import Gear, Quantised
from guidedgen.sampler.selections import Pages, Selection
from guidedgen.sampler.views import Regions, SinkWindow, TopTokens, View

Kept: TypeAlias = View | Selection | Literal["int8"] | tuple[Literal["int8"], View]  # what `gg.load` takes as cache

CACHES: dict[str, Callable[..., View | Selection]] = {
    "pages": Pages,
    "regions": Regions,
    "sink-window": SinkWindow,
    "top-tokens": TopTokens,
}
"""Views that a whole generation can run under."""

VIEWS: dict[str, Callable[..., View | Selection]] = {**CACHES, "gear": Gear, "quantised": Quantised}
"""Views that drafts can run under. `Channels` is none of them: it has to be calibrated."""


def view_named(text: str, known: dict[str, Callable[..., View | Selection]] = VIEWS) -> View | Selection | None:
    """A view by name and numbers in the order of its settings, such as "sink-window:4:1020"; "full" is None.

    Raises:
        ValueError: an unknown name, something that is no number, or an impossible one.
    """
    name, *numbers = text.split(":")
    if text == "full":
        return None
    if name not in known:
        raise ValueError(f"no view of the cache is called {name!r}. There are: full, {', '.join(sorted(known))}")
    try:
        return known[name](*map(int, numbers))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{text!r} is no view of the cache: {error}. Write for example sink-window:4:1020") from error


def cache_named(
    text: str,
) -> View | Selection | Literal["int8"] | tuple[Literal["int8"], View | Selection | None] | None:
    """What `gg.load(cache=...)` takes: a view by name, "int8", or both, such as "int8+sink-window:4:1020".

    Raises:
        ValueError: see `view_named`.
    """
    form, both, view = text.partition("+")
    if form != "int8":
        return view_named(text, CACHES)
    return ("int8", view_named(view, CACHES)) if both else "int8"


def format_and_view(cache: Kept | None) -> tuple[str, View | Selection | None]:
    """Format of keys and values ("int8", or "model": as the model computes them), and the view of them.

    Raises:
        ModelError: the view needs keys and values as they are.
        ValueError: another text, or something else beside a view.
    """
    form, view = cache if isinstance(cache, tuple) and len(cache) == 2 else (cache, None)
    if form == "int8" and not isinstance(view, (str, tuple)):
        if view is not None and hasattr(view, "hide"):
            raise ModelError(
                f"{view} selects among keys and values, which it cannot read in eight bits. Give a view that drops "
                "(gg.SinkWindow, gg.TopTokens, gg.Regions) beside 'int8', or one of the two alone."
            )
        return "int8", view
    if isinstance(cache, (str, tuple)):
        raise ValueError(
            f"cache={cache!r} is no format of keys and values. Give 'int8', a view such as gg.SinkWindow(), "
            "('int8', view), or None."
        )
    return "model", cache
