"""Typed, structured, constrained text generation: `import guidedgen as gg`.

Names are looked up on first use (PEP 562): `gg.compile` and `gg.Vocabulary` import neither torch nor transformers.
Only `guided` is bound at once, because a submodule of the same name would hide it otherwise.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from guidedgen.guided import guided

if TYPE_CHECKING:
    from guidedgen.api import Model, load
    from guidedgen.constraint import AllOf, AnyText, Constraint, Deadline, MaxTokens, State, StopOn, fill_masks
    from guidedgen.decoders import (
        Auto,
        Beam,
        BestFirst,
        ConditionalBeam,
        Conditioned,
        ExactTopK,
        Overlapped,
        Plain,
        Resample,
        RewardGuided,
        Speculative,
        StochasticBeam,
        Switch,
        Trigger,
        Watched,
        Widen,
    )
    from guidedgen.decoders.inspection import Readout, SpanReport, Thresholds
    from guidedgen.decoders.mix import (
        AgainstRepetition,
        BayesAttribute,
        Contrast,
        ContrastiveSearch,
        EndingFloor,
        EndingPenalty,
        Integrative,
        LayerContrast,
        LayerCorrection,
        LayerFusion,
        Momentum,
        NoisyInstruction,
        RequiredContent,
        RouteContrast,
        SafetyMix,
        WithNGrams,
    )
    from guidedgen.decoders.search.lattice import Lattice
    from guidedgen.errors import (
        BudgetTooSmall,
        CompileError,
        DeadEnd,
        GrammarSyntaxError,
        GuidedGenError,
        LimitExceeded,
        ModelError,
        SavedConstraintError,
        ToolError,
        UnsatisfiableSchema,
        UnsupportedFeature,
        ValidationFailed,
        VocabularyError,
    )
    from guidedgen.events import Delta, Done, FieldClosed, FieldStarted, ThinkingDelta
    from guidedgen.grammars.combinators import Either, Maybe, Named, Repeat, Sequence, SpecialToken
    from guidedgen.grammars.compile import compile
    from guidedgen.grammars.compile_cache import compile_cache
    from guidedgen.grammars.date_specs import Date, DateTime, Time
    from guidedgen.grammars.grammar_specs import Ebnf, Gbnf
    from guidedgen.grammars.json_schema.bounds import Bounds
    from guidedgen.grammars.lark_lalr import Indentation
    from guidedgen.grammars.library import library
    from guidedgen.grammars.number_specs import Integer, Number
    from guidedgen.grammars.specs import Choice, Indent, JsonSchema, Lark, Regex
    from guidedgen.grammars.substring import Excerpt, Substring
    from guidedgen.grammars.tags import Segments, Tag, Tagged, Tags
    from guidedgen.grammars.thinking import Thinking
    from guidedgen.grammars.tool_calls import ToolCall, ToolCalls
    from guidedgen.grammars.tool_formats import ToolFormat
    from guidedgen.grammars.tool_specs import Tool
    from guidedgen.grammars.tools import Tools
    from guidedgen.limits import Limits
    from guidedgen.result import FieldReport, OutputReport, Result, TokenReport
    from guidedgen.sampler.coupled import Coupled
    from guidedgen.sampler.selections import Channels, Pages
    from guidedgen.sampler.settings import Sampling
    from guidedgen.sampler.views import Regions, SinkWindow, TopTokens
    from guidedgen.tool_loop import ToolRun, ToolStep, arun_tools, run_tools
    from guidedgen.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "AgainstRepetition",
    "AllOf",
    "AnyText",
    "Auto",
    "BayesAttribute",
    "Beam",
    "BestFirst",
    "Bounds",
    "BudgetTooSmall",
    "Channels",
    "Choice",
    "CompileError",
    "ConditionalBeam",
    "Conditioned",
    "Constraint",
    "Contrast",
    "ContrastiveSearch",
    "Coupled",
    "Date",
    "DateTime",
    "DeadEnd",
    "Deadline",
    "Delta",
    "Done",
    "Ebnf",
    "Either",
    "EndingFloor",
    "EndingPenalty",
    "ExactTopK",
    "Excerpt",
    "FieldClosed",
    "FieldReport",
    "FieldStarted",
    "Gbnf",
    "GrammarSyntaxError",
    "GuidedGenError",
    "Indent",
    "Indentation",
    "Integer",
    "Integrative",
    "JsonSchema",
    "Lark",
    "Lattice",
    "LayerContrast",
    "LayerCorrection",
    "LayerFusion",
    "LimitExceeded",
    "Limits",
    "MaxTokens",
    "Maybe",
    "Model",
    "ModelError",
    "Momentum",
    "Named",
    "NoisyInstruction",
    "Number",
    "OutputReport",
    "Overlapped",
    "Pages",
    "Plain",
    "Readout",
    "Regex",
    "Regions",
    "Repeat",
    "RequiredContent",
    "Resample",
    "Result",
    "RewardGuided",
    "RouteContrast",
    "SafetyMix",
    "Sampling",
    "SavedConstraintError",
    "Segments",
    "Sequence",
    "SinkWindow",
    "SpanReport",
    "SpecialToken",
    "Speculative",
    "State",
    "StochasticBeam",
    "StopOn",
    "Substring",
    "Switch",
    "Tag",
    "Tagged",
    "Tags",
    "Thinking",
    "ThinkingDelta",
    "Thresholds",
    "Time",
    "TokenReport",
    "Tool",
    "ToolCall",
    "ToolCalls",
    "ToolError",
    "ToolFormat",
    "ToolRun",
    "ToolStep",
    "Tools",
    "TopTokens",
    "Trigger",
    "UnsatisfiableSchema",
    "UnsupportedFeature",
    "ValidationFailed",
    "Vocabulary",
    "VocabularyError",
    "Watched",
    "Widen",
    "WithNGrams",
    "__version__",
    "arun_tools",
    "compile",
    "compile_cache",
    "fill_masks",
    "guided",
    "library",
    "load",
    "run_tools",
]

_SOURCES = {
    "guidedgen.api": ("Model", "load"),
    "guidedgen.constraint": (
        "AllOf",
        "AnyText",
        "Constraint",
        "Deadline",
        "MaxTokens",
        "State",
        "StopOn",
        "fill_masks",
    ),
    "guidedgen.decoders": (
        "Auto",
        "Beam",
        "BestFirst",
        "ConditionalBeam",
        "Conditioned",
        "ExactTopK",
        "Overlapped",
        "Plain",
        "Resample",
        "RewardGuided",
        "Speculative",
        "StochasticBeam",
        "Switch",
        "Trigger",
        "Watched",
        "Widen",
    ),
    "guidedgen.decoders.inspection": ("Readout", "SpanReport", "Thresholds"),
    "guidedgen.decoders.mix": (
        "AgainstRepetition",
        "BayesAttribute",
        "Contrast",
        "ContrastiveSearch",
        "EndingFloor",
        "EndingPenalty",
        "Integrative",
        "LayerContrast",
        "LayerCorrection",
        "LayerFusion",
        "Momentum",
        "NoisyInstruction",
        "RequiredContent",
        "RouteContrast",
        "SafetyMix",
        "WithNGrams",
    ),
    "guidedgen.decoders.search.lattice": ("Lattice",),
    "guidedgen.errors": (
        "BudgetTooSmall",
        "CompileError",
        "DeadEnd",
        "GrammarSyntaxError",
        "GuidedGenError",
        "LimitExceeded",
        "ModelError",
        "SavedConstraintError",
        "ToolError",
        "UnsatisfiableSchema",
        "UnsupportedFeature",
        "ValidationFailed",
        "VocabularyError",
    ),
    "guidedgen.events": ("Delta", "Done", "FieldClosed", "FieldStarted", "ThinkingDelta"),
    "guidedgen.grammars.combinators": ("Either", "Maybe", "Named", "Repeat", "Sequence", "SpecialToken"),
    "guidedgen.grammars.compile": ("compile",),
    "guidedgen.grammars.compile_cache": ("compile_cache",),
    "guidedgen.grammars.grammar_specs": ("Ebnf", "Gbnf"),
    "guidedgen.grammars.json_schema.bounds": ("Bounds",),
    "guidedgen.grammars.library": ("library",),
    "guidedgen.grammars.date_specs": ("Date", "DateTime", "Time"),
    "guidedgen.grammars.lark_lalr": ("Indentation",),
    "guidedgen.grammars.number_specs": ("Integer", "Number"),
    "guidedgen.grammars.specs": ("Choice", "Indent", "JsonSchema", "Lark", "Regex"),
    "guidedgen.grammars.substring": ("Excerpt", "Substring"),
    "guidedgen.grammars.tags": ("Segments", "Tag", "Tagged", "Tags"),
    "guidedgen.grammars.thinking": ("Thinking",),
    "guidedgen.grammars.tool_calls": ("ToolCall", "ToolCalls"),
    "guidedgen.grammars.tool_formats": ("ToolFormat",),
    "guidedgen.grammars.tool_specs": ("Tool",),
    "guidedgen.grammars.tools": ("Tools",),
    "guidedgen.limits": ("Limits",),
    "guidedgen.result": ("FieldReport", "OutputReport", "Result", "TokenReport"),
    "guidedgen.sampler.coupled": ("Coupled",),
    "guidedgen.sampler.selections": ("Channels", "Pages"),
    "guidedgen.sampler.settings": ("Sampling",),
    "guidedgen.sampler.views": ("Regions", "SinkWindow", "TopTokens"),
    "guidedgen.tool_loop": ("ToolRun", "ToolStep", "arun_tools", "run_tools"),
    "guidedgen.vocabulary": ("Vocabulary",),
}
_SOURCE_OF = {name: source for source, names in _SOURCES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import the module that defines `name`; later uses find it here."""
    if name not in _SOURCE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_SOURCE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(__all__) | set(globals()))
