"""Which tokens end a text: the union of what the configuration files say, and nothing that they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guidedgen.errors import VocabularyError
from guidedgen.vocabulary import Vocabulary

NAMES = {"<|end_of_text|>": 2, "<|eot_id|>": 3, "<|im_end|>": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A byte-level tokenizer with three tokens that may end a text."""
    added = [{"id": token, "content": name, "special": True} for name, token in NAMES.items()]
    decoder = {"type": "ByteLevel"}
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}
    document = {"version": "1.0", "added_tokens": added, "decoder": decoder, "pre_tokenizer": decoder, "model": model}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    return tmp_path


def write(folder: Path, name: str, **content: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_nothing_is_guessed(folder: Path) -> None:
    assert Vocabulary.from_file(folder).eos == frozenset()


def test_the_union_of_the_files(folder: Path) -> None:
    write(folder, "generation_config", eos_token_id=[2, 3])
    write(folder, "tokenizer_config", eos_token="<|im_end|>")
    assert Vocabulary.from_file(folder).eos == {2, 3, 4}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("generation_config", {"eos_token_id": 2}, {2}),
        ("generation_config", {"eos_token_id": [3, 4]}, {3, 4}),
        ("generation_config", {"eos_token_id": None}, set()),
        ("tokenizer_config", {"eos_token": "<|eot_id|>"}, {3}),
        ("tokenizer_config", {"eos_token": {"content": "<|eot_id|>", "special": True}}, {3}),
        ("tokenizer_config", {"eos_token": None}, set()),
        ("special_tokens_map", {"eos_token": {"content": "<|im_end|>"}}, {4}),
    ],
)
def test_each_file(folder: Path, name: str, content: dict[str, object], expected: set[int]) -> None:
    write(folder, name, **content)
    assert Vocabulary.from_file(folder).eos == expected


def test_what_is_passed_comes_first(folder: Path) -> None:
    write(folder, "generation_config", eos_token_id=2)
    assert Vocabulary.from_file(folder, eos=["<|im_end|>", 3]).eos == {3, 4}
    assert Vocabulary.from_file(folder, eos=()).eos == frozenset()


def test_an_end_token_is_silent_even_if_it_is_text(folder: Path) -> None:
    vocabulary = Vocabulary.from_file(folder, eos=[1])
    assert (vocabulary.token_bytes(0), vocabulary.token_bytes(1)) == (b"a", b"")
    assert 1 not in vocabulary.unused


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("generation_config", '{"eos_token_id": 99}', "token 99 is out of range"),
        ("generation_config", '{"eos_token_id": -1}', "token -1 is out of range"),
        ("generation_config", '{"eos_token_id": ["x"]}', "'x' is not a token"),
        ("generation_config", '{"eos_token_id": true}', "True is not a token"),
        ("tokenizer_config", '{"eos_token": "<gone>"}', "'<gone>' is not a token"),
        ("tokenizer_config", "{", "tokenizer_config.json is not JSON"),
        ("tokenizer_config", "[]", "not a JSON object"),
        ("tokenizer_config", "[" * 100_000, "not JSON"),
        ("tokenizer_config", '{"added_tokens_decoder": {"x": {}}}', "added_tokens_decoder .* malformed"),
        ("tokenizer_config", '{"added_tokens_decoder": {"60": {}}}', "added_tokens_decoder .* malformed"),
        ("tokenizer_config", '{"added_tokens_decoder": {"60": 5}}', "added_tokens_decoder .* malformed"),
        ("tokenizer_config", '{"added_tokens_decoder": [1]}', "added_tokens_decoder .* malformed"),
        ("tokenizer_config", '{"added_tokens_decoder": {"60": {"content": "\\ud800"}}}', "malformed"),
    ],
)
def test_files_that_contradict_the_tokenizer_are_refused(folder: Path, name: str, text: str, reason: str) -> None:
    (folder / f"{name}.json").write_text(text)
    with pytest.raises(VocabularyError, match=reason):
        Vocabulary.from_file(folder)


def test_an_end_in_the_padding_is_allowed_with_the_size(folder: Path) -> None:
    write(folder, "generation_config", eos_token_id=7)
    assert Vocabulary.from_file(folder, size=8).eos == {7}


def test_tokens_that_only_the_configuration_lists(folder: Path) -> None:
    entries = {
        "5": {"content": "<tool>", "special": False},
        "6": {"content": "<pad>", "special": True},
        "0": {"content": "a"},
    }
    write(folder, "tokenizer_config", eos_token="<pad>", added_tokens_decoder=entries)
    vocabulary = Vocabulary.from_file(folder)
    assert (vocabulary.size, vocabulary.token_bytes(5), vocabulary.token_bytes(6), vocabulary.eos) == (
        7,
        b"<tool>",
        b"",
        {6},
    )
    assert dict(vocabulary.special) == {**NAMES, "<tool>": 5, "<pad>": 6}
