"""What a run consists of: which engine over which tokenizer, what is checked, and how much a schema may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """The engine of a run.

    Attributes:
        engine: a name of `engine.ENGINES`, or `module:Class`.
        tokenizer: a path, or `bytes`.
        options: arguments of the engine's class.
        pythonpath: folders in which its module is looked up first.
    """

    engine: str
    tokenizer: str
    options: Mapping[str, str] = field(default_factory=dict)
    pythonpath: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How reports call it."""
        return " ".join([self.engine, *(f"{name}={value}" for name, value in self.options.items())])


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What is done with each schema beside reading its instances.

    Attributes:
        second_use: whether the instances are read once more on the compiled schema.
        probes: tokens that are committed to compare masks with commits; 0 for none.
        walks: texts that are sampled; 0 for none.
        walk_tokens: their length before they are brought to an end.
        formats: whether `format` asserts when sampled texts are validated.
        seed: of everything that is sampled.
    """

    second_use: bool = True
    probes: int = 32
    walks: int = 4
    walk_tokens: int = 40
    formats: bool = True
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What one schema may cost its worker.

    Attributes:
        seconds: CPU time of each phase (compiling with the first use, second use, probes, walks, validation); the wall
            time may be `WALL` times as long, so that neither a busy machine nor a sleeping engine spoils a run.
        megabytes: resident memory of the whole worker process.
        start_seconds: wall time until a worker is ready.
    """

    seconds: float = 30.0
    megabytes: float = 4096.0
    start_seconds: float = 300.0


WALL = 4.0


def to_json(choice: EngineChoice, checks: Checks) -> dict[str, Any]:
    """Both as one JSON object, what a worker reads first and results begin with."""
    return {"choice": asdict(choice), "checks": asdict(checks)}


def from_json(content: Mapping[str, Any]) -> tuple[EngineChoice, Checks]:
    """The reverse of `to_json`."""
    choice = dict(content["choice"])
    choice["pythonpath"] = tuple(choice["pythonpath"])
    return EngineChoice(**choice), Checks(**content["checks"])
