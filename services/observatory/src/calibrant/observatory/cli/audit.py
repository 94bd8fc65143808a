"""``calibrant audit``: who did what, in all services."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, show_rows, told
from calibrant.observatory.cli.options import AsJson, Place, placed
from calibrant.observatory.cli.stores import databases_of

app = typer.Typer(help="Who did what.", no_args_is_help=True)


@app.command("list")
@placed
def listing(
    place: Place,
    *,
    who: Annotated[str | None, typer.Option(help="Only what this identity did.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each service.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """List commands, runs asked for, certifications, refusals and other deeds, the latest first."""
    from calibrant.runtime.access import audit  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    with told():
        for service, database in databases_of(place):
            with database.reading() as session:
                rows += [{"service": service, **row} for row in audit.entries(session, who=who, limit=limit)]
    rows.sort(key=lambda row: (row["at_tai_ns"], row["service"], row["number"]), reverse=True)
    columns = [
        Column("at", form="time"),
        Column("service"),
        Column("who", form="text"),
        Column("what"),
        Column("about", form="text"),
        Column("outcome", form="text"),
    ]
    show_rows("Audit", columns, rows, as_json=as_json, empty="Nobody has done anything yet.")
