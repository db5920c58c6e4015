"""Masks of the library's grammars on real files, 128k tokens, beside llguidance (`pytest -m benchmark`).

`guidedgen evaluate grammars` measures more, and shows it. What is asserted here is a ratio, taken in one run.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from guidedgen.evaluate.engine import Tokenizer
from guidedgen.evaluate.grammar_bench import GrammarRecord, find_instances, measure
from tests.grammars.library.real_files import json_texts, python_files, sql_texts

FILES = 4


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    folder = tmp_path_factory.mktemp("instances")
    texts = {
        "json": [text for _, text in json_texts()][:FILES],
        "python": [path.read_text(encoding="utf-8") for path in python_files()[40:400:100]][:FILES],
        "sql": [text for text in sql_texts(5) if len(text) > 100][:FILES],
    }
    for name, found in texts.items():
        (folder / name).mkdir()
        for index, text in enumerate(found):
            (folder / name / f"{index}.txt").write_text(text, encoding="utf-8")
    return find_instances(folder, [])


def measured(engine: str, shared: Path, instances: dict[str, list[Path]]) -> dict[str, GrammarRecord]:
    tokenizer = Tokenizer.read(str(shared / "data" / "tokenizers" / "llama3_1"))
    return {record.grammar: record for record in measure(engine, tokenizer, instances)}


@pytest.mark.benchmark
@pytest.mark.timeout(1200)
def test_cold_masks_beside_llguidance(shared: Path, instances: dict[str, list[Path]]) -> None:
    pytest.importorskip("llguidance")
    own, peer = (measured(engine, shared, instances) for engine in ("guidedgen", "llguidance"))
    ratios = {name: np.mean(own[name].cold) / np.mean(peer[name].cold) for name in own if peer[name].cold}
    assert {name: ratio for name, ratio in ratios.items() if ratio > 0.5} == {}, json.dumps(ratios)


@pytest.mark.benchmark
@pytest.mark.timeout(1200)
def test_first_mask_and_slowest_masks(shared: Path, instances: dict[str, list[Path]]) -> None:
    own = measured("guidedgen", shared, instances)
    assert {name: record.error for name, record in own.items() if record.error} == {}
    assert np.median(own["python"].first) < 50e6
    slowest = {name: float(np.percentile(record.cold, 99)) / 1e6 for name, record in own.items()}
    assert {name: milliseconds for name, milliseconds in slowest.items() if milliseconds >= 1.0} == {}
