"""Write the figures of docs/reference/quality.md from records of `guidedgen evaluate decoding --quality`.

    python scripts/quality_table.py FOLDER [VARIED]

FOLDER is what `--out` named; VARIED is a folder of runs with other settings (`--methods momentum:alpha=0.5`). The
page's text stays; plots go to docs/reference/figures.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "quality.md"
FIGURES = PAGE.parent / "figures"
BEGIN, END = "<!-- figures: written by scripts/quality_table.py -->", "<!-- end of figures -->"
BEGIN_VARIED, END_VARIED = "<!-- settings: written by scripts/quality_table.py -->", "<!-- end of settings -->"
sys.path.insert(0, str(ROOT))

from guidedgen.evaluate.quality import report  # noqa: E402
from guidedgen.evaluate.quality.command import NAME  # noqa: E402
from guidedgen.evaluate.quality.figures import about, judgements  # noqa: E402
from guidedgen.evaluate.quality.methods import METHODS, SAMPLE  # noqa: E402
from guidedgen.evaluate.quality.metrics import perplexity  # noqa: E402
from guidedgen.evaluate.quality.records import OPEN, TextRecord, read_quality  # noqa: E402


def prompts(records: Sequence[TextRecord]) -> str:
    """How many there were of each part."""
    counts = {
        part: len({record.prompt for record in records if record.part == part})
        for part in dict.fromkeys(record.part for record in records)
    }
    return ", ".join(f"{count} of {'open texts' if part == OPEN else part}" for part, count in counts.items())


def whole(records: Sequence[TextRecord]) -> list[TextRecord]:
    """Those of prompts that all methods of their part were run on: a run that was stopped is compared fairly."""
    most: dict[str, int] = {}
    counts: dict[tuple[str, str], int] = {}
    for record in records:
        place = (record.part, record.prompt)
        counts[place] = counts.get(place, 0) + 1
        most[record.part] = max(most.get(record.part, 0), counts[place])
    return [record for record in records if counts[record.part, record.prompt] == most[record.part]]


def body(settings: dict[str, object], records: Sequence[TextRecord]) -> Iterator[str]:
    """The generated part of the page."""
    yield f"{settings['model']} in {settings['dtype']}; prompts: {prompts(records)}."
    FIGURES.mkdir(exist_ok=True)
    for number, (title, drawn) in enumerate(report.plots(records).items(), start=1):
        (FIGURES / f"quality-{number}.svg").write_text(drawn, encoding="utf-8")
        yield from ["", f"![{title}](figures/quality-{number}.svg)"]
    yield from ["", report.markdown(records).rstrip()]


def varied(published: Sequence[TextRecord], records: Sequence[TextRecord]) -> Iterator[str]:
    """Claims of methods at other settings, under those at the published ones, on the same prompts."""
    records = whole(records)
    prompts = {(record.part, record.prompt) for record in records}
    known = [record for record in published if (record.part, record.prompt) in prompts]
    bases = {record.method.partition(":")[0] for record in records if ":" in record.method}
    together = [*(record for record in known if record.method in bases), *records]
    order = list(METHODS)
    judged = [found for found in judgements(together) if found.claim and found.method != SAMPLE]
    yield "| method | settings | claim | difference | verdict | perplexity |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for found in sorted(judged, key=lambda found: order.index(found.method.partition(":")[0])):
        _, _, given, *told = report.claim_row(found)
        base, *other = found.method.split(":")
        own = [each for each in together if each.method == found.method and about(found.claim, each.method, each)]
        surprise = perplexity((each.logprob, len(each.tokens)) for each in own)
        yield f"| {'' if other else base} | {given} | {' | '.join(told)} | {surprise:.1f} |"


def rewritten(text: str, begin: str, end: str, made: Iterable[str]) -> str:
    """The page with a new part between two marks."""
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n\n" + "\n".join(made) + f"\n\n{end}{after}"


def main(arguments: Sequence[str]) -> int:
    """Rewrite the page."""
    folder, *others = arguments
    settings, records = read_quality(Path(folder) / NAME)
    text = rewritten(PAGE.read_text(encoding="utf-8"), BEGIN, END, body(settings, whole(records)))
    for other in others:
        _, found = read_quality(Path(other) / NAME)
        text = rewritten(text, BEGIN_VARIED, END_VARIED, varied(records, found))
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
