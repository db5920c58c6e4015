"""From the tokens of a finished generation to a `Result`: text, checked value or why there is none, and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from guidedgen.constraint import AllOfState, State
from guidedgen.errors import DeadEnd, ValidationFailed
from guidedgen.events import pointer_of
from guidedgen.grammars.marked_text import decode, without_marks
from guidedgen.meter import Note, note_of, notes_of, output_report
from guidedgen.outputs import complaint
from guidedgen.result import OutputReport, Result
from guidedgen.runaways import bounds_of, reached
from guidedgen.stop_text import cut_at
from guidedgen.thinking_streaming import ThinkingScanner

if TYPE_CHECKING:
    from guidedgen.options import Request
    from guidedgen.outputs import Output
    from guidedgen.sampler.sequence import Sequence as Tokens
    from guidedgen.sampler.sequence import TokenRecord
    from guidedgen.sampler.trace import Trace
    from guidedgen.streaming import Scanner
    from guidedgen.vocabulary import Vocabulary

_REMEDIES = {
    "length": "Raise max_tokens, or shorten the prompt if the model's context is full.",
    "timeout": "Raise timeout.",
    "stop": "Remove the stop text.",
}


def outcome(
    output: Output,
    sequence: Tokens,
    *,
    finish: str,
    ending: TokenRecord | None,
    request: Request,
    vocabulary: Vocabulary,
    trace: Trace,
    attempts: tuple[str, ...],
) -> Result[Any]:
    """The result of one generated sequence.

    Args:
        output: what was asked for.
        sequence: prompt and generated tokens.
        finish: why it ended.
        ending: the record of the end token, where one was chosen.
        request: stop texts, and the budget for messages.
        vocabulary: the bytes of the tokens.
        trace: of the whole call.
        attempts: texts that were refused before.
    """
    written = output.spell(sequence.generated(), vocabulary)
    data = cut_at(written, request.stops)
    complete = sequence.state.accepting and (output.spec is None or len(data) == len(written))
    scanner = output.scanner()
    scanner.feed(data)
    if complete:
        scanner.finish()
    text = _plain(data)
    notes = _notes(sequence, ending, output, vocabulary)
    result: Result[Any] = Result(
        text=text,
        tokens=sequence.generated(),
        logprob=sum(note.logprob for note in notes),
        finish=finish,
        prompt_tokens=sequence.prompt_length,
        report=_report(output, notes, scanner, data),
        trace=trace,
        attempts=(*attempts, text),
        thinking=scanner.thinking if isinstance(scanner, ThinkingScanner) else None,
        answer=_plain(data[scanner.base :]) if isinstance(scanner, ThinkingScanner) else None,
    )
    if complete:
        captures = output.captures(sequence.generated(), vocabulary)
        return _parsed(replace(result, captures=captures), data, output)
    refusal = _refusal(sequence.state) if finish == "dead_end" else None
    return replace(result, error=_unfinished(result, sequence.state, scanner, request), complaint=refusal)


def _notes(sequence: Tokens, ending: TokenRecord | None, output: Output, vocabulary: Vocabulary) -> list[Note]:
    notes = notes_of(reversed([*sequence.nodes()]), output, vocabulary)
    return notes if ending is None else [*notes, note_of(ending, output, vocabulary)]


def _plain(data: bytes) -> str:
    """The text for people."""
    return without_marks(data).decode("utf-8", errors="replace")


def _report(output: Output, notes: Sequence[Note], scanner: Scanner, data: bytes) -> OutputReport:
    spans = [(span.path, span.start, span.stop) for span in scanner.spans]
    report = output_report(notes, spans, compiled=output.report, spec=output.spec, text=_plain(data))
    bounds, start = bounds_of(output.spec), scanner.base if isinstance(scanner, ThinkingScanner) else 0
    return (
        report if bounds is None else replace(report, bounded=tuple(reached(data, scanner.spans, bounds, start=start)))
    )


def _parsed(result: Result[Any], data: bytes, output: Output) -> Result[Any]:
    """The result with its value, or with the refusal.

    Only the text of a refusal is kept. The validator's own exception is an object of pydantic's core that the garbage
    collector cannot look into, and its traceback holds every frame up to here: kept, none of that would ever be freed.
    """
    try:
        return replace(result, parsed=output.parse(decode(data) if output.marked else result.text))
    except ValidationFailed as refused:
        error = ValidationFailed(str(refused), raw=result.text, attempts=result.attempts)
        return replace(result, error=error, complaint=complaint(refused))


def _unfinished(result: Result[Any], state: State, scanner: Scanner, request: Request) -> ValidationFailed | DeadEnd:
    """Why there is no value: what ended the text too early, where it stood, and what to do."""
    if result.finish == "dead_end":
        refusal = _refusal(state)
        if refusal is not None:
            return ValidationFailed(
                f"the value cannot be completed: {refusal}, after {_tail(result.text)!r}. Generate again.",
                raw=result.text,
                attempts=result.attempts,
            )
        return DeadEnd(
            f"no token can continue {_tail(result.text)!r}. Remove the constraint that works against the others."
        )
    reasons = {
        "length": f"it was cut after {len(result.tokens)} tokens",
        "timeout": f"timeout={request.timeout} seconds passed",
        "cancelled": "it was cancelled",
        "stop": "a stop text appeared",
    }
    place = f" in {pointer_of(scanner.open)}" if scanner.open else ""
    missing = _missing(state)
    needed = f"; at least {missing} more tokens are needed" if missing else ""
    reason, remedy = reasons[result.finish], _REMEDIES.get(result.finish, "Generate again.")
    return ValidationFailed(
        f"the output is incomplete: {reason}{place}, after {_tail(result.text)!r}{needed}. {remedy}",
        raw=result.text,
        attempts=result.attempts,
    )


def _missing(state: State) -> int:
    """Tokens of the shortest way to complete the text, 0 where nobody knows it."""
    parts = state.parts if isinstance(state, AllOfState) else (state,)
    return max((len(part.shortest()) for part in parts if hasattr(part, "shortest")), default=0)


def _refusal(state: State) -> str | None:
    """What a check of the complete value found where masks left no way to satisfy it; None where that is not it."""
    parts = state.parts if isinstance(state, AllOfState) else (state,)
    return next((told for part in parts if (told := getattr(part, "refusal", None)) is not None), None)


def _tail(text: str, size: int = 40) -> str:
    return text if len(text) <= size else "..." + text[-size:]
