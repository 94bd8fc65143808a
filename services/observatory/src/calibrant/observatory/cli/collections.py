"""``calibrant calibrations collections list|show|chain|tag``: the register's collections.

Owns how they are shown, and how a wish for one is written. What comes of it, certify's own use cases say.
"""

from __future__ import annotations

from typing import Annotated

import typer

from calibrant.observatory.cli.console import Column, fail, show_one, show_rows, told
from calibrant.observatory.cli.options import AsJson, First, Place, placed
from calibrant.observatory.cli.stores import queries
from calibrant.observatory.cli.wishing import Why, wish

collections = typer.Typer(help="Collections: list them, show one, chain, tag.", no_args_is_help=True)


@collections.command("list")
@placed
def list_collections(place: Place, *, limit: First = 1000, as_json: AsJson = False) -> None:
    """List collections by name."""
    with told(), queries(place, "certify") as register:
        rows = [] if register is None else register.collections(limit=limit + 1)
    columns = [
        Column("name"),
        Column("type"),
        Column("members", "searches", "text"),
        Column("since", form="time"),
    ]
    show_rows(
        "Collections",
        columns,
        rows,
        as_json=as_json,
        empty="There are none yet.",
        most=limit,
        order="first",
    )


@collections.command("show")
@placed
def show_collection(
    name: Annotated[str, typer.Argument(help="Its name.")], place: Place, *, as_json: AsJson = False
) -> None:
    """Show a collection: what it searches, or the products in it."""
    with told(), queries(place, "certify") as register:
        row = None if register is None else register.collection(name)
    if row is None:
        fail(f"no collection {name!r} in {place}; `calibrant calibrations collections list` shows them")
    show_one(row, as_json=as_json)


@collections.command("chain")
@placed
def chain(
    name: Annotated[str, typer.Argument(help="The chain; made when it is not there.")],
    members: Annotated[list[str], typer.Argument(help="What it searches, first to last.")],
    place: Place,
    *,
    why: Why,
    prepend: Annotated[bool, typer.Option("--prepend", help="Before what it searches already.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a chain search these collections, in this order; the first that has a calibration gives it."""
    facts = {"collection": name, "members": members, "prepend": prepend}
    wish(place, "chain", why, facts, as_json=as_json)


@collections.command("tag")
@placed
def tag(
    name: Annotated[str, typer.Argument(help="The tagged collection; made when it is not there.")],
    place: Place,
    *,
    why: Why,
    add: Annotated[list[str] | None, typer.Option(help="Product to put in. May be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Product to take out. May be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put products into a tagged collection, or take them out."""
    facts = {"collection": name, "add": add or [], "remove": remove or []}
    wish(place, "tag", why, facts, as_json=as_json)
