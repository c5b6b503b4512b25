"""What results of a given `coverage` keep, and how large they are.

    .venv/bin/python -m benchmarks.coverage [--plot docs/coverage.svg] [--json FILE]

Every text of `corpus/` is compressed without a model at each coverage. A cell contains means over the texts of a kind:
the result's tokens divided by the source's; the worth that it keeps, as selection measures it; and the share of the
hand-marked facts that it contains. The worth may exceed the coverage: a unit brings what it depends on, and a result
that would hardly be shorter is the whole text. The plot shows worth by size, a line for each kind, and as a dashed line
the marked facts by size over all texts.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from app.compression.compressor import CompressOptions, compress_extractive
from app.summary.worth import worth_of
from app.text.document import Document, read
from app.text.tokens import estimate_tokens
from benchmarks.corpus import Marked, load
from benchmarks.measures import fold, head, mean, row

COVERAGES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ALL = "all"
_SORTS = ("discharge", "mail", "minutes", "news", "postmortem", "terms")
_WIDTH, _HEIGHT, _LEFT, _BELOW, _KEY = 640, 420, 56, 44, 130
_COLOURS = (
    "#1f77b4",
    "#d62728",
    "#2ca02c",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#17becf",
    "#bcbd22",
    "#ff7f0e",
    "#7f7f7f",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the result of a text keeps: its tokens and worth divided by the source's, and the share of marked facts."""

    text: str
    kind: str
    coverage: float
    size: float
    worth: float
    facts: float


def kept(marked: Marked, coverage: float) -> Kept:
    """What the result of a text at this coverage keeps."""
    made = compress_extractive(CompressOptions(marked.text, coverage=coverage))
    document = read(marked.text)
    spans = [span for passage in made.report.passages for span in passage.source]
    units = [
        at
        for at, unit in enumerate(document.units)
        if any(span.start <= unit.start and unit.end <= span.end for span in spans)
    ]
    result = fold(made.text)
    return Kept(
        marked.name,
        kind_of(marked),
        coverage,
        estimate_tokens(made.text) / estimate_tokens(marked.text),
        worth_share(document, units),
        mean([fold(fact) in result for fact in marked.facts]),
    )


def kind_of(marked: Marked) -> str:
    """The kind of a text; for English prose the sort at the beginning of its name, if it is frequent."""
    if marked.kind != "prose":
        return marked.kind
    if marked.language != "en":
        return "other languages"
    sort = marked.name.partition("_")[0].removeprefix("e")
    return sort if sort in _SORTS else "other prose"


def worth_share(document: Document, units: Sequence[int]) -> float:
    """The worth of `units`, divided by that of all units that are not minor."""
    worth = worth_of(document, (), None)

    def total(chosen: Sequence[int]) -> float:
        major = [at for at in chosen if worth.share[at] == 1.0]
        concepts = frozenset[str]().union(*(worth.concepts_of[at] for at in major))
        return sum(worth.own[at] for at in major) + sum(worth.concepts[concept] for concept in concepts)

    whole = total(range(len(document.units)))
    return total(units) / whole if whole else 1.0


def table(rows: Sequence[Kept]) -> str:
    """A line for each kind, and one for all texts."""
    lines = [head(("kind", "texts", *(f"{coverage:g}" for coverage in COVERAGES)))]
    for kind in (*sorted({entry.kind for entry in rows}), ALL):
        cells = []
        for coverage in COVERAGES:
            own = [entry for entry in rows if kind in (entry.kind, ALL) and entry.coverage == coverage]
            cells.append(f"{_mean(own, 'size'):.2f} {_mean(own, 'worth'):.2f} {_mean(own, 'facts'):.2f}")
        lines.append(row((kind, len(own), *cells)))
    return "\n".join(lines)


def _mean(rows: Sequence[Kept], field: str) -> float:
    return mean([getattr(entry, field) for entry in rows])


def svg(rows: Sequence[Kept]) -> str:
    """The plot of worth by size."""
    lines = [_axes()]
    kinds = (*sorted({entry.kind for entry in rows}), ALL)
    curves = [(kind, "worth", kind) for kind in kinds] + [(ALL, "facts", "marked facts")]
    for number, (kind, field, name) in enumerate(curves):
        of = [
            [entry for entry in rows if kind in (entry.kind, ALL) and entry.coverage == coverage]
            for coverage in COVERAGES
        ]
        points = [(_mean(own, "size"), _mean(own, field)) for own in of]
        colour = "#000000" if kind == ALL else _COLOURS[number % len(_COLOURS)]
        dashes = ' stroke-dasharray="5 3"' if field == "facts" or number >= len(_COLOURS) else ""
        width = 2.5 if kind == ALL else 1.2
        path = " ".join(f"{_x(size):.1f},{_y(worth):.1f}" for size, worth in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>')
        if (kind, field) == (ALL, "worth"):
            for coverage, (size, worth) in zip(COVERAGES, points, strict=True):
                lines.append(f'<circle cx="{_x(size):.1f}" cy="{_y(worth):.1f}" r="3"/>')
                lines.append(f'<text x="{_x(size) + 5:.1f}" y="{_y(worth) + 12:.1f}">{coverage:g}</text>')
        high = 16 + 16 * number
        lines.append(
            f'<path d="M{_WIDTH - _KEY} {high}h22" stroke="{colour}" stroke-width="{width}"{dashes}/>'
            f'<text x="{_WIDTH - _KEY + 28}" y="{high + 4}">{name}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _x(size: float) -> float:
    return _LEFT + size * (_WIDTH - _KEY - 10 - _LEFT)


def _y(worth: float) -> float:
    return _HEIGHT - _BELOW - worth * (_HEIGHT - _BELOW - 14)


def _axes() -> str:
    lines = []
    for step in range(0, 11, 2):
        share = step / 10
        lines.append(f'<path d="M{_x(share):.1f} {_y(0)}V{_y(1)}M{_x(0)} {_y(share):.1f}H{_x(1)}" stroke="#ddd"/>')
        lines.append(f'<text x="{_x(share):.1f}" y="{_y(0) + 16}" text-anchor="middle">{share:g}</text>')
        lines.append(f'<text x="{_LEFT - 8}" y="{_y(share) + 4:.1f}" text-anchor="end">{share:g}</text>')
    lines.append(f'<text x="{_x(0.5)}" y="{_HEIGHT - 8}" text-anchor="middle">tokens over the source\'s</text>')
    turned = f'transform="rotate(-90 14 {_y(0.5)})"'
    lines.append(f'<text x="14" y="{_y(0.5)}" text-anchor="middle" {turned}>worth kept</text>')
    return "\n".join(lines)


def main() -> None:
    """Print the table and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="file for the plot, SVG")
    parser.add_argument("--json", type=Path, help="file for all values")
    arguments = parser.parse_args()
    rows = [kept(marked, coverage) for marked in load() for coverage in COVERAGES]
    print("tokens over the source's, worth kept, marked facts kept, by coverage\n")
    print(table(rows))
    if arguments.plot:
        arguments.plot.write_text(svg(rows), encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(entry) for entry in rows], ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
