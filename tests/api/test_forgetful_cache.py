"""Generating with a cache that forgets: by argument and by name, in bounded memory, and named in the trace."""

from __future__ import annotations

import re

import pytest

import guidedgen as gg
from guidedgen.models import tiny
from guidedgen.sampler.named_views import cache_named, view_named
from guidedgen.sampler.quantised import Quantised

WINDOW = gg.SinkWindow(4, 28, 8)


def test_a_text_may_be_longer_than_its_cache() -> None:
    language_model = tiny.load("llama")
    slot = language_model.new_store(0).slot_bytes
    model = gg.Model(language_model, cache=WINDOW, cache_bytes=2 * 40 * slot)
    result = model.generate("ABC", gg.Regex("[A-F]{120}"), max_tokens=200, describe="none")
    assert re.fullmatch("[A-F]{120}", result.value)
    assert result.trace.approximate == str(WINDOW)
    with pytest.raises(gg.LimitExceeded, match=r"cache=SinkWindow"):
        gg.Model(language_model, cache_bytes=2 * 40 * slot).generate(
            "ABC", gg.Regex("[A-F]{120}"), max_tokens=200, describe="none"
        )


def test_short_texts_are_what_they_are_without() -> None:
    language_model = tiny.load("llama")
    results = [
        gg.Model(language_model, cache=cache).generate("ABC", gg.Regex("[A-F]{20}"), max_tokens=40, describe="none")
        for cache in (None, gg.SinkWindow(4, 60), gg.TopTokens(64))
    ]
    assert len({result.value for result in results}) == 1
    assert results[0].trace.approximate is None


def test_caches_by_name() -> None:
    assert view_named("full") is None
    assert view_named("sink-window:4:28:8") == WINDOW
    assert view_named("top-tokens:99") == gg.TopTokens(99)
    assert view_named("regions:500:64:32") == gg.Regions(500, 64, 32)
    assert view_named("pages:128") == gg.Pages(128)
    assert view_named("quantised:8") == Quantised(8)
    assert cache_named("full") is None
    assert cache_named("top-tokens:99") == gg.TopTokens(99)
    assert cache_named("int8") == "int8"
    assert cache_named("int8+sink-window:4:28:8") == ("int8", WINDOW)
    assert cache_named("int8+full") == ("int8", None)


@pytest.mark.parametrize(
    "text",
    ["none", "sink-window:x", "sink-window:-1", "top-tokens:1:2:3", "top-tokens:0", "quantised", "int8+int8", "int8+"],
)
def test_unknown_caches_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no view"):
        cache_named(text)
