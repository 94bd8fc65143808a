"""A verification report on the screen: the outcome, a line a detector, and where the rest is.

Owns what of a report a person reads in a terminal; programs get all of it as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from calibrant.observatory.cli.console import Column, console, show_rows, show_table, shown
from calibrant.observatory.cli.options import typed

STYLES = {"certified": "green", "certified with failures": "yellow"}
COLUMNS = (
    Column("detector", "det"),
    Column("verdict", form="text"),
    Column("score"),
    Column("product"),
    Column("reason", form="text"),
)


def show_report(report: Mapping[str, Any], options: str) -> None:
    """Show a report (``VerifyQueries.report``); ``options`` are those that a further command needs."""
    (first, *_) = report["lines"]
    what = f"{first['kind']} of {first['instrument']}, set {first['set']}"
    out = console()
    outcome = report["outcome"]
    out.print(Text.assemble(f"{what}: ", (outcome, f"bold {STYLES.get(outcome, 'red')}")))
    out.print(shown("; ".join(report["reasons"])), markup=False)
    out.print()
    show_rows("", COLUMNS, report["lines"], as_json=False, empty="")
    out.print()
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, text in _more(report, first, options):
        grid.add_row(Text(name, "bold"), Text(shown(text)))
    show_table(grid)


def _more(report: Mapping[str, Any], first: Mapping[str, Any], options: str) -> Iterator[tuple[str, str]]:
    for finding in first["findings"]:
        yield "noticed", finding
    for (score, reason), detectors in _scored(report["lines"]).items():
        many = f"detector{'s' if len(detectors) > 1 else ''} {', '.join(map(str, detectors))}"
        yield "score", f"{score}, {many}: {reason}"
    if "exposures" in report:  # the report's file may be out of reach; its line in the database is not
        yield "verified", f"{first['mode']}, with {len(report['exposures'])} exposures"
        gate, limits = report["thresholds"], report["limits"]
        yield "by", f"gate {gate['rule']} ({gate['version']}), limits {limits['version']}"
    yield "page", f"{typed()} reports open {report['id']}{options}"
    yield "numbers", f"{typed()} reports show {report['id']}{options} --json"


def _scored(lines: Iterable[Mapping[str, Any]]) -> Mapping[tuple[str, str], list[int]]:
    """Return the detectors that are red or grey for one and the same reason; what their lines say already is left out."""
    found: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        if line["score"] != "green" and line["score_reason"] != line["reason"]:
            found.setdefault((line["score"], line["score_reason"]), []).append(line["detector"])
    return found
