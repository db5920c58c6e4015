"""Write the figures of docs/reference/quality.md from records of `guidedgen evaluate decoding --quality`.

    python scripts/quality_table.py FOLDER

FOLDER is what `--out` named. The page's text stays; plots go to docs/reference/figures.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "quality.md"
FIGURES = PAGE.parent / "figures"
BEGIN, END = "<!-- figures: written by scripts/quality_table.py -->", "<!-- end of figures -->"
sys.path.insert(0, str(ROOT))

from guidedgen.evaluate.quality import report  # noqa: E402
from guidedgen.evaluate.quality.command import NAME  # noqa: E402
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


def main(arguments: Sequence[str]) -> int:
    """Rewrite the page."""
    (folder,) = arguments
    settings, records = read_quality(Path(folder) / NAME)
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    made = "\n".join(body(settings, whole(records)))
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
