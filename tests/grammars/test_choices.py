"""Choices as lexemes."""

import pytest

from guidedgen.errors import CompileError
from guidedgen.grammars import choices, ir
from tests.kernel.helpers import accepts, compile_grammar


def test_exactly_the_options_are_accepted(kernel: str) -> None:
    options = ["yes", "no", "nope", "", "naïve", "yes"]
    compiled = compile_grammar(choices.terminal(options), kernel)
    texts = [*options, "y", "nop", "yesno", "naive", "nopenope"]
    assert [text for text in texts if accepts(compiled, text.encode())] == options


def test_one_option_is_a_literal() -> None:
    expression = choices.expression(["only"])
    assert isinstance(expression, ir.Literal)
    assert expression.text == b"only"


def test_the_label_is_kept() -> None:
    assert choices.terminal(["a"], label="#/enum").label == "#/enum"


@pytest.mark.parametrize(("options", "message"), [([], "at least one"), (["\ud800"], "UTF-8"), ([1], "no text")])
def test_bad_options_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(CompileError, match=message):
        choices.expression(options)
