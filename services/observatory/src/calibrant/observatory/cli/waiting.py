"""``calibrant waiting``: what is certified only if a person says so; look at it, accept it, reject it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, console, fail, show_one, show_rows, told
from calibrant.observatory.cli.options import AsJson, Oldest, Place, placed
from calibrant.observatory.cli.stores import database_of

app = typer.Typer(help="Calibrations that wait for a person's decision.", invoke_without_command=True)
Names = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Identifiers, as `calibrant waiting` shows them.")
]
Reason = Annotated[str, typer.Option(help="Why, in one line; kept for ever.")]
COLUMNS = (
    Column("id"),
    Column("kind"),
    Column("detector", "det"),
    Column("instrument", varied=True),
    Column("product"),
    Column("run", varied=True),
    Column("report"),
    Column("state", varied=True),
    Column("because", form="first"),
)
NEXT = "`calibrant reports open REPORT` shows why; then `calibrant waiting accept ID --reason WHY`, or `reject` in its place."


@app.callback()
@placed
def listing(
    place: Place,
    *,
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False,
    instrument: Annotated[str | None, typer.Option("--instrument", "-i", help="Only of this camera.")] = None,
    limit: Oldest = 1000,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person's decision, the longest waiting first."""
    if context.invoked_subcommand is not None:
        return
    from calibrant.certify.waiting import WAITING, waiting_list  # noqa: PLC0415

    rows: list[dict[str, Any]] = []
    with told():
        certify = database_of(place, "certify")
        if certify is not None:
            with certify.reading() as session:
                rows = waiting_list(
                    session,
                    state=None if everything else WAITING,
                    instrument=instrument,
                    limit=limit + 1,
                )
            certify.close()
    show_rows(
        "Waiting for a person",
        COLUMNS,
        rows,
        as_json=as_json,
        empty="Nothing waits for a person.",
        more="" if everything else NEXT,
        most=limit,
        order="oldest",
    )


@app.command("show")
@placed
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Identifier, as `calibrant waiting` shows it.")],
    place: Place,
    *,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one, with the verification report that it rests on."""
    from calibrant.certify.waiting import waiting_one  # noqa: PLC0415

    row = None
    with told():
        certify = database_of(place, "certify")
        if certify is not None:
            with certify.reading() as session:
                row = waiting_one(session, name)
            certify.close()
    if row is None:
        fail(f"nothing waits under {name!r} in {place}; `calibrant waiting --all` shows what does and did")
    show_one(row, as_json=as_json)


@app.command("accept")
@placed
def accept(names: Names, place: Place, *, reason: Reason) -> None:
    """Accept: it is certified, unless its range clashes with what stands; running services tell the run."""
    _decide(names, place, accepted=True, reason=reason)


@app.command("reject")
@placed
def reject(names: Names, place: Place, *, reason: Reason) -> None:
    """Reject: it is never certified for this run, and what would take it goes on without."""
    _decide(names, place, accepted=False, reason=reason)


def _decide(names: Sequence[str], place: Place, *, accepted: bool, reason: str) -> None:
    from calibrant.certify.deciding import decide  # noqa: PLC0415
    from calibrant.certify.service import CertifyService  # noqa: PLC0415
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415
    from calibrant.runtime.clock import SystemClock  # noqa: PLC0415
    from calibrant.runtime.unit_of_work import unit_of_work  # noqa: PLC0415

    with told():
        certify = database_of(place, "certify")
        if certify is None:
            fail(f"nothing waits in {place}: certify has never run there")
        for name in names:
            with unit_of_work(certify, "certify", SystemClock(), cause=f"decide:{name}") as unit:
                row = decide(
                    unit, CertifyService(), name, accepted=accepted, reason=reason, caller=of_this_machine()
                )
                said = f"{name}: {row.product_id} is {row.state}"
            console().print(said, markup=False, soft_wrap=True)
        certify.close()
