"""Compiling and computing masks stay light: neither torch nor transformers is imported for them.

Which module may import which is import-linter's business (`make layers`); these tests see what really happens.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

REPORT = """
import sys
print(" ".join(sorted({"torch", "transformers", "tokenizers", "pydantic", "lark"} & set(sys.modules))))
"""


def imported_by(program: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after `program`."""
    command = [sys.executable, "-c", textwrap.dedent(program) + REPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert imported_by("import guidedgen") == set()


@pytest.mark.parametrize(
    "spec",
    [
        "gg.JsonSchema({'type': 'object', 'properties': {'a': {'type': 'integer'}}, 'additionalProperties': False})",
        "gg.Regex('[a-z]+')",
        "gg.Choice(['yes', 'no'])",
        "gg.Lark('start: \"a\"+')",
        "int",
    ],
)
def test_compiling_and_masking_need_no_torch(spec: str) -> None:
    loaded = imported_by(
        f"""
        import guidedgen as gg
        tokens = [bytes([byte]) for byte in range(256)]
        vocabulary = gg.Vocabulary.from_tokens([*tokens, b""], eos=(256,), special={{"<eos>": 256}})
        state = gg.compile({spec}, vocabulary).start()
        assert state.mask().any()
        """
    )
    assert loaded.isdisjoint({"torch", "transformers"})


@pytest.mark.parametrize("name", ["errors", "limits", "constraint", "vocabulary", "kernel", "grammars", "monitors"])
def test_lower_layers_import_no_torch(name: str) -> None:
    assert imported_by(f"import guidedgen.{name}").isdisjoint({"torch", "transformers"})


def test_the_probe_notices_torch() -> None:
    assert "torch" in imported_by("import torch")
