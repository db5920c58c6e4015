"""Views by name and numbers, for the command line and for settings files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from guidedgen.sampler.quantised import Gear, Quantised
from guidedgen.sampler.selections import Pages, Selection
from guidedgen.sampler.views import Regions, SinkWindow, TopTokens, View

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
