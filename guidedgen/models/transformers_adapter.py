"""TransformersModel: a model of the transformers library behind the `LanguageModel` protocol.

Chooses the fastest backend that passes the self-test: the native forward, the lean one in torch (on a GPU recorded as
graphs), flat rows through the library's modules, or plain decoding through the library's own cache.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import torch

from guidedgen.errors import ModelError
from guidedgen.models import lean_llama, native_llama
from guidedgen.models.base import ModelInfo, Reading, Rows
from guidedgen.models.lean_llama import LeanLlama
from guidedgen.models.library_plain import LibraryPlain
from guidedgen.models.library_rows import LibraryRows
from guidedgen.models.native_llama import NativeLlama
from guidedgen.models.recorded import RecordedLlama
from guidedgen.models.self_test import QUANTISED_TOLERANCE, Abilities, Backend, LayeredBackend, SelfTest
from guidedgen.vocabulary import Vocabulary

_log = logging.getLogger(__name__)

_OWN_WAYS: dict[str, type[NativeLlama | RecordedLlama | LeanLlama]] = {  # fastest first
    "native": NativeLlama,
    "recorded": RecordedLlama,
    "lean": LeanLlama,
}
_STATIC_ROTARY = ("default", "linear", "llama3", "yarn", "proportional")  # do not depend on the length of the text


class TransformersModel:
    """A loaded model with its tokenizer.

    Attributes:
        info: what the sampler must know.
        vocabulary: bytes of every token.
        tokenizer: the transformers tokenizer (chat template, encode, decode).
        backend: which way through the model is used: "native", "recorded", "lean", "rows" or "plain".
    """

    def __init__(
        self, backend: Backend, *, info: ModelInfo, vocabulary: Vocabulary, tokenizer: Any, backend_name: str
    ) -> None:
        self._backend = backend
        self.info = info
        self.vocabulary = vocabulary
        self.tokenizer = tokenizer
        self.backend = backend_name

    @staticmethod
    def wrap(
        model: Any,
        tokenizer: Any,
        vocabulary: Vocabulary,
        *,
        name: str,
        lean: bool = True,
        native: bool = True,
        weights: str = "dense",
        kept: str = "model",
    ) -> TransformersModel:
        """Take a transformers causal language model into service.

        Args:
            model: the library's model; its attention implementation may be changed.
            tokenizer: its tokenizer.
            vocabulary: of that tokenizer, as wide as the logits.
            name: for messages.
            lean: whether guidedgen's own forwards may be used where they apply.
            native: whether the compiled one of them, or on a GPU the recorded one, may be.
            weights: "dense" keeps the model's format; "int8" and "int4" need the lean forward and a CPU.
            kept: format of keys and values; "model" is the model's own, "int8" needs the native forward.

        Raises:
            ModelError: quantised weights, keys or values are not possible for this model; its own cache gives other
                logits than its forward, or it has no causal language head.
        """
        model.eval()
        backend, backend_name, abilities = _choose(model, name, weights, lean=lean, native=native)
        if kept == "int8":
            _keep_codes(backend, name)
        info = replace(
            _facts(model, abilities, name=name, logits=vocabulary.size),
            sublayers=bool(abilities.layers) and getattr(backend, "sublayers", False),
            watches=getattr(backend, "watches", False),
            selects=getattr(backend, "selects", False),
            forward=backend_name,
        )
        if weights != "dense":
            info = replace(info, dtype=weights)
        if kept == "int8":
            info = replace(info, approximate="keys and values in eight bits")
        _log.info("%s: %s forward", name, backend_name)
        return TransformersModel(
            backend, info=info, vocabulary=vocabulary, tokenizer=tokenizer, backend_name=backend_name
        )

    def new_store(self, capacity: int) -> Any:
        """An empty store with `capacity` slots."""
        return self._backend.new_store(capacity)

    def forward(self, rows: Rows, store: Any) -> torch.Tensor:
        """Logits of the wanted rows, float32 [W, logits_size]; writes keys and values of all rows to their slots."""
        if rows.layered:
            self._check(rows)
        return _owned(self._backend.forward(rows, store))

    def read(self, rows: Rows, store: Any) -> Reading:
        """See `LayeredModel.read`. Raises ModelError where the layers cannot be told apart."""
        self._check(rows)
        reading = self._layered().read(rows, store)
        hidden = {layer: states.clone() for layer, states in reading.hidden.items()}
        return Reading(logits=_owned(reading.logits), hidden=hidden)

    def embed(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """See `LayeredModel.embed`."""
        return self._layered().embed(tokens, positions).clone()

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """See `LayeredModel.head`."""
        return _owned(self._layered().head(hidden))

    def routers(self) -> list[Any]:
        """The modules that choose experts; none where there are none that can be told to choose otherwise."""
        return self._backend.routers() if isinstance(self._backend, LibraryRows) else []

    def _check(self, rows: Rows) -> None:
        self._layered()
        if rows.plan.parted and not self.info.sublayers:
            raise ModelError(
                f"{self.info.name}: parts of layers cannot be left out here (forward {self.info.forward!r}). "
                "Leave out whole layers, or use Llama, Mistral, Qwen2 or Qwen3."
            )

    def _layered(self) -> LayeredBackend:
        if not self.info.layers:
            raise ModelError(
                f"{self.info.name}: its layers cannot be told apart here, so plans, taps and embeddings are not "
                "possible. Use a strategy that needs none, or another model."
            )
        return cast(LayeredBackend, self._backend)


def _owned(logits: torch.Tensor) -> torch.Tensor:
    """In float32, and no inference tensor, so that callers may change it: what a backend gave, or a copy."""
    return logits.to(torch.float32, copy=logits.is_inference())


def logits_size(model: Any) -> int:
    """Width of a transformers model's logits."""
    head = model.get_output_embeddings()
    return int(head.weight.shape[0] if head is not None else model.config.get_text_config().vocab_size)


def _choose(model: Any, name: str, weights: str, *, lean: bool, native: bool) -> tuple[Backend, str, Abilities]:
    if weights != "dense":
        return _quantised(model, name, weights, lean=lean, native=native)
    with torch.inference_mode():
        reference = _library_forward(model)
        test = SelfTest(reference, logits_size=logits_size(model), device=model.device)
        for way, own in _OWN_WAYS.items() if lean else ():
            if own.accepts(model) and (native or own is LeanLlama):
                backend = own(model)
                abilities = test.run(backend, model.dtype)
                if abilities.tree and abilities.batch:
                    return backend, way, replace(abilities, layers=test.layers(backend, model.dtype))
                _log.warning("%s: the %s forward failed its self-test (%s)", name, way, abilities.reason)
        own_attention = model.config._attn_implementation
        reason: str | None
        try:
            rows = LibraryRows(model)
            abilities = test.run(rows, model.dtype)
            if abilities.plain:
                return rows, "rows", replace(abilities, layers=test.layers(rows, model.dtype))
            reason = abilities.reason
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            reason = str(error)
        model.set_attn_implementation(own_attention)
        return _plain(model, name, test, reason)


def _quantised(model: Any, name: str, weights: str, *, lean: bool, native: bool) -> tuple[Backend, str, Abilities]:
    """The lean forward on quantised weights, tested against the library's on the values that those stand for."""
    if not lean or not LeanLlama.accepts(model) or model.device.type != "cpu":
        raise ModelError(
            f"{name}: {weights} weights need guidedgen's own forward, which is for Llama, Mistral, Qwen2 and Qwen3, "
            "on a CPU. Load it with dtype='auto'."
        )
    with torch.inference_mode():
        backend: LayeredBackend
        if native and NativeLlama.accepts(model, weights):
            way, backend = "native", NativeLlama(model, weights=weights)
            native_llama.round_weights(model, weights)
        else:
            model.to(torch.bfloat16)
            way, backend = "lean", LeanLlama(model, weights=weights)
            lean_llama.round_weights(model, weights)
            model.float()  # so that the comparison sees the rounding of one side alone
        test = SelfTest(_library_forward(model), logits_size=logits_size(model), device=model.device)
        abilities = test.within(backend, QUANTISED_TOLERANCE)
        abilities = replace(abilities, layers=test.layers(backend, torch.bfloat16))
    if not (abilities.tree and abilities.batch):
        raise ModelError(f"{name}: {weights} weights do not work here ({abilities.reason}). Load it with dtype='auto'.")
    return backend, way, abilities


def _plain(model: Any, name: str, test: SelfTest, reason: str | None) -> tuple[Backend, str, Abilities]:
    backend = LibraryPlain(model)
    abilities = test.run(backend, model.dtype)
    if not abilities.plain:
        raise ModelError(
            f"{name}: its cached decoding does not agree with its own forward ({abilities.reason}). "
            "Load it in float32 (dtype='float32'), or choose a decoder-only text model."
        )
    why = f"plain decoding only, one sequence at a time: {reason}"
    return backend, "plain", Abilities(plain=True, batch=False, tree=False, reason=why)


def _facts(model: Any, abilities: Abilities, *, name: str, logits: int) -> ModelInfo:
    """What the model and its self-test say, whichever backend serves."""
    context, shortened = _context_length(model.config.get_text_config())
    reasons = [reason for reason in (abilities.reason, shortened) if reason]
    return ModelInfo(
        name=name,
        logits_size=logits,
        context_length=context,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        tree=abilities.tree,
        batch=abilities.batch,
        layers=abilities.layers,
        reason="; ".join(reasons) or None,
    )


def _keep_codes(backend: Backend, name: str) -> None:
    if not isinstance(backend, NativeLlama):
        raise ModelError(
            f"{name}: keys and values in eight bits need the native forward, for Llama, Mistral, Qwen2 and Qwen3 "
            "on a CPU. Load it without cache='int8'; cache=SinkWindow(...) bounds memory for every model that takes "
            "flat rows."
        )
    backend.coded = True


def _library_forward(model: Any) -> Any:
    def forward(tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = model(input_ids=tokens, use_cache=False).logits
        return logits

    return forward


def _context_length(config: Any) -> tuple[int, str | None]:
    """Positions a model can take, and why fewer than it says (rotary types that change with the length of the text)."""
    length = int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 2**20)
    rotary = getattr(config, "rope_parameters", None) or {}
    kinds = {part.get("rope_type", "default") for part in rotary.values() if isinstance(part, dict)}
    kinds |= {rotary["rope_type"]} if "rope_type" in rotary else set()
    if kinds <= set(_STATIC_ROTARY):
        return length, None
    original = rotary.get("original_max_position_embeddings") or getattr(
        config, "original_max_position_embeddings", None
    )
    if original is None or int(original) >= length:
        return length, None
    return int(original), f"context cut from {length} to {original}: its rotary embedding changes beyond"
