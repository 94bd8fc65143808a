"""``calibrant calibrations certify|supersede|decertify|move|approve|undo|history``: the register.

Owns how a wish is written on a command line. What comes of it, certify's own use cases say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, fail, show_one, show_rows, told
from calibrant.observatory.cli.options import AsJson, Limit, Place, placed
from calibrant.observatory.cli.stores import queries
from calibrant.observatory.cli.wishing import Why, wish

Products = Annotated[list[str], typer.Argument(help="Products, as `calibrant products list` shows them.")]
In = Annotated[str, typer.Option("--collection", help="Collection.")]
Begin = Annotated[str | None, typer.Option(help="First instant; UTC unless it ends in TAI. Default: open.")]
End = Annotated[
    str | None, typer.Option(help="First instant after; UTC unless it ends in TAI. Default: open.")
]
Report = Annotated[str, typer.Option(help="The report that accepted them. Default: the last one that did.")]
Instrument = Annotated[str | None, typer.Option("--instrument", "-i", help="Only of this camera.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only these kinds. May be repeated.")]
Detectors = Annotated[list[int] | None, typer.Option("--detector", help="Only these. May be repeated.")]
Filter = Annotated[str | None, typer.Option("--filter", help="Only in this filter.")]
Some = Annotated[list[str] | None, typer.Option("--product", help="Only these. May be repeated.")]


def _over_a_range(action: str, words: str) -> Callable[..., None]:
    """Return the command that certifies products in one way or the other."""

    def command(
        products: Products,
        place: Place,
        *,
        collection: In,
        why: Why,
        begin: Begin = None,
        end: End = None,
        report: Report = "",
        as_json: AsJson = False,
    ) -> None:
        facts = {"products": products, "collection": collection, "begin": begin, "end": end, "report": report}
        wish(place, action, why, facts, as_json=as_json)

    command.__name__, command.__doc__ = action, words
    return placed(command)


certify = _over_a_range(
    "certify",
    "Certify products over a range: also ones that were certified before, for another range or elsewhere.",
)
supersede = _over_a_range(
    "supersede", "Certify products over a range, and withdraw from it what stands there."
)


@placed
def decertify(
    place: Place,
    *,
    collection: In,
    why: Why,
    begin: Begin = None,
    end: End = None,
    instrument: Instrument = None,
    kind: Kinds = None,
    detector: Detectors = None,
    filter_name: Filter = None,
    product: Some = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw certifications over a range: theirs are trimmed, split or gone. Name kinds or products."""
    meant = _meant(collection, begin, end, instrument, kind, detector, filter_name, product)
    wish(place, "decertify", why, meant, as_json=as_json)


@placed
def move(
    place: Place,
    *,
    collection: In,
    to: Annotated[str, typer.Option(help="The other collection.")],
    why: Why,
    begin: Begin = None,
    end: End = None,
    instrument: Instrument = None,
    kind: Kinds = None,
    detector: Detectors = None,
    filter_name: Filter = None,
    product: Some = None,
    as_json: AsJson = False,
) -> None:
    """Move certifications to another collection, over the same ranges. Name kinds or products."""
    meant = _meant(collection, begin, end, instrument, kind, detector, filter_name, product)
    wish(place, "move", why, {**meant, "to": to}, as_json=as_json)


@placed
def approve(
    place: Place,
    *,
    collection: In,
    why: Why,
    revoke: Annotated[bool, typer.Option("--revoke", help="They are not approved any more.")] = False,
    begin: Begin = None,
    end: End = None,
    instrument: Instrument = None,
    kind: Kinds = None,
    detector: Detectors = None,
    filter_name: Filter = None,
    product: Some = None,
    as_json: AsJson = False,
) -> None:
    """Say that certifications in force are approved. Name kinds or products."""
    meant = _meant(collection, begin, end, instrument, kind, detector, filter_name, product)
    wish(place, "approve", why, {**meant, "revoke": revoke}, as_json=as_json)


@placed
def undo(
    change: Annotated[str, typer.Argument(help="Identifier of the change, as `history` shows it.")],
    place: Place,
    *,
    why: Why,
    as_json: AsJson = False,
) -> None:
    """Make the inverse of a change; refused where later changes stand on it."""
    wish(place, "undo", why, {"change": change}, as_json=as_json)


@placed
def history(
    place: Place,
    change: Annotated[str | None, typer.Argument(help="Show this change with its lines.")] = None,
    *,
    collection: Annotated[str | None, typer.Option(help="Only what touches this collection.")] = None,
    product: Annotated[str | None, typer.Option(help="Only what touches this product.")] = None,
    who: Annotated[str | None, typer.Option(help="Only what this identity did.")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,
) -> None:
    """List changes of the register, the latest first: who, when and why; or show one."""
    with told(), queries(place, "certify") as register:
        if change is None:
            wanted = {"collection": collection, "product": product, "who": who, "limit": limit + 1}
            rows = [] if register is None else register.history(**wanted)
        else:
            row = None if register is None else register.change(change)
            if row is None:
                fail(
                    f"no change {change!r} in {place}; `calibrant calibrations history` lists those there are"
                )
            show_one(row, as_json=as_json)
            return
    columns = [
        Column("id"),
        Column("recorded", form="time"),
        Column("who", form="text"),
        Column("told", "what", "text"),
        Column("why", form="text"),
        Column("undone_by", "undone by"),
    ]
    narrowed = collection or product or who
    empty = "No change is like that: leave out an option." if narrowed else "Nothing was changed yet."
    show_rows("Changes", columns, rows, as_json=as_json, empty=empty, most=limit)


def _meant(  # noqa: PLR0917 - the options of a choice, as they come
    collection: str,
    begin: str | None,
    end: str | None,
    instrument: str | None,
    kinds: list[str] | None,
    detectors: list[int] | None,
    filter_name: str | None,
    products: list[str] | None,
) -> dict[str, Any]:
    return {
        "collection": collection,
        "begin": begin,
        "end": end,
        "instrument": instrument,
        "kinds": kinds or [],
        "detectors": detectors or [],
        "filter": filter_name,
        "products": products or [],
    }
