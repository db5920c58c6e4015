"""The public surface is `guidedgen.__all__`: complete, sorted, documented, the same for people and type checkers."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import guidedgen


def _exports_for_type_checkers() -> dict[str, str]:
    """Name -> module, as the imports of guidedgen/__init__.py say."""
    tree = ast.parse(Path(inspect.getfile(guidedgen)).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        alias.name: node.module
        for node in imports
        if node.module is not None and node.module.startswith("guidedgen.")
        for alias in node.names
    }


@pytest.mark.parametrize("name", guidedgen.__all__)
def test_every_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(guidedgen, name)
    assert name == "__version__" or inspect.getdoc(value)


def test_all_is_sorted_without_repetition() -> None:
    assert guidedgen.__all__ == sorted(set(guidedgen.__all__))


def test_all_is_what_type_checkers_see() -> None:
    assert set(guidedgen.__all__) == {*_exports_for_type_checkers(), "__version__"}


def test_lazy_names_come_from_the_module_that_type_checkers_read() -> None:
    declared = {name: module for name, module in _exports_for_type_checkers().items() if name != "guided"}
    assert declared == guidedgen._SOURCE_OF


def test_errors_are_all_public() -> None:
    from guidedgen import errors

    tree = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert tree <= set(guidedgen.__all__)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = guidedgen.nonsense


def test_dir_lists_the_public_names() -> None:
    assert set(guidedgen.__all__) <= set(dir(guidedgen))


def test_guided_is_the_decorator_even_after_its_module_was_imported() -> None:
    program = "import guidedgen.guided, guidedgen as gg; print(callable(gg.guided))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
