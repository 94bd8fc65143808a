"""``calibrant dead-letters``: what services gave up on; look at it, send it again, put it away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, console, fail, show_one, show_rows, told
from calibrant.observatory.cli.options import AsJson, Oldest, Place, placed
from calibrant.observatory.cli.stores import databases_of

app = typer.Typer(help="What services gave up on.", no_args_is_help=True)
LetterId = Annotated[str, typer.Argument(help="Identifier, as `list` shows it.")]


@app.command("list")
@placed
def listing(
    place: Place,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also the replayed and discarded.")] = False,
    limit: Oldest = 1000,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first."""
    from calibrant.runtime import dead_letters  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    with told():
        for service, database in databases_of(place):
            with database.reading() as session:
                found = dead_letters.letters(session, state=None if everything else "open", limit=limit + 1)
                rows += [_summary(service, row) for row in found]
    rows.sort(key=lambda row: row["died_tai_ns"])
    columns = [
        Column("letter_id", "id"),
        Column("service"),
        Column("message_type", "message", "text"),
        Column("error"),
        Column("reason", form="text"),
    ]
    show_rows(
        "Dead letters",
        columns,
        rows,
        as_json=as_json,
        empty="No dead letters.",
        most=limit,
        order="oldest",
    )


@app.command("show")
@placed
def show(letter_id: LetterId, place: Place, *, as_json: AsJson = False) -> None:
    """Show a dead letter with its origin and its body."""
    with told():
        for service, database in databases_of(place):
            with database.reading() as session:
                row = _find(session, letter_id)
                if row is not None:
                    body = row.value.decode("utf-8", "replace")
                    show_one(
                        {**_summary(service, row), "headers": row.headers, "body": body}, as_json=as_json
                    )
                    return
    _unknown(letter_id)


@app.command("replay")
@placed
def replay(letter_id: LetterId, place: Place) -> None:
    """Send a dead letter again; running services take it up at once, others at their next start."""
    from calibrant.runtime import dead_letters  # noqa: PLC0415

    _act(letter_id, place, dead_letters.replay, "is sent again")


@app.command("discard")
@placed
def discard(letter_id: LetterId, place: Place) -> None:
    """Put a dead letter away for good; it stays on record."""
    from calibrant.runtime import dead_letters  # noqa: PLC0415

    _act(letter_id, place, dead_letters.discard, "is discarded")


def _act(letter_id: str, place: Place, action: Callable[[Any, str], Any], done: str) -> None:
    from calibrant.runtime.access.audit import Deed, record  # noqa: PLC0415
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415
    from calibrant.runtime.clock import SystemClock  # noqa: PLC0415

    with told():
        for service, database in databases_of(place):
            with database.writing() as session:
                if _find(session, letter_id) is None:
                    continue
                deed = Deed("dead letter", letter_id, action(session, letter_id).state)
                record(session, SystemClock().tai_ns(), of_this_machine(), deed)
            console().print(f"{letter_id} of {service} {done}")
            return
    _unknown(letter_id)


def _unknown(letter_id: str) -> None:
    fail(f"no dead letter {letter_id!r}; `calibrant dead-letters list --all` shows them")


def _find(session: Any, letter_id: str) -> Any:
    from calibrant.runtime.tables import DeadLetterRow  # noqa: PLC0415

    return session.get(DeadLetterRow, letter_id)


def _summary(service: str, row: Any) -> dict[str, Any]:
    from calibrant.runtime.http import letter_summary  # noqa: PLC0415

    return {"service": service, **letter_summary(row)}
