"""The keyword options of `generate` and its relatives: one typed list for users, small frozen values inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict, get_args

from guidedgen.describe import Detail
from guidedgen.limits import Limits

if TYPE_CHECKING:
    from guidedgen.decoders.base import Strategy
    from guidedgen.grammars.json_schema.bounds import Bounds
    from guidedgen.sampler.settings import Sampling


OnBudget = Literal["complete", "truncate"]
Align = Literal["local", "resample", "smc", "asap", "reject"]


class Options(TypedDict, total=False):
    """Options that every way of generating takes.

    Attributes:
        max_tokens: most tokens of the output; the default is 1024, or what the context has left where that is less.
        on_budget: `"complete"` (default) leaves out tokens after which a typed output could not be complete within
            `max_tokens` any more, so that it always ends in a valid value; `"truncate"` just cuts there.
        bounds: what a JSON text may have at most where its type leaves that endless, see `gg.Bounds`: by default 32
            digits in a number and 64 characters of white space in a row. They never cut what the type requires; what
            reached one is in `Result.report.bounded`. None leaves endless what is.
        temperature: 0 (default) always takes the most probable allowed token.
        top_k: sample among the k most probable tokens.
        top_p: sample among the most probable tokens that have this mass together.
        min_p: sample among tokens with at least this share of the best one's probability.
        top_n_sigma, typical_p, epsilon_cutoff, eta_cutoff, mirostat, mirostat_rate: further cuts, see `gg.Sampling`.
        repetition_penalty: above 1 makes tokens of the text so far less likely.
        presence_penalty: subtracted from the logits of tokens generated before.
        frequency_penalty: subtracted once per earlier occurrence.
        repetition_window: only the last so many tokens count for the three penalties above.
        no_repeat_ngram: no n-gram of so many chosen tokens comes twice.
        seed: makes sampling repeatable.
        n: number of samples of each prompt.
        stop: texts that end the output where they appear.
        timeout: seconds for the whole call; what is there by then is the result.
        describe: what the prompt says about the output type: `"short"`, `"schema"` or `"none"`.
        strategy: a decoding strategy, or its name.
        align: what samples follow: "local" (default) renormalises the model at each token under its mask; "resample",
            "smc", "asap" and "reject" follow the model given that the whole output is valid (see `gg.Conditioned`).
        retries: how often an answer that a validator refuses is asked for again, with the complaint.
        limits: bounds on the work of compiling the output type.
        thinking: let the model reason first, between its own markers: True, or the most tokens of it. Short for
            `gg.Thinking(output)`.
    """

    max_tokens: int | None
    on_budget: OnBudget
    bounds: Bounds | Literal["auto"] | None
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    top_n_sigma: float | None
    typical_p: float | None
    epsilon_cutoff: float | None
    eta_cutoff: float | None
    mirostat: float | None
    mirostat_rate: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    repetition_window: int | None
    no_repeat_ngram: int
    seed: int | None
    n: int
    stop: str | Sequence[str] | None
    timeout: float | None
    describe: Detail
    strategy: Strategy | str | None
    align: Align
    retries: int
    limits: Limits | None
    thinking: bool | int


@dataclass(frozen=True, kw_only=True)
class Length:
    """How long an output may be, and what happens there. Validated when made."""

    max_tokens: int | None = None
    on_budget: OnBudget = "complete"
    thinking: bool | int = False

    def __post_init__(self) -> None:
        """Refuse impossible values, naming the option."""
        _require(self.max_tokens is None or self.max_tokens >= 1, "max_tokens", self.max_tokens, "at least 1, or None")
        _require(self.thinking >= 0, "thinking", self.thinking, "True, False, or a number of tokens")
        wanted = " or ".join(map(repr, get_args(OnBudget)))
        _require(self.on_budget in get_args(OnBudget), "on_budget", self.on_budget, wanted)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options that are not about drawing tokens. Validated when made."""

    length: Length = field(default_factory=Length)
    bounds: Bounds | Literal["auto"] | None = "auto"
    n: int = 1
    stop: str | Sequence[str] | None = None
    timeout: float | None = None
    describe: Detail = "short"
    strategy: Any = None
    align: Align = "local"
    retries: int = 0
    limits: Limits | None = None

    def __post_init__(self) -> None:
        """Refuse impossible values, naming the option."""
        _require(_is_bounds(self.bounds), "bounds", self.bounds, 'gg.Bounds(...), "auto" or None')
        _require(self.n >= 1, "n", self.n, "at least 1")
        _require(
            self.timeout is None or self.timeout > 0, "timeout", self.timeout, "a number of seconds above 0, or None"
        )
        _require(self.retries >= 0, "retries", self.retries, "at least 0")
        _require(self.describe in get_args(Detail), "describe", self.describe, " or ".join(map(repr, get_args(Detail))))
        _require(self.align in get_args(Align), "align", self.align, " or ".join(map(repr, get_args(Align))))
        plain = self.align == "local" or self.strategy in (None, "plain")
        _require(plain, "strategy", self.strategy, f"left out with align={self.align!r}, which is a strategy itself")
        listed = self.stop is None or isinstance(self.stop, str | Sequence)
        texts = listed and all(stop and isinstance(stop, str) for stop in self.stops)
        _require(texts, "stop", self.stop, "a text or a list of texts, none of them empty")
        runs = self.strategy is None or isinstance(self.strategy, str) or hasattr(self.strategy, "run")
        made = runs and not isinstance(self.strategy, type)
        _require(made, "strategy", self.strategy, 'a name such as "auto", or a strategy such as gg.Speculative()')

    @property
    def stops(self) -> tuple[str, ...]:
        """The stop texts as a tuple."""
        return () if self.stop is None else (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)


_WHOLE: Final = ("n", "retries", "no_repeat_ngram", "max_tokens", "seed", "repetition_window", "top_k")
_REAL: Final = (
    *("temperature", "repetition_penalty", "presence_penalty", "frequency_penalty", "mirostat", "mirostat_rate"),
    *("timeout", "top_p", "min_p", "top_n_sigma", "typical_p", "epsilon_cutoff", "eta_cutoff"),
)
_ALWAYS: Final = (
    *("n", "retries", "temperature", "mirostat_rate", "no_repeat_ngram"),
    *("repetition_penalty", "presence_penalty", "frequency_penalty"),
)  # numbers that cannot be None
_ELSEWHERE: Final[Mapping[str, str]] = {  # how other libraries call it, and what it is here
    **dict.fromkeys(("output_type", "response_model", "response_format"), "output=Ticket, or the second argument"),
    **dict.fromkeys(("schema", "json_schema"), "output=gg.JsonSchema(...)"),
    **dict.fromkeys(("max_new_tokens", "max_length", "max_completion_tokens"), "max_tokens"),
    **dict.fromkeys(("do_sample", "sampler"), "temperature: 0 is greedy, above 0 samples"),
    **dict.fromkeys(("num_beams", "beam_width"), 'strategy="beam:4"'),
    **dict.fromkeys(("num_return_sequences", "num_samples"), "n"),
    **dict.fromkeys(("stop_strings", "stop_at", "stop_sequences"), "stop"),
    "max_retries": "retries",
    "system": 'messages=[{"role": "system", "content": ...}, ...]',
    "regex": "output=gg.Regex(...)",
    "grammar": "output=gg.Lark(...), gg.Gbnf(...) or gg.Ebnf(...)",
    "choices": "output=gg.Choice([...])",
    "tools": "output=gg.Tools([...])",
}
_LENGTH = frozenset(entry.name for entry in fields(Length))
_REQUEST = frozenset(entry.name for entry in fields(Request)) - {"length"}


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse names that are not options, and impossible values of those that need no sampler to tell.

    Raises:
        TypeError: an unknown option.
        ValueError: an impossible value.
    """
    known = sorted(Options.__annotations__)
    for name in sorted(set(options).difference(known)):
        close = get_close_matches(name, known, 1)
        told = f"Did you mean {close[0]}? " if close else ""
        told = f"Use {_ELSEWHERE[name]}. " if name in _ELSEWHERE else told
        raise TypeError(f"unknown option {name!r}. {told}Options are: {', '.join(known)}")
    for names, kind, wanted in ((_WHOLE, Integral, "an integer"), (_REAL, Real, "a number")):
        for name in options.keys() & names:
            value, least = options[name], "" if name in _ALWAYS else ", or None"
            _require(isinstance(value, kind) or (value is None and bool(least)), name, value, wanted + least)
    _request(options)


def _request(options: Mapping[str, Any]) -> Request:
    length = Length(**{name: value for name, value in options.items() if name in _LENGTH})
    return Request(length=length, **{name: value for name, value in options.items() if name in _REQUEST})


def split_options(options: Mapping[str, Any]) -> tuple[Request, Sampling]:
    """The two frozen halves of the options.

    Raises:
        TypeError: an unknown option.
        ValueError: an impossible value.
    """
    from guidedgen.sampler.settings import Sampling  # late: the sampler brings torch, checking names does not need it

    check_options(options)
    request = _request(options)
    sampling = Sampling(**{name: value for name, value in options.items() if name not in _REQUEST | _LENGTH})
    if request.n > 1 and sampling.greedy and request.strategy in (None, "plain"):
        raise ValueError(f"n={request.n} at temperature 0 gives {request.n} times the same. Set a temperature above 0.")
    return request, sampling


def _is_bounds(value: object) -> bool:
    if value is None or value == "auto":
        return True
    from guidedgen.grammars.json_schema.bounds import Bounds  # late: reading options does not need schemas

    return isinstance(value, Bounds)


def _require(valid: bool, name: str, value: object, wanted: str) -> None:
    if not valid:
        raise ValueError(f"{name} must be {wanted}, not {value!r}")
