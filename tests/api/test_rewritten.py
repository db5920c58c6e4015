"""`Model.rewritten`: prompts for side contexts, made from the text of the prompt itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import guidedgen as gg
from guidedgen.sampler.sequence import Sequence
from guidedgen.toy import OneOf


def test_prompts_are_the_changed_text_of_the_prompt(script: Callable[..., Any]) -> None:
    model, _ = script("yes")
    changed = model.rewritten(lambda text: text.upper(), lambda text: text + "!")
    tokens = list(b"tell me")
    prompt = Sequence.prompt(tokens, OneOf([(0,)], 300).start())
    assert [bytes(list(made)[:7]) for made in changed(prompt)][:1] == [b"TELL ME"]
    assert len(changed(prompt)) == 2


def test_a_change_that_changes_nothing_is_an_error(script: Callable[..., Any]) -> None:
    model, _ = script("yes")
    noisy = gg.NoisyInstruction(prompts=model.rewritten(lambda text: text.replace("absent", "other")))
    with pytest.raises(ValueError, match="left the prompt as it is"):
        model("tell me", gg.Regex("yes|no"), strategy=gg.Plain(mix=(noisy,)))
