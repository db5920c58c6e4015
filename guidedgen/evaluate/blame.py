"""What fails together: keywords that failing schemas share, and compile errors by their reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from guidedgen.evaluate.keywords import KEYWORDS
from guidedgen.evaluate.records import Record


@dataclass(frozen=True, kw_only=True)
class Blamed:
    """One keyword.

    Attributes:
        keyword: its name.
        schemas: how many schemas have it.
        failing: how many of these have a defect.
        lift: the share of failing ones among those that have it, over the share among all; 1 means it tells nothing.
        defects: how many of the schemas that have it have each defect.
    """

    keyword: str
    schemas: int
    failing: int
    lift: float
    defects: dict[str, int]

    @property
    def excess(self) -> float:
        """Failing schemas beyond what the overall share would give."""
        return self.failing * (1.0 - 1.0 / self.lift) if self.lift else 0.0


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Compile errors, aborts or engine errors that read alike."""

    text: str
    schemas: int
    example: str


def blame(records: Sequence[Record]) -> list[Blamed]:
    """The keywords of failing schemas, those with the most failures beyond the expected first."""
    defects = [record.defects for record in records]
    share = sum(map(bool, defects)) / len(records) if records else 0.0
    keywords = sorted(
        {keyword for record, found in zip(records, defects, strict=True) if found for keyword in record.keywords}
    )
    blamed = [_blamed(keyword, records, defects, share) for keyword in keywords]
    return sorted(blamed, key=lambda entry: (-entry.excess, entry.keyword))


def _blamed(keyword: str, records: Sequence[Record], defects: Sequence[dict[str, int]], share: float) -> Blamed:
    having = [found for record, found in zip(records, defects, strict=True) if keyword in record.keywords]
    failing = sum(map(bool, having))
    counts = Counter(name for found in having for name in found)
    return Blamed(
        keyword=keyword,
        schemas=len(having),
        failing=failing,
        lift=failing / len(having) / share,
        defects=dict(counts.most_common()),
    )


def reasons(records: Iterable[Record]) -> list[Reason]:
    """Why schemas were not finished, by message without its names and numbers; most frequent first."""
    grouped: dict[str, list[str]] = {}
    for record in records:
        for told in _told(record):
            grouped.setdefault(told, []).append(record.name)
    found = [Reason(text=text, schemas=len(names), example=names[0]) for text, names in grouped.items()]
    return sorted(found, key=lambda reason: (-reason.schemas, reason.text))


def _told(record: Record) -> set[str]:
    told = set()
    if record.compile_error is not None:
        told.add(f"{record.compile_error['type']}: {normalised(record.compile_error['message'])}")
    if record.aborted is not None:
        told.add(f"{record.aborted.reason} in {record.aborted.phase}: {normalised(record.aborted.detail)}")
    errors = [record.error, *(reading.error for reading in (*record.first, *record.second))]
    errors += [part.error for part in (record.probes, record.walks) if part is not None]
    told.update(f"while reading: {normalised(error)}" for error in errors if error is not None)
    return told


def _unnamed(quoted: re.Match[str]) -> str:
    text = quoted[0]
    return text if text[1:-1] in KEYWORDS else f"{text[0]}…{text[-1]}"


def normalised(message: str) -> str:
    """A message without what differs between schemas: JSON pointers, quoted names but keywords, long words, numbers."""
    text = re.sub(r"\s+", " ", message)
    text = re.sub(r"#/[^\s),]*", "#/…", text)
    text = re.sub(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'', _unnamed, text)
    text = re.sub(r"\d+(\.\d+)?", "N", text)
    text = re.sub(r"\S{60,}", "…", text)
    return text if len(text) <= 140 else text[:139] + "…"
