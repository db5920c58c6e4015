"""The facade: `load` a model, call it with a prompt and an output type, get a value of that type.

Everything here is thin: `generation` does the work of one call, `outputs` knows types, `prompting` templates.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Unpack, overload

from guidedgen import models
from guidedgen.decoders.inspection import Readout, SpanReport, Thresholds, read_out, track
from guidedgen.errors import ModelError
from guidedgen.events import Event
from guidedgen.generation import Call, Engine
from guidedgen.grammars.translation import Spec
from guidedgen.inspecting import written
from guidedgen.options import Options, split_options
from guidedgen.outputs import OutputCache
from guidedgen.prompting import Conversation, Prompter, conversation_of
from guidedgen.result import Result
from guidedgen.sampler.named_views import Kept, format_and_view
from guidedgen.sampler.sampler import DEFAULT_CACHE_BYTES, Sampler
from guidedgen.tool_prompts import Message

if TYPE_CHECKING:
    from guidedgen.decoders.mix.contexts import Prompts
    from guidedgen.decoders.search.lattice import Lattice
    from guidedgen.describe import Detail
    from guidedgen.models import Progress
    from guidedgen.models.base import LanguageModel, ModelInfo
    from guidedgen.sampler.selections import Selection
    from guidedgen.sampler.views import View
    from guidedgen.vocabulary import Vocabulary

T = TypeVar("T")
OutputType: TypeAlias = type[T] | Spec[T] | Sequence[type[T]]

DEFAULT_MODEL = "smollm2"


def load(
    name: str | PathLike[str] = DEFAULT_MODEL,
    *,
    device: str = "auto",
    dtype: str = "auto",
    progress: Progress | None = None,
    revision: str | None = None,
    token: str | None = None,
    cache_bytes: int | None = None,
    cache: Kept | None = None,
    native: bool = True,
) -> Model:
    """Load a model, fetching it first where necessary.

    Args:
        name: `"smollm2"` (the embedded one), a hub id, a local folder or a GGUF file.
        device: `"auto"`, or a torch device.
        dtype: `"auto"`, or `"float32"`, `"bfloat16"`, `"float16"`; `"int8"` and `"int4"` keep weights in so many bits
            (Llama, Mistral, Qwen2 and Qwen3 on a CPU): less exact and several times faster.
        progress: called with how far download, conversion and loading are.
        revision: branch, tag or commit of a hub model.
        token: access token for the hub.
        cache_bytes: most memory for keys and values that are kept between calls.
        cache: what is kept of long texts, such as `gg.SinkWindow(4, 1020)` or `gg.TopTokens(512)`: approximate, and in
            bounded memory however long the text is. `gg.Pages()` and `gg.Channels.calibrated(...)` read less instead.
            `"int8"` keeps everything in eight bits, in about half of the memory (the same models), and
            `("int8", gg.SinkWindow(4, 1020))` so what such a view leaves. None keeps and reads everything.
        native: whether guidedgen's compiled forward may be used where it applies. It is the fastest, but for rows
            under views that select (`gg.Pages`, `gg.Channels`), which its twin in torch computes: with such a
            `cache` all rows are. On a GPU: whether steps may be recorded as CUDA graphs and replayed.

    Raises:
        ModelError: it cannot be found, fetched, read or run; says what to do.
        ValueError: `cache` is a text other than "int8", or something else beside a view.
    """
    kept, view = format_and_view(cache)
    loaded = models.load(
        str(name),
        device=device,
        dtype=dtype,
        progress=progress,
        revision=revision,
        token=token,
        native=native and not hasattr(view, "hide"),
        kept=kept,
    )
    return Model(loaded, cache_bytes=cache_bytes, cache=view)


class Model:
    """A language model that answers with typed values. Thread-safe; calls share one cache of keys and values.

    Args:
        language_model: a loaded model, see `guidedgen.models.base.LanguageModel`.
        cache_bytes: most memory for keys and values that are kept between calls.
        cache: see `load`.

    Raises:
        ModelError: the vocabulary has more tokens than the model has logits, or the model's cache cannot be thinned.
    """

    def __init__(
        self, language_model: LanguageModel, *, cache_bytes: int | None = None, cache: View | Selection | None = None
    ) -> None:
        info, vocabulary = language_model.info, language_model.vocabulary
        if vocabulary.size > info.logits_size:
            raise ModelError(
                f"tokenizer and model do not match: the tokenizer has {vocabulary.size} tokens, "
                f"{info.name} gives logits for {info.logits_size}. Load the tokenizer that belongs to the model."
            )
        bounds = DEFAULT_CACHE_BYTES if cache_bytes is None else cache_bytes
        self._engine = Engine(
            sampler=Sampler(language_model, cache_bytes=bounds, cache=cache),
            prompter=Prompter(vocabulary=vocabulary, tokenizer=getattr(language_model, "tokenizer", None)),
            outputs=OutputCache(vocabulary),
        )
        self.language_model = language_model

    @property
    def info(self) -> ModelInfo:
        """Name, context length, device, dtype, and what the model can do."""
        return self.language_model.info

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens, for `gg.compile`."""
        return self.language_model.vocabulary

    def rewritten(self, *changes: Callable[[str], str]) -> Prompts:
        """Other prompts for MIX methods such as `NoisyInstruction`: the text of each prompt, changed.

        Example:
            `model.rewritten(lambda text: text.replace("Summarise", "Write the opposite of"))`

        Args:
            changes: each gives one prompt, from the text of the whole prompt as the model reads it (chat template and
                special tokens included).

        Returns:
            A function for a method's `prompts`. It raises ValueError where a change leaves a prompt as it is.
        """
        return lambda prompt: [self._engine.prompter.rewrite(prompt.tokens(), change) for change in changes]

    def inspect_layers(
        self,
        prompt: str | None,
        continuation: str | Sequence[int] | Result[Any],
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        describe: Detail = "short",
        layers: Sequence[int] | None = None,
        top: int = 3,
    ) -> Readout:
        """What each layer would say at each token of a continuation, if the model ended there.

        Args:
            prompt: what was asked.
            continuation: what was written, or could have been: a text, tokens, or a result of `generate`.
            output: the type that was asked for, since the prompt describes it.
            messages: a conversation instead of a prompt.
            describe: as for `generate`.
            layers: numbers from 0; None is all.
            top: favourites to keep.

        Raises:
            ModelError: the model does not show its layers.
            ValueError: the continuation is empty.
        """
        text = written(self._engine, prompt, continuation, output=output, messages=messages, describe=describe)
        return read_out(self._engine.sampler, text, layers=layers, top=top)

    def inspect_spans(
        self,
        prompt: str | None,
        continuation: str | Sequence[int] | Result[Any],
        items: Sequence[str] | Mapping[str, str],
        *,
        output: Any = None,
        messages: Sequence[Message] | None = None,
        describe: Detail = "short",
        thresholds: Thresholds | None = None,
    ) -> SpanReport:
        """Which parts of the prompt a continuation has used: word for word, or by the attention on them.

        Args:
            prompt: what was asked.
            continuation: as for `inspect_layers`.
            items: texts of the prompt, or texts by name.
            output: as for `inspect_layers`.
            messages: a conversation instead of a prompt.
            describe: as for `generate`.
            thresholds: which attention counts as a mention.

        Raises:
            ModelError: the model does not show what it attends to.
            ValueError: an item is not in the prompt.
        """
        text = written(self._engine, prompt, continuation, output=output, messages=messages, describe=describe)
        named = items if isinstance(items, Mapping) else {item: item for item in items}
        return track(self._engine.sampler, text, named, thresholds=thresholds)

    @overload
    def __call__(self, prompt: str, output: OutputType[T], **options: Unpack[Options]) -> T: ...
    @overload
    def __call__(self, prompt: str, output: None = None, **options: Unpack[Options]) -> str: ...
    @overload
    def __call__(self, prompt: str, output: Any, **options: Unpack[Options]) -> Any: ...
    def __call__(self, prompt: str, output: Any = None, **options: Unpack[Options]) -> Any:
        """The value that the model gives for the prompt: `generate(...).value`.

        Raises:
            CompileError: the output type cannot be enforced.
            BudgetTooSmall: max_tokens cannot hold any valid output.
            ValidationFailed: the output was cut, or a validator refused it.
            ModelError: the prompt is longer than the context.
            ValueError: an impossible option; `n` is one, as a call gives one value.
        """
        if options.get("n", 1) != 1:
            raise ValueError("a call gives one value. For n samples use generate(..., n=...).values.")
        return self.generate(prompt, output, **options).value

    @overload
    def generate(
        self,
        prompt: str | None = None,
        *,
        output: OutputType[T],
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[T]: ...
    @overload
    def generate(self, prompt: str, output: OutputType[T], **options: Unpack[Options]) -> Result[T]: ...
    @overload
    def generate(
        self,
        prompt: str | None = None,
        output: None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[str]: ...
    @overload
    def generate(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[Any]: ...
    def generate(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[Any]:
        """Generate one output, or `n` samples of it, and tell everything about it.

        Args:
            prompt: what to ask; put into the model's chat template where it has one.
            output: a Python type, a constraint such as `gg.Regex`, a list of types or options; None is free text.
            messages: a conversation instead of a prompt: dicts with `role` and `content`.
            **options: see `Options`.

        Returns:
            A result. Its `value` raises where the output was cut or refused; `text` and the rest are there anyway.

        Raises:
            CompileError: the output type cannot be enforced.
            BudgetTooSmall: max_tokens cannot hold any valid output.
            ModelError: the prompt is longer than the context.
            ValueError: an impossible option, or neither or both of prompt and messages.
        """
        return self._generate([conversation_of(prompt, messages)], output, options)[0]

    @overload
    def batch(self, prompts: Sequence[str], output: OutputType[T], **options: Unpack[Options]) -> list[Result[T]]: ...
    @overload
    def batch(self, prompts: Sequence[str], output: None = None, **options: Unpack[Options]) -> list[Result[str]]: ...
    @overload
    def batch(self, prompts: Sequence[str], output: Any, **options: Unpack[Options]) -> list[Result[Any]]: ...
    def batch(self, prompts: Sequence[str], output: Any = None, **options: Unpack[Options]) -> list[Result[Any]]:
        """Generate for many prompts at once, one forward a step; results in the order of the prompts.

        One output that fails does not fail the others: look at `error`, or ask for `value`. Raises as `generate` does.
        """
        if isinstance(prompts, str):
            raise TypeError("batch takes a list of prompts; for one prompt use generate")
        return self._generate([conversation_of(prompt, None) for prompt in prompts], output, options)

    def lattice(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Lattice:
        """Search for good outputs and give all that were met, as one lattice: to count, rank and draw them.

        Args:
            prompt: as for `generate`.
            output: its type.
            messages: as for `generate`.
            options: `strategy` is a `gg.BestFirst`; options about drawing, n and retries are not read.

        Raises:
            CompileError: the output type cannot be enforced.
            BudgetTooSmall: max_tokens cannot hold any valid output.
            ModelError: the prompt is longer than the context.
            ValueError: an impossible option.
        """
        request, sampling = split_options(options)
        call = Call(self._engine, output, request=request, sampling=sampling)
        return call.lattice(conversation_of(prompt, messages))

    @overload
    def stream(self, prompt: str, output: OutputType[T], **options: Unpack[Options]) -> Iterator[Event[T]]: ...
    @overload
    def stream(
        self,
        prompt: str | None = None,
        *,
        output: OutputType[T],
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Event[T]]: ...
    @overload
    def stream(
        self,
        prompt: str | None = None,
        output: None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Event[str]]: ...
    @overload
    def stream(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Event[Any]]: ...
    def stream(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Event[Any]]:
        """The output field by field while it is generated; the last event is `Done` with the result.

        Closing the iterator ends the generation. Takes what `generate` takes, except `n` and `retries`: what was
        streamed cannot be taken back. Raises as `generate` does, before the first event.
        """
        call, conversation = self._stream_call(prompt, output, messages, options, threading.Event())
        return call.events(conversation)

    @overload
    async def agenerate(self, prompt: str, output: OutputType[T], **options: Unpack[Options]) -> Result[T]: ...
    @overload
    async def agenerate(
        self,
        prompt: str | None = None,
        *,
        output: OutputType[T],
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[T]: ...
    @overload
    async def agenerate(
        self,
        prompt: str | None = None,
        output: None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[str]: ...
    @overload
    async def agenerate(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[Any]: ...
    async def agenerate(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> Result[Any]:
        """`generate` in a thread. Cancelling the task ends the generation at its next token."""
        cancel = threading.Event()
        conversation = conversation_of(prompt, messages)
        try:
            return (await asyncio.to_thread(self._generate, [conversation], output, options, cancel))[0]
        except asyncio.CancelledError:
            cancel.set()
            raise

    @overload
    def astream(self, prompt: str, output: OutputType[T], **options: Unpack[Options]) -> AsyncIterator[Event[T]]: ...
    @overload
    def astream(
        self,
        prompt: str | None = None,
        *,
        output: OutputType[T],
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[Event[T]]: ...
    @overload
    def astream(
        self,
        prompt: str | None = None,
        output: None = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[Event[str]]: ...
    @overload
    def astream(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[Event[Any]]: ...
    async def astream(
        self,
        prompt: str | None = None,
        output: Any = None,
        *,
        messages: Sequence[Message] | None = None,
        **options: Unpack[Options],
    ) -> AsyncIterator[Event[Any]]:
        """`stream` in a thread. Cancelling the task, or closing the iterator, ends the generation at its next token."""
        cancel = threading.Event()
        events: Iterator[Event[Any]] | None = None
        try:
            call, conversation = await asyncio.to_thread(self._stream_call, prompt, output, messages, options, cancel)
            events = call.events(conversation)
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        finally:
            cancel.set()

    def _generate(
        self,
        conversations: Sequence[Conversation],
        output: Any,
        options: Options,
        cancel: threading.Event | None = None,
    ) -> list[Result[Any]]:
        request, sampling = split_options(options)
        return Call(self._engine, output, request=request, sampling=sampling, cancel=cancel).results(conversations)

    def _stream_call(
        self,
        prompt: str | None,
        output: Any,
        messages: Sequence[Message] | None,
        options: Options,
        cancel: threading.Event,
    ) -> tuple[Call, Conversation]:
        request, sampling = split_options(options)
        if request.n > 1 or request.retries:
            raise ValueError(
                "stream takes neither n nor retries: what was streamed cannot be taken back. Use generate."
            )
        conversation = conversation_of(prompt, messages)
        return Call(self._engine, output, request=request, sampling=sampling, cancel=cancel), conversation

    def __repr__(self) -> str:
        return f"Model({self.info.name!r}, device={self.info.device!r}, dtype={self.info.dtype!r})"
