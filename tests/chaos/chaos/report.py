"""What a person is shown at the end, and what a program. Judges nothing."""

from __future__ import annotations

import os
import platform
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.storm import Result

_SHOWN = 10


def as_json(seed: int, result: Result) -> dict[str, Any]:
    """Return the result as plain values."""
    return {
        "seed": seed,
        "good": result.good,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "seconds": result.seconds,
        "faults": result.faults,
        "impossible": result.impossible,
        "counts": result.counts,
        "away_s": _away(result),
        "ended": result.ended,
        "checks": [
            {"what": check.what, "looked_at": check.looked_at, "wrong": list(check.wrong)}
            for check in result.checks
        ],
    }


def show(seed: int, result: Result, console: Console) -> None:
    """Print tables: faults, counts, checks; then what is wrong."""
    table = Table("fault", "times", title=f"Seed {seed}")
    for kind, count in result.faults.items():
        lacking = result.impossible.get(kind, 0)
        table.add_row(kind, f"{count} ({lacking} not possible here)" if lacking else str(count))
    console.print(table)
    table = Table("count", "")
    for what, count in result.counts.items():
        table.add_row(what, str(count))
    if away := _away(result):
        table.add_row("s until a killed or restarted process took on work", f"{away}")
    for what, seconds in result.seconds.items():
        table.add_row(f"s for: {what}", f"{seconds}")
    console.print(table)
    table = Table("what must hold", "looked at", "wrong")
    for check in result.checks:
        table.add_row(check.what, str(check.looked_at), str(len(check.wrong)))
    console.print(table)
    for told, count in list(result.ended.items())[:_SHOWN]:
        console.print(f"ended by itself {count} times: {told}", markup=False)
    for check in result.checks:
        for wrong in check.wrong[:_SHOWN]:
            console.print(f"WRONG ({check.what}): {wrong}", markup=False)


def _away(result: Result) -> dict[str, float]:
    away_s = result.away_s
    return {"median": round(median(away_s), 1), "most": round(max(away_s), 1)} if away_s else {}
