"""Random walks over real schemas: no dead ends, mask and advance agree, what comes out is valid by the standard.

The ratchet file holds the schemas where that is not so yet; one more is a failure.
`python -m tests.conformance.test_random_walk --update` (from the repository root) rewrites it from a complete run.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from guidedgen.errors import CompileError, LimitExceeded, UnsatisfiableSchema
from guidedgen.grammars.compile import compile
from guidedgen.grammars.specs import JsonSchema
from tests.conformance.exact import names_twice, read
from tests.conformance.opinions import Opinions
from tests.conformance.test_maskbench import files_of
from tests.conformance.walks import BrokenWalk, Walk, crossing_vocabulary, text_of

RATCHET = Path(__file__).with_name("random_walk.json")
SLICE = 37  # every so many files in the default run: 153
WALKS = 4
STEPS = 120

KINDS = ["refused", "too much work", "duplicate names", "libraries disagree", "invalid", "broken"]


def compiled(schema: Any, walk: Walk) -> Any:
    """The constraint; both orders and both layouts take their turns."""
    order = "any" if walk.seed % 2 else "schema"
    whitespace = "flexible" if walk.seed % 4 > 1 else "compact"
    return compile(JsonSchema(schema, property_order=order, whitespace=whitespace), crossing_vocabulary())


def judge(constraint: Any, opinions: Opinions, walk: Walk) -> tuple[str, str]:
    """What is wrong with one walk ("" for nothing), and the case."""
    try:
        text = text_of(constraint, crossing_vocabulary(), walk).decode()
    except BrokenWalk as error:
        return "broken", str(error)
    except LimitExceeded as error:
        return "too much work", str(error)
    if names_twice(text):
        return "duplicate names", text
    if not opinions.standard.is_valid(read(text)):
        return "invalid", text
    differing = opinions.unexplained(text)
    return ("libraries disagree", f"{' '.join(differing)}: {text}") if differing else ("", "")


def walk_file(path: Path, walks: int = WALKS) -> dict[str, str]:
    """What is wrong with the walks of a file: kind -> first case."""
    schema = json.loads(path.read_text(encoding="utf-8"))["schema"]
    opinions = Opinions(json.dumps(schema))
    found: dict[str, str] = {}
    for turn in range(walks):
        walk = Walk(STEPS, seed=crc32(path.name.encode()) // 4 * 4 + turn)
        try:
            constraint = compiled(schema, walk)
        except UnsatisfiableSchema:
            return found
        except (CompileError, LimitExceeded):
            return {"refused": ""}
        kind, case = judge(constraint, opinions, walk)
        if kind:
            found.setdefault(kind, case)
    return found


def run(files: list[Path]) -> dict[str, dict[str, str]]:
    """Kind -> file -> case."""
    named: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    for path in files:
        for kind, case in walk_file(path).items():
            named[kind][path.name] = case
    return named


def compare(found: dict[str, dict[str, str]]) -> None:
    kept = json.loads(RATCHET.read_text(encoding="utf-8"))
    for kind in KINDS:
        new = {name: case for name, case in found[kind].items() if name not in kept["named"].get(kind, [])}
        assert new == {}, kind


def test_walks_over_a_slice_end_in_valid_texts(shared: Path) -> None:
    files = files_of(shared)[::SLICE]
    found = run(files)
    compare(found)
    assert len(files) - len(found["refused"]) > 120


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_walks_over_all_schemas_end_in_valid_texts(shared: Path) -> None:
    compare(run(files_of(shared)))


def update(shared: Path) -> None:
    """Rewrite the ratchet file."""
    files = files_of(shared)
    found = run(files)
    counts = Counter({kind: len(names) for kind, names in found.items()})
    kept = {
        "files": len(files),
        "walks of each": WALKS,
        "counts": counts,
        "named": {k: sorted(v) for k, v in found.items()},
    }
    RATCHET.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(
        json.dumps({k: v for k, v in found.items() if k != "refused"}, indent=1, ensure_ascii=False) + "\n"
    )


if __name__ == "__main__" and "--update" in sys.argv:
    root = Path(__file__).resolve().parents[2]
    update(Path(os.environ.get("GUIDEDGEN_SHARED", root.parent / "shared")))
