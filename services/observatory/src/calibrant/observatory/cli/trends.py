"""``calibrant trends``: a metric over time, each exposure beside the history before it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, console, fail, say_more, show_rows, told
from calibrant.observatory.cli.options import AsJson, Place, placed
from calibrant.observatory.cli.stores import database_of

if TYPE_CHECKING:
    from calibrant.verify.store import VerifyQueries

NEVER = "Nothing was measured yet. Try `calibrant demo`."
BARS = "▁▂▃▄▅▆▇█"
MOST_BARS = 60
COLUMNS = (
    Column("kind"),
    Column("detector", "det"),
    Column("amplifier", "amp"),
    Column("begin", "begin (UTC)", "time"),
    Column("value"),
    Column("median"),
    Column("spread"),
    Column("z"),
    Column("points", "history"),
    Column("state"),
)


@placed
def trends(
    place: Place,
    *,
    metric: Annotated[
        str, typer.Option(help="Which number: NOISE, OVERSCAN_LEVEL_ADU, NOISE_RATIO, SCATTER ...")
    ],
    instrument: Annotated[str, typer.Option("--instrument", "-i", help="Camera.")],
    kind: Annotated[str | None, typer.Option(help="Only frames of this kind, such as bias.")] = None,
    detector: Annotated[int | None, typer.Option(help="Only this detector.")] = None,
    amplifier: Annotated[str | None, typer.Option(help="Only this amplifier.")] = None,
    filter_name: Annotated[str | None, typer.Option("--filter", help="Only in this filter.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only exposures since then; UTC unless it ends in TAI.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only exposures before then.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="At most so many frames (one detector of one exposure), the latest.")
    ] = 1000,
    as_json: AsJson = False,
) -> None:
    """Show a metric over time, with median and spread of the history before each exposure, and what is out of family."""
    since_tai_ns, until_tai_ns = _time("--since", since), _time("--until", until)
    with told():
        from calibrant.runtime.settings import chosen  # noqa: PLC0415
        from calibrant.verify.settings import VerifySettings  # noqa: PLC0415
        from calibrant.verify.store import VerifyQueries  # noqa: PLC0415
        from calibrant.verify.trending import Which, trend  # noqa: PLC0415

        rows: list[dict[str, Any]] = []
        more, nothing = False, NEVER
        verify = database_of(place, "verify")
        if verify is not None:
            rules = chosen(VerifySettings).trends
            which = Which(instrument, metric, kind, detector, amplifier, filter_name)
            with verify.reading() as session:
                rows, more = trend(
                    session,
                    which,
                    rules,
                    since_tai_ns=since_tai_ns,
                    until_tai_ns=until_tai_ns,
                    most=limit,
                )
                nothing = "" if rows else _nothing(VerifyQueries(session), instrument, metric)
            verify.close()
    if more:
        say_more(f"The latest {limit} frames are shown")
    if as_json:
        show_rows("", COLUMNS, rows, as_json=True, empty=nothing)
        return
    show_rows(
        f"{metric} of {instrument}", COLUMNS, [_line(row) for row in rows], as_json=False, empty=nothing
    )
    if sys.stdout.isatty():
        for line in sparklines(rows):
            console().print(line, markup=False, soft_wrap=True)


def _nothing(verify: VerifyQueries, instrument: str, metric: str) -> str:
    """Say why there is nothing, and what there is."""
    from calibrant.verify.unmeasured import unmeasured  # noqa: PLC0415

    some = f"No exposure of {instrument} that was asked for has a {metric}; others have."
    return unmeasured(verify, instrument, metric) or (some if verify.instruments() else NEVER)


def sparklines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Draw each series in one line, from its least to its largest number, the latest ones."""
    lines = []
    for (kind, detector, amplifier, filter_name), found in groupby(
        rows, key=lambda row: (row["kind"], row["detector"], row["amplifier"], row["filter"])
    ):
        values = [row["value"] for row in found if row["value"] is not None][-MOST_BARS:]
        if values:
            least, most = min(values), max(values)
            name = " ".join(
                str(part) for part in (kind, filter_name, f"detector {detector}", amplifier) if part
            )
            lines.append(f"{name}  {sparkline(values)}  {least:.4g} to {most:.4g}")
    return lines


def sparkline(values: Sequence[float]) -> str:
    """Draw numbers as bars, from the least to the largest; all the same when they are equal.

    Examples
    --------
    >>> sparkline([1, 2, 3, 8])
    '▁▂▃█'
    """
    least, span = min(values), max(values) - min(values)
    top = len(BARS) - 1
    return "".join(BARS[round((value - least) / span * top) if span else top // 2] for value in values)


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row for people: rounded, with a word for how it stands."""
    shown = {name: _short(row[name]) for name in ("value", "median", "mad", "z")}
    state = "out of family" if row["out"] else "" if row["z"] is not None else "too little history"
    if not row["certified"]:
        state = f"{state}, not certified" if state else "not certified"
    return {**row, **shown, "spread": _spread(row), "state": state}


def _spread(row: Mapping[str, Any]) -> str:
    from calibrant.rules.trends import SIGMA_PER_MAD  # noqa: PLC0415

    return "-" if row["mad"] is None else _short(SIGMA_PER_MAD * row["mad"])


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _time(option: str, text: str | None) -> int | None:
    from calibrant.frames.times import parse_time  # noqa: PLC0415

    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        fail(f"{option} {text}: {error}")
