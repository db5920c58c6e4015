"""What a forward over so many rows costs on this machine, measured once and kept in the user's cache.

Sizes of draft trees, lengths of drafts and numbers of samples are chosen against these figures: on a processor the cost
of T rows is far from T times that of one. A table belongs to a machine, a model, a number format and a number of
threads; another of any of them is measured anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from guidedgen.models.base import LanguageModel, Rows, Segment
from guidedgen.models.cache_folder import cache_root

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_CONTEXT = 128  # cached tokens before the rows
_ROUNDS = 7
_LEAST_ROUNDS = 3
_FINE = 1e-5  # seconds that a clock must be able to tell
_SECONDS = 6.0  # rounds stop after so long, once there are enough of them
_FORMAT = 4  # raise it when tables are measured or written otherwise, or forwards have become faster


@dataclass(frozen=True, kw_only=True)
class CostTable:
    """Seconds of one forward by its number of rows; never falling.

    Args:
        rows: measured numbers of rows, ascending, beginning with 1.
        medians: seconds for each of them.
    """

    rows: tuple[int, ...]
    medians: tuple[float, ...]

    def seconds(self, rows: int) -> float:
        """Seconds of a forward over `rows` rows: linear between measured numbers, and on beyond the last.

        Raises:
            ValueError: fewer than one row.
        """
        if rows < 1:
            raise ValueError(f"rows={rows}: a forward has at least one row")
        last = len(self.rows) - 1
        if last == 0:
            return self.medians[0] * rows / self.rows[0]
        right = next((place for place in range(1, last) if self.rows[place] >= rows), last)
        left = right - 1
        share = (rows - self.rows[left]) / (self.rows[right] - self.rows[left])
        return self.medians[left] + share * (self.medians[right] - self.medians[left])

    def __call__(self, rows: int) -> float:
        """The same as `seconds`: a table can be given where rows -> seconds is asked for."""
        return self.seconds(rows)


def cost_table(model: LanguageModel, *, cached: bool = True) -> CostTable:
    """The table of a model on this machine with the present number of torch's threads.

    Measuring takes seconds, of a large model longer; it is done once, unless `cached` is False, which measures again.
    A file that cannot be read is measured again, and a folder that cannot be written keeps nothing.
    """
    path = _path(model)
    if cached and (known := _read(path)) is not None:
        return known
    table = measured(model)
    _write(path, table)
    return table


def known_costs(model: LanguageModel) -> CostTable | None:
    """The table that `cost_table` has kept, or None: what is asked for in the middle of a request must not measure."""
    return _read(_path(model))


def measured(model: LanguageModel) -> CostTable:
    """Measure now: all sizes in turn, several rounds, medians. The first round warms up."""
    sizes = SIZES if model.info.context_length > _CONTEXT + len(SIZES) else SIZES[:1]
    context = min(_CONTEXT, model.info.context_length - 1)
    store = model.new_store(context + sizes[-1])
    seconds: list[list[float]] = [[] for _ in sizes]
    began, clock = time.perf_counter(), _clock(model)
    for done in range(_ROUNDS + 1):
        if done > _LEAST_ROUNDS and time.perf_counter() - began > _SECONDS:
            break
        for size, found in zip(sizes, seconds, strict=True):
            rows = _rows(size, context, model.info.logits_size, model.info.device, tree=model.info.tree)
            _synchronise(model.info.device)
            started = clock()
            model.forward(rows, store)
            _synchronise(model.info.device)
            if done:
                found.append(clock() - started)
    medians: list[float] = []
    for found in seconds:  # more rows never cost less: what says so is noise
        medians.append(max(statistics.median(found), medians[-1] if medians else 0.0))
    return CostTable(rows=sizes, medians=tuple(medians))


def _clock(model: LanguageModel) -> Callable[[], float]:
    """Processor time for one thread, which other programs do not lengthen; else the time of the clock."""
    alone = model.info.device == "cpu" and torch.get_num_threads() == 1
    fine = time.get_clock_info("process_time").resolution < _FINE
    return time.process_time if alone and fine else time.perf_counter


def _rows(count: int, context: int, width: int, device: str, *, tree: bool) -> Rows:
    """A root and its children, as a tree policy would ask for them; a chain where the model knows no trees."""
    seen = torch.eye(count, dtype=torch.bool)
    seen[:, 0] = True
    positions = torch.full((count,), context + 1) if tree else torch.arange(context, context + count)
    positions[0] = context
    segment = Segment(
        start=0,
        stop=count,
        context=torch.arange(context).to(device),
        ancestors=seen.to(device) if tree and count > 1 else None,
    )
    return Rows(
        tokens=(torch.arange(count) % width).to(device),
        positions=positions.to(device),
        slots=torch.arange(context, context + count).to(device),
        segments=(segment,),
        wanted=torch.arange(count).to(device),
    )


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _path(model: LanguageModel) -> Path:
    """One file for each machine, model, format, way through the model and number of threads."""
    info = model.info
    what = {
        "format": _FORMAT,
        "machine": [platform.machine(), _processor(), os.cpu_count()],
        "device": info.device,
        "model": [info.name, info.logits_size, info.dtype, model.new_store(0).slot_bytes],
        "way": getattr(model, "backend", type(model).__name__),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]
    return cache_root() / "costs" / f"{digest}.json"


def _processor() -> str:
    """The processor's name; on Linux `platform` does not know it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _read(path: Path) -> CostTable | None:
    try:
        found = json.loads(path.read_text("utf-8"))
        table = CostTable(rows=tuple(map(int, found["rows"])), medians=tuple(map(float, found["medians"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ascending = table.rows[:1] == (1,) and all(a < b for a, b in zip(table.rows, table.rows[1:], strict=False))
    usable = ascending and len(table.rows) == len(table.medians) and all(value > 0 for value in table.medians)
    return table if usable else None


def _write(path: Path, table: CostTable) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"rows": table.rows, "medians": table.medians}), "utf-8")
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
