"""How a wish for a change reaches certify's register from the command line. Knows no command."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.observatory.cli.console import console, fail, show_json, told
from calibrant.observatory.cli.options import Place
from calibrant.observatory.cli.stores import database_of

if TYPE_CHECKING:
    from calibrant.runtime.database import Database
    from calibrant.runtime.unit_of_work import UnitOfWork

Why = Annotated[str, typer.Option("--why", help="The reason; it stays in the history.")]
NOTHING = "nothing was ever certified in {}"


@contextmanager
def certify_database(place: Place) -> Iterator[Database]:
    """Open certify's database; fail where there is none."""
    database = database_of(place, "certify")
    if database is None:
        fail(NOTHING.format(place))
    try:
        yield database
    finally:
        database.close()


def worker(database: Database) -> Any:
    """Return what opens a unit of work of certify on its database."""
    from calibrant.runtime.clock import SystemClock  # noqa: PLC0415
    from calibrant.runtime.unit_of_work import unit_of_work  # noqa: PLC0415

    def work(cause: str, run_id: str) -> AbstractContextManager[UnitOfWork]:
        return unit_of_work(database, "certify", SystemClock(), cause=cause, correlation_id=run_id or None)

    return work


def wish(place: Place, action: str, why: str, facts: dict[str, Any], *, as_json: bool) -> None:
    """Ask certify for a change as whoever sits at this machine, and say what came of it.

    Parameters
    ----------
    place : Place
        Where the register is.
    action, why : str
        What is wished, and the reason.
    facts : dict
        The wish's further fields, as `calibrant.certify.wishes` has them.
    as_json : bool
        Whether the answer is JSON.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from calibrant.certify.register import carry_out  # noqa: PLC0415
    from calibrant.certify.wishes import WISH  # noqa: PLC0415
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415

    try:
        wished = WISH.validate_python({"action": action, "reason": why, **facts})
    except ValidationError as problem:
        fail(
            "; ".join(
                f"{one['loc'][-1]}: {one['msg'].removeprefix('Value error, ')}" for one in problem.errors()
            ),
            2,
        )
    with told(), certify_database(place) as database:
        done = carry_out(worker(database), wished, of_this_machine(), uuid.uuid4().hex)
    if as_json:
        show_json(done)
    else:
        console().print(f"{done['id']}: {done['told']}", markup=False, soft_wrap=True)
