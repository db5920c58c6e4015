"""A drafter of a few layers, taken from the model and taught to say what the model says (distillation).

The drafter begins as the model's first layers and its last one, with the model's embedding, final norm and head; only
layers and norm learn. What it learns from are the model's own texts and its likeliest tokens after each of their tokens
(Zhou et al. 2024, "DistillSpec": on-policy data, and the divergence that acceptance is about).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from guidedgen.decoders.training.texts import own_texts
from guidedgen.errors import ModelError
from guidedgen.models.cache_folder import build_again
from guidedgen.models.lean_llama import LeanLlama
from guidedgen.models.loading import load_parts, quiet_library
from guidedgen.models.small_drafters import drafter_folder
from guidedgen.models.transformers_adapter import TransformersModel

_KEPT = 32  # likeliest tokens of the model that the drafter learns
_ROWS = 4  # chunks in one step
_WARMUP = 20  # steps

Told = Callable[[str, int, int], None]  # stage, done, total


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How a drafter is trained.

    Args:
        layers: of the drafter, at least 1.
        tokens: that the model writes to learn from.
        epochs: how often each is learned from.
        length: of the pieces that texts are cut into, and of one answer.
        batch: sequences that are written at a time.
        rate: the largest learning rate.
        seed: of texts and order.

    Raises:
        ValueError: a number is below 1, or the rate not above 0.
    """

    layers: int = 2
    tokens: int = 60_000
    epochs: int = 3
    length: int = 160
    batch: int = 32
    rate: float = 6e-4
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.layers, self.tokens, self.epochs, self.length, self.batch) < 1 or not self.rate > 0:
            raise ValueError(f"{self} needs numbers of at least 1 and a rate above 0")


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of training, on texts that were held out.

    Args:
        folder: where the drafter is kept.
        parameters: of the drafter that are read for a token, and of the model.
        before: share of places where the untrained drafter's best token is the model's.
        after: the same of the trained one.
        overlap: mean of the summed smaller probabilities: the chance that a drawn token is accepted.
    """

    folder: Path
    parameters: tuple[int, int]
    before: float
    after: float
    overlap: float


def train_drafter(
    name: str = "smollm2", plan: TrainingPlan | None = None, *, told: Told = lambda stage, done, total: None
) -> Report:
    """Train a drafter for a model and keep it in the user's cache, in place of an earlier one.

    Args:
        name: of the model, as for `load`.
        plan: how.
        told: how far it is.

    Raises:
        ModelError: the model cannot be loaded, is not Llama-shaped, or has too few layers.
    """
    plan = plan or TrainingPlan()
    module, tokenizer, vocabulary = load_parts(name, torch.bfloat16)
    count = len(module.model.layers) if LeanLlama.accepts(module) else 0
    if count <= plan.layers:
        raise ModelError(
            f"{name}: a drafter of {plan.layers} layers is made from a Llama-shaped model with more of them. "
            "Drafters that need no model run with any: forced+copy, recycle, ngrams."
        )
    drafter = few_layers(module, plan.layers)
    target = TransformersModel.wrap(module, tokenizer, vocabulary, name=name)
    texts = own_texts(
        target,
        tokenizer,
        tokens=plan.tokens,
        length=plan.length,
        batch=plan.batch,
        seed=plan.seed,
        told=lambda done: told("write", done, plan.tokens),
    )
    chunks = cut(texts, plan.length, end=min(vocabulary.eos, default=0))
    lessons = taught(module, chunks, lambda done: told("ask", done, len(chunks)))
    before, after, overlap = learn(drafter, lessons, plan, lambda done, total: told("train", done, total))
    folder = drafter_folder(target)
    build_again(folder, "trained", lambda part: _save(drafter, part))
    sizes = sum(p.numel() for p in drafter.parameters()), sum(p.numel() for p in module.parameters())
    return Report(folder=folder, parameters=sizes, before=before, after=after, overlap=overlap)


def few_layers(module: Any, count: int) -> Any:
    """A model like another one with its first layers and its last one, `count` in all; only layers and norm learn.

    Embedding and head are shared with the other model, not copied.
    """
    config = deepcopy(module.config)
    config.num_hidden_layers = count
    source = module.model
    chosen = [*range(count - 1), len(source.layers) - 1]
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[index] for index in chosen]
    with torch.device("meta"):
        drafter = type(module)(config)
    drafter.model.layers = torch.nn.ModuleList([deepcopy(source.layers[index]).float() for index in chosen])
    for index, layer in enumerate(drafter.model.layers):
        layer.self_attn.layer_idx = index
    drafter.model.norm = deepcopy(source.norm).float()
    drafter.model.rotary_emb = deepcopy(source.rotary_emb)
    drafter.model.embed_tokens = source.embed_tokens
    drafter.lm_head = module.lm_head
    for parameter in drafter.parameters():
        parameter.requires_grad_(False)
    for part in (drafter.model.layers, drafter.model.norm):
        for parameter in part.parameters():
            parameter.requires_grad_(True)
    return drafter


@dataclass(frozen=True)
class Lessons:
    """Chunks of text, and what the model says after each of their tokens.

    Args:
        tokens: [N, L].
        likeliest: the model's likeliest next tokens, best first [N, L, K].
        shares: their probabilities [N, L, K].
    """

    tokens: torch.Tensor
    likeliest: torch.Tensor
    shares: torch.Tensor


def cut(texts: list[list[int]], length: int, *, end: int) -> torch.Tensor:
    """Texts one after another, each with an end, in pieces of one length [N, L]; what is left over is dropped.

    Raises:
        ModelError: there is not one whole piece for learning and one for judging.
    """
    stream = [token for text in texts for token in (*text, end)]
    count = len(stream) // length
    if count < 2:
        raise ModelError(f"{len(stream)} tokens are too few to learn from. Ask for more than {2 * length}.")
    return torch.tensor(stream[: count * length]).view(count, length)


@torch.no_grad()
def taught(module: Any, chunks: torch.Tensor, told: Callable[[int], None]) -> Lessons:
    """Ask the model about every place of the chunks."""
    likeliest, shares = [], []
    for start in range(0, len(chunks), _ROWS):
        logits = module(input_ids=chunks[start : start + _ROWS].to(module.device), use_cache=False).logits
        best = logits.topk(min(_KEPT, logits.shape[-1]), dim=-1)
        normaliser = logits.float().logsumexp(-1, keepdim=True)
        likeliest.append(best.indices.int().cpu())
        shares.append((best.values.float() - normaliser).exp().half().cpu())
        told(min(start + _ROWS, len(chunks)))
    return Lessons(chunks, torch.cat(likeliest), torch.cat(shares))


def learn(
    drafter: Any, lessons: Lessons, plan: TrainingPlan, told: Callable[[int, int], None]
) -> tuple[float, float, float]:
    """Train; agreement before and after and overlap after, on a twentieth of the chunks that was held out."""
    held_out = max(1, len(lessons.tokens) // 20)
    learned = [parameter for parameter in drafter.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=plan.rate, betas=(0.9, 0.95), weight_decay=0.01)
    generator = torch.Generator().manual_seed(plan.seed)
    count = len(lessons.tokens) - held_out
    total = plan.epochs * math.ceil(count / _ROWS)
    before = judge(drafter, lessons, range(count, len(lessons.tokens)))[0]
    done = 0
    drafter.train()
    for _ in range(plan.epochs):
        order = torch.randperm(count, generator=generator)
        for places in (order[start : start + _ROWS] for start in range(0, count, _ROWS)):
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * _schedule(done, total)
            loss = _loss(drafter, lessons, places)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimiser.step()
            done += 1
            told(done, total)
    drafter.eval()
    return before, *judge(drafter, lessons, range(count, len(lessons.tokens)))


def _schedule(done: int, total: int) -> float:
    """A short warm-up, then half a cosine."""
    return min(1.0, (done + 1) / _WARMUP) * 0.5 * (1 + math.cos(math.pi * done / total))


def _loss(drafter: Any, lessons: Lessons, places: torch.Tensor) -> torch.Tensor:
    """Cross-entropy to the model's likeliest tokens, renormalised."""
    logits = _logits(drafter, lessons.tokens[places])
    likeliest = lessons.likeliest[places].long().to(logits.device)
    shares = lessons.shares[places].float().to(logits.device)
    shares = shares / shares.sum(-1, keepdim=True)
    scores = logits.gather(-1, likeliest) - logits.logsumexp(-1, keepdim=True)
    return -(shares * scores).sum(-1).mean()


def _logits(drafter: Any, tokens: torch.Tensor) -> torch.Tensor:
    device = drafter.lm_head.weight.device
    with torch.autocast(device.type, dtype=torch.bfloat16):
        logits: torch.Tensor = drafter(input_ids=tokens.to(device), use_cache=False).logits
    return logits.float()


@torch.no_grad()
def judge(drafter: Any, lessons: Lessons, places: range) -> tuple[float, float]:
    """Share of places where the drafter's best token is the model's, and mean overlap of the two distributions."""
    agreed = overlap = seen = 0.0
    for place in places:
        q = F.softmax(_logits(drafter, lessons.tokens[place : place + 1])[0], -1)  # [L, V]
        likeliest = lessons.likeliest[place].long().to(q.device)
        agreed += float((q.argmax(-1) == likeliest[:, 0]).sum())
        shares = lessons.shares[place].float().to(q.device)
        overlap += float(torch.minimum(q.gather(-1, likeliest), shares).sum())
        seen += len(q)
    return agreed / seen, overlap / seen


def _save(drafter: Any, part: Path) -> None:
    with quiet_library():
        drafter.to(torch.bfloat16).save_pretrained(part)
