"""Write the figures of docs/reference/strategies.md from records of `guidedgen evaluate decoding`; its text stays.

    python scripts/strategies_table.py FOLDER [--others] [--wall]

FOLDER is what `--out` named; `--others` writes the shorter table of other drafters instead. Times are processor time of
one thread, or wall time with `--wall`.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "strategies.md"
BEGIN, END = "<!-- figures: written by scripts/strategies_table.py -->", "<!-- end of figures -->"
OTHERS = "<!-- other drafters: written by scripts/strategies_table.py --others -->"
END_OF_OTHERS = "<!-- end of other drafters -->"
sys.path.insert(0, str(ROOT))

from guidedgen.evaluate.decoding.figures import ALL, Figures, figures_of  # noqa: E402
from guidedgen.evaluate.decoding.llama_cpp import PREFIX  # noqa: E402
from guidedgen.evaluate.decoding.peers import PEERS  # noqa: E402
from guidedgen.evaluate.decoding.records import DecodingResults, read_decoding  # noqa: E402
from guidedgen.evaluate.tasks import NAMES, task_named  # noqa: E402

NOTHING = "-"


def number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def is_peer(way: str) -> bool:
    """Whether a way is somebody else's."""
    return way in PEERS or way.startswith(PREFIX)


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> Iterator[str]:
    """A Markdown table whose first columns are text."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * texts + "--:|" * (len(head) - texts)
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def name(found: Figures) -> str:
    """How the page calls a way."""
    return f"`{found.way}`"


def overall(figures: Sequence[Figures]) -> Iterator[list[str]]:
    """Every way over all tasks."""
    for found in figures:
        yield [
            found.dtype,
            name(found),
            number(found.rate),
            number(found.speedup, 2),
            number(found.modelled, 2),
            number(found.over_generate, 2),
            number(found.per_forward, 2),
            number(found.chosen_per_forward, 2),
            " ".join(f"{100 * share:.0f}" for share in found.accepted[:6]) or NOTHING,
            NOTHING if is_peer(found.way) else f"{found.same}, {found.near}, {found.different}",
        ]


def by_task(figures: Sequence[Figures], tasks: Sequence[str]) -> Iterator[list[str]]:
    """Tokens a second, and times plain decoding, task by task."""
    ways = dict.fromkeys((found.dtype, found.way) for found in figures)
    known = {(found.dtype, found.way, found.task): found for found in figures}
    for dtype, way in ways:
        cells = []
        for task in tasks:
            found = known.get((dtype, way, task))
            times = "" if found is None or found.speedup is None else f" ({found.speedup:.2f}×)"
            cells.append(NOTHING if found is None else f"{number(found.rate)}{times}")
        yield [dtype, f"`{way}`", *cells]


def parts(figures: Sequence[Figures]) -> Iterator[list[str]]:
    """Where the time of a step goes."""
    for found in figures:
        if found.forward_ms is not None:
            times = (found.forward_ms, found.mask_ms, found.draft_ms, found.rest_ms)
            yield [found.dtype, name(found), *(number(value, 2) for value in times), number(found.drafted)]


def costs(results: DecodingResults) -> Iterator[str]:
    """Milliseconds of forwards by their rows."""
    sizes = next(iter(results.costs.values())).rows
    rows = ([dtype, *(number(1e3 * seconds) for seconds in table.medians)] for dtype, table in results.costs.items())
    yield from table(["rows", *map(str, sizes)], rows, 1)


def run_of(results: DecodingResults, figures: Sequence[Figures], *, cpu: bool) -> str:
    """What was run, in words."""
    settings = results.settings
    prompts = max(found.prompts for found in figures if found.task == ALL)
    rounds = 1 + max(record.round for record in results.records)
    texts = [
        f"{settings['model']}, {counted(settings['threads'], 'thread')}, {counted(prompts, 'prompt')}",
        f"{'one run' if rounds == 1 else f'medians of {rounds} runs'} of each way, in turn",
        "processor time" if cpu else "wall time",
    ]
    return ", ".join(texts) + ("." if results.complete else "; the run was cut.")


def body(results: DecodingResults, *, cpu: bool) -> Iterator[str]:
    """The generated part of the page."""
    figures = figures_of(results, cpu=cpu)
    everywhere = [found for found in figures if found.task == ALL]
    tasks = [task for task in NAMES if any(found.task == task for found in figures)]
    yield run_of(results, figures, cpu=cpu)
    yield from ["", "### All tasks", ""]
    head = ["format", "way", "tokens/s", "× plain", "modelled", "× `generate`", "tokens a forward", "chosen ones"]
    yield from table([*head, "accepted by depth, %", "same, near-tie, other"], overall(everywhere), 2)
    yield from ["", "### By task: tokens a second, and times plain decoding", ""]
    own = [
        found
        for found in figures
        if found.task in tasks
        and (is_peer(found.way) or found.constraint == task_named(found.task).constraint_name("own"))
    ]
    yield from table(["format", "way", *tasks], by_task(own, tasks), 2)
    yield from ["", "### Milliseconds of a step", ""]
    yield from table(["format", "way", "forward", "masks", "drafts", "rest", "drafted tokens"], parts(everywhere), 2)
    yield from ["", "### Milliseconds of a forward by its rows", ""]
    yield from costs(results)


def others(results: DecodingResults, *, cpu: bool) -> Iterator[str]:
    """The table of other drafters."""
    figures = figures_of(results, cpu=cpu)
    yield run_of(results, figures, cpu=cpu)
    yield ""
    head = ["format", "way", "× plain", "modelled", "tokens a forward", "accepted by depth, %", "drafting, ms a step"]
    rows = (
        [
            found.dtype,
            name(found),
            number(found.speedup, 2),
            number(found.modelled, 2),
            number(found.per_forward, 2),
            " ".join(f"{100 * share:.0f}" for share in found.accepted[:6]) or NOTHING,
            number(found.draft_ms, 1),
            f"{found.same}, {found.near}, {found.different}",
        ]
        for found in figures
        if found.task == ALL
    )
    yield from table([*head, "same, near-tie, other"], rows, 2)


def main(arguments: list[str]) -> int:
    """Write the page anew."""
    folders = [argument for argument in arguments if argument not in ("--wall", "--others")]
    if len(folders) != 1:
        sys.stderr.write(f"usage: {Path(__file__).name} FOLDER [--others] [--wall]\n")
        return 2
    results = read_decoding(Path(folders[0]) / "records.jsonl")
    begin, end, write = (OTHERS, END_OF_OTHERS, others) if "--others" in arguments else (BEGIN, END, body)
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(begin)[0], text.split(end)[1]
    lines = "\n".join(write(results, cpu="--wall" not in arguments))
    PAGE.write_text(f"{before}{begin}\n\n{lines}\n\n{end}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
