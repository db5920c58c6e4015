"""Write the figures of docs/reference/engines.md from results of `guidedgen evaluate masks`; its text stays.

    python scripts/engines_table.py guidedgen.jsonl llguidance.jsonl ... -- outlines-core.jsonl ...

The first file is what the others are compared with. One table of times is about the files that all engines finish;
those behind `--` are left out of it, since few files would remain.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "engines.md"
BEGIN, END = "<!-- figures: written by scripts/engines_table.py -->", "<!-- end of figures -->"
sys.path.insert(0, str(ROOT))

from guidedgen.evaluate.figures import Measured, Value, all_measured, common_measured, sections  # noqa: E402
from guidedgen.evaluate.results import Results, read_results  # noqa: E402
from guidedgen.evaluate.tables import labels, printed  # noqa: E402

RIGHT = {
    "Schemas": [
        "schemas",
        "passing (all tests right)",
        "passing, %",
        "compile error",
        "timeout",
        "out of memory",
        "crash",
        "engine error while reading",
        "invalid instance accepted",
        "valid instance rejected",
        "mask and commit differ",
        "sampled text not valid",
    ],
    "Soundness": ["walks that ended", "not JSON", "refused by every validator", "walks in a dead end"],
}
TIMES = [
    "Time to first mask (ms)",
    "Time between masks, first use (µs)",
    "Time between masks, second use (µs)",
]
COSTS = {
    "Distance to the limit (times the copy of one mask)": [
        "copy of one mask, µs",
        "first use, p50",
        "second use, p50",
    ],
    "Loading, once for a vocabulary": [
        "engine, ms",
        "its first trivial schema, ms",
        "memory of the engine, MB",
        "CPU time of helper threads, all schemas, ms",
    ],
}
Figures = dict[tuple[str, str], Value]


def figures(measured: Measured) -> Figures:
    """Every CPU time and count by section and label."""
    told: Figures = {}
    for section in sections(measured, cpu=True):
        for label, value in section.rows:
            told.setdefault((section.title, label.strip()), value)  # the first of a name is the count of schemas
    return told


def table(names: Sequence[str], rows: Iterator[tuple[str, list[str]]]) -> Iterator[str]:
    """A Markdown table with one column for each engine."""
    yield f"| | {' | '.join(names)} |"
    yield "|---|" + "--:|" * len(names)
    for label, cells in rows:
        yield f"| {label} | {' | '.join(cells)} |"


def chosen(told: Sequence[Figures], wanted: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Rows by section and label; defects that no engine has are left out."""
    for title, names in wanted.items():
        for label in names:
            values = [each[title, label] for each in told]
            if any(values) or title != "Schemas":
                yield f"**{label}**" if label == names[0] else label, [printed(value) for value in values]


def timed(told: Sequence[Figures]) -> Iterator[tuple[str, list[str]]]:
    """Rows of times, each beside the first engine's."""
    for title in TIMES:
        for (section, label), first in told[0].items():
            if section != title:
                continue
            cells = [beside(first, each[section, label], counted=isinstance(first, int)) for each in told]
            yield (f"**{title}**, {label}" if isinstance(first, int) else label), cells


def beside(first: Value, value: Value, *, counted: bool) -> str:
    """A time, and how many times the first engine's it is."""
    if counted or value is first or not first or value is None:
        return printed(value)
    times = value / first
    return f"{printed(value)} ({f'{times:,.0f}' if times >= 10 else f'{times:.1f}'}×)"


def run_of(results: Sequence[Results]) -> Iterator[str]:
    """What was run, in words."""
    bounds, tokens = results[0].bounds, results[0].workers[0]["vocabulary"]
    versions = {one.choice.engine.removesuffix("-compliant"): one.workers[0]["version"] for one in results}
    yield (
        f"{len(results[0].records):,} schemas, {tokens:,} tokens, one worker; a schema had {bounds.seconds:g} s of CPU "
        f"time for each phase and {bounds.megabytes:,.0f} MB. "
        f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}."
    )
    for one in results:
        if not one.complete:
            yield f"The run of {one.label} was cut after {len(one.records):,} schemas."


def body(results: Sequence[Results], beside_each_other: int) -> Iterator[str]:
    """The generated part of the page; so many of the results are compared on common files."""
    everything = all_measured(results)
    names, told = labels(everything), [figures(each) for each in everything]
    yield from run_of(results)
    yield from ["", "### How much is right", ""]
    yield from table(names, chosen(told, RIGHT))
    common = common_measured(results[:beside_each_other])
    told_common = [figures(each) for each in common]
    yield from ["", f"### Times on the {len(common[0].records):,} files that {len(common)} engines finish", ""]
    yield from table(labels(common), timed(told_common))
    yield from ["", "### Times of each engine on all files that it compiles", ""]
    yield from table(names, timed(told))
    yield from ["", "### Distance to the limit, and loading", ""]
    yield from table(names, chosen(told, COSTS))


def main(paths: list[str]) -> int:
    """Write the page anew."""
    together = paths.index("--") if "--" in paths else len(paths)
    files = [Path(path) for path in (*paths[:together], *paths[together + 1 :])]
    if not together:
        sys.stderr.write(f"usage: {Path(__file__).name} RESULTS.jsonl ... [-- RESULTS.jsonl ...]\n")
        return 2
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(body([read_results(file) for file in files], together))
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
