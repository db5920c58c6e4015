"""Tokenizer files for tests: the shared ones, those of the mistral-common wheel, and a cache that is thrown away."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import tokenizers

from guidedgen.vocabulary import Vocabulary

TEXTS = (
    "Hello world",
    "",
    " leading and trailing ",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "敏捷的棕色狐狸跳过了懒狗。いろはにほへと ちりぬるを 다람쥐 헌 쳇바퀴에 타고파",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "نص حكيم له سر قاطع וכן עברית ऋषियों को सताने वाले दुष्ट ไทย កម្ពុជា ელენე",
    "👍🏽 👩‍👩‍👧‍👦 🇺🇳 😀😀😀 ☺️ 🫠",
    "combining: e\u0301 n\u0303 Å a\u0308\u0323 Z\u0351\u036b\u0343 ﬁ ½ Ⅷ ｆｕｌｌ",
    "   \t\t\n\n\r\n    \u00a0\u2003\u3000\u200b x   ",
    "def f(x: int = 0) -> str:\n\treturn f'{x!r:>10}'  # ok\n\n\nclass A[T]: ...\n",
    '{"a": [1, 2.5e-3, null], "b\\u00e9": "\\"quoted\\"", "c": {}}',
    "<think>no</think> <|im_end|> <|eot_id|> </s> [INST] <0x41> ▁ Ġ",
    "\x00\x01\x1f\x7f\x80\xff \ufffd \ufeff \U0010ffff \U00020000",
    "a" * 300 + " " * 100 + "ab" * 100,
)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the vocabulary cache of the person who runs the tests out of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUIDEDGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=TEXTS, ids=lambda text: text[:12].encode("ascii", "replace").decode() or "empty")
def text(request: pytest.FixtureRequest) -> str:
    """One of some texts that are hard for tokenizers."""
    value: str = request.param
    return value


@pytest.fixture(scope="session", params=["smollm2", "llama3_1", "qwen3"])
def byte_level(request: pytest.FixtureRequest, shared: Path) -> tuple[Vocabulary, tokenizers.Tokenizer]:
    """A byte-level vocabulary and the library's tokenizer of the same file."""
    path = shared / "data" / "tokenizers" / request.param / "tokenizer.json"
    return Vocabulary.from_file(path), tokenizers.Tokenizer.from_file(str(path))


@pytest.fixture(scope="session")
def mistral_file() -> Callable[[str], Path]:
    """Path of a data file in the mistral-common wheel (`pip install --no-deps mistral-common`)."""
    spec = importlib.util.find_spec("mistral_common")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("mistral-common is not installed: pip install --no-deps mistral-common==1.13.1")
    return (Path(spec.submodule_search_locations[0]) / "data").joinpath


SENTENCEPIECE_FILES = ("tokenizer.model.v1", "mistral_instruct_tokenizer_240216.model.v2")
SENTENCEPIECE_FILES += ("mistral_instruct_tokenizer_240323.model.v3", "mistral_instruct_tokenizer_241114.model.v7")
SENTENCEPIECE_FILES += ("mistral_instruct_tokenizer_241114.model.v7m1",)


@pytest.fixture(scope="session", params=SENTENCEPIECE_FILES)
def sentencepiece_file(request: pytest.FixtureRequest, mistral_file: Callable[[str], Path]) -> Path:
    """A SentencePiece model with byte fallback."""
    return mistral_file(request.param)


@pytest.fixture(scope="session", params=["tekken_240718.json", "tekken_240911.json"])
def tekken_file(request: pytest.FixtureRequest, mistral_file: Callable[[str], Path]) -> Path:
    """A Tekken file."""
    return mistral_file(request.param)
