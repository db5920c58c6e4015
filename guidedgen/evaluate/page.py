"""One HTML file with every figure and plot; it needs nothing beside it, and no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template

from guidedgen.evaluate.blame import blame, reasons
from guidedgen.evaluate.figures import Measured, sections
from guidedgen.evaluate.plots import draw
from guidedgen.evaluate.records import DEFECTS
from guidedgen.evaluate.tables import labels, printed

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
body { color: #1c2430; background: #fff; }
h1, h2, h3 { line-height: 1.2; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; font-size: 13px; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #e3e7ee; vertical-align: top; }
th:first-child, td:first-child, td.text { text-align: left; white-space: pre-wrap; }
tr.section th { text-align: left; background: #f3f5f9; padding-top: 0.6rem; }
svg { max-width: 100%; height: auto; }
figure { margin: 0 0 2rem; }
</style>
</head>
<body>
<h1>$title</h1>
<p>$about</p>
$plots
$body
</body>
</html>
""")


def page(measured: Sequence[Measured], *, cpu: bool, common: bool) -> str:
    """The whole page.

    Raises:
        EvaluationError: matplotlib is not installed.
    """
    names = labels(measured)
    details = "\n".join(_details(name, each) for name, each in zip(names, measured, strict=True))
    body = f"<h2>Figures</h2>\n{_figures(measured, names, cpu=cpu)}\n{details}"
    about = _about(measured, cpu=cpu, common=common)
    return document("Mask engines side by side", about, draw(measured, names, cpu=cpu), body)


def document(title: str, about: str, plots: Mapping[str, str], body: str) -> str:
    """An HTML page that needs nothing else.

    Args:
        title: text.
        about: text below it.
        plots: SVG elements by their titles.
        body: HTML below the plots.
    """
    drawn = "\n".join(f"<figure><h2>{escape(name)}</h2>\n{element}</figure>" for name, element in plots.items())
    return _PAGE.substitute(title=escape(title), about=escape(about), plots=drawn, body=body)


def _about(measured: Sequence[Measured], *, cpu: bool, common: bool) -> str:
    bounds = measured[0].results.bounds
    told = [
        "Times are CPU time of the measured thread." if cpu else "Times are wall time.",
        "Only files that every engine finishes, and instances that all of them read equally far." if common else "",
        "Some runs are not complete." if not all(each.results.complete for each in measured) else "",
        f"Limits for a schema: {bounds.seconds:g} s of CPU time for each phase, {bounds.megabytes:g} MB.",
        "Versions: "
        + ", ".join(f"{name} {_version(each)}" for name, each in zip(labels(measured), measured, strict=True)),
    ]
    return " ".join(filter(None, told))


def _version(measured: Measured) -> str:
    workers = measured.results.workers
    return str(workers[0]["version"]) if workers else "?"


def _row(cells: Iterable[str], *, tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _figures(measured: Sequence[Measured], names: Sequence[str], *, cpu: bool) -> str:
    lines = ["<table>", _row(["", *names], tag="th")]
    for group in zip(*(sections(each, cpu=cpu) for each in measured), strict=True):
        lines.append(f'<tr class="section"><th colspan="{len(names) + 1}">{escape(group[0].title)}</th></tr>')
        for rows in zip(*(section.rows for section in group), strict=True):
            lines.append(_row([rows[0][0], *(printed(value) for _, value in rows)]))
    return "\n".join([*lines, "</table>"])


def _details(name: str, measured: Measured) -> str:
    blamed, given = blame(measured.records), reasons(measured.records)
    lines = []
    if blamed:
        lines += [f"<h2>{escape(name)}: keywords in schemas with a defect</h2>", "<table>"]
        lines.append(_row(["keyword", "schemas", "failing", "lift", *DEFECTS.values()], tag="th"))
        for entry in blamed:
            counts = [str(entry.defects.get(defect, "")) for defect in DEFECTS]
            lines.append(_row([entry.keyword, str(entry.schemas), str(entry.failing), f"{entry.lift:.2f}", *counts]))
        lines.append("</table>")
    if given:
        lines += [f"<h2>{escape(name)}: reasons</h2>", "<table>", _row(["reason", "schemas", "for example"], tag="th")]
        lines += [_row([reason.text, str(reason.schemas), reason.example]) for reason in given]
        lines.append("</table>")
    return "\n".join(lines)
