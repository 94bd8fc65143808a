"""``calibrant calibrations``: what is certified, and which one applies when, and why; ``register`` has what changes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from calibrant.observatory.cli import carrying, register
from calibrant.observatory.cli.collections import collections
from calibrant.observatory.cli.console import Column, console, fail, show_json, show_one, show_rows, told
from calibrant.observatory.cli.options import AsJson, Limit, Place, placed
from calibrant.observatory.cli.stores import database_of, objects, queries

app = typer.Typer(
    help="What is certified: list, show one, find the one that applies; change it.", no_args_is_help=True
)
for change in (
    register.certify,
    register.supersede,
    register.decertify,
    register.move,
    register.approve,
    register.undo,
    register.history,
):
    app.command(change.__name__)(change)
app.add_typer(collections, name="collections")
app.command("export")(carrying.export)
app.command("import")(carrying.bring)


@app.command("list")
@placed
def listing(place: Place, *, limit: Limit = 1000, as_json: AsJson = False) -> None:
    """List certifications, the latest first."""
    with told(), queries(place, "certify") as certify:
        rows = [] if certify is None else certify.calibrations(limit=limit + 1)
    columns = [
        Column("id"),
        Column("instrument", varied=True),
        Column("product"),
        Column("detector", "det"),
        Column("collection", form="text", varied=True),
        Column("status", varied=True),
        Column("begin", "begin (UTC)", "bound"),
        Column("end", "end (UTC)", "bound"),
    ]
    empty = "Nothing is certified yet. Try `calibrant demo`."
    show_rows("Certifications", columns, rows, as_json=as_json, empty=empty, most=limit)


@app.command("show")
@placed
def show(
    name: Annotated[str, typer.Argument(help="Identifier, as `list` shows it.")],
    place: Place,
    *,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one certification."""
    with told(), queries(place, "certify") as certify:
        row = None if certify is None else certify.calibration(name)
        if row is not None:
            row["path"] = objects(place).locate(row["made_of"]["ref"]["uri"])
    if row is None:
        fail(f"no certification {name!r} in {place}; `calibrant calibrations list` shows them")
    show_one(row, as_json=as_json)


@app.command("find")
@placed
def find(
    place: Place,
    *,
    instrument: Annotated[str, typer.Option("--instrument", "-i", help="Camera.")],
    at: Annotated[str, typer.Option(help="Instant; UTC unless it ends in TAI.")],
    detector: Annotated[
        list[int] | None, typer.Option(help="Detector number; may be repeated. Default: all of the camera.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="bias, dark or flat; may be repeated. Default: all.")
    ] = None,
    filter_name: Annotated[str | None, typer.Option("--filter", help="Filter, for flats.")] = None,
    collection: Annotated[str | None, typer.Option(help="Default: INSTRUMENT/calib/daily.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="As the register stood at this instant; UTC unless it ends in TAI.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the calibration that applies, and say why; or all for a whole exposure. Exit 1 if one is missing."""
    facts = {
        "instrument": instrument,
        "at_tai_ns": _time("--at", at),
        "collection": collection,
        "filter": filter_name,
        "as_of_tai_ns": None if as_of is None else _time("--as-of", as_of),
    }
    with told(), queries(place, "certify") as certify:
        if certify is None:
            fail(f"nothing was ever certified in {place}")
        if len(kind or ()) == len(detector or ()) == 1:
            assert kind is not None
            assert detector is not None
            answer: dict[str, Any] = certify.find(kind=kind[0], detector=detector[0], **_placed(place, facts))
            good = _show_found(answer, as_json=as_json)
        else:
            found = _exposure(place, certify, _placed(place, facts), kind, detector)
            good = _show_exposure(found, as_json=as_json)
        unknown = [] if good else _unknown(place, certify, facts, kind, detector)
    for words in unknown:
        typer.echo(f"note: {words}", err=True)
    if not good:
        raise typer.Exit(1)


def _placed(place: Place, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a look-up with the instrument's own collection where none is named."""
    from calibrant.certify.naming import place_of  # noqa: PLC0415

    where = place_of(facts["instrument"], place.settings().instruments_dir, facts["collection"])
    return facts | {"collection": where}


def _unknown(
    place: Place, certify: Any, facts: dict[str, Any], kinds: list[str] | None, detectors: list[int] | None
) -> list[str]:
    from calibrant.certify.naming import Named, unknown_names  # noqa: PLC0415

    names = {name: facts[name] for name in ("instrument", "collection", "filter", "as_of_tai_ns")}
    asked = Named(kinds=kinds, detectors=detectors, **names)
    return unknown_names(certify, place.settings().instruments_dir, asked)


def _show_found(answer: dict[str, Any], *, as_json: bool) -> bool:
    if as_json:
        show_json(answer)
    elif answer["calibration"] is None:
        console().print(f"{answer['outcome']}: {answer['why']}", markup=False, soft_wrap=True)
    else:
        show_one({**answer["calibration"], "why": answer["why"]}, as_json=False)
        more = f"`calibrant calibrations show {answer['calibration']['id']}` has its file, report and stages."
        console().print(f"\n{more}", markup=False, soft_wrap=True)
    return answer["calibration"] is not None


def _exposure(
    place: Place, certify: Any, facts: dict[str, Any], kinds: list[str] | None, detectors: list[int] | None
) -> dict[str, Any]:
    from calibrant.certify.naming import whole_of  # noqa: PLC0415

    folder = place.settings().instruments_dir
    every_kind, every_detector = whole_of(facts["instrument"], folder, kinds, detectors)
    answer: dict[str, Any] = certify.exposure(kinds=every_kind, detectors=every_detector, **facts)
    return answer


def _show_exposure(answer: dict[str, Any], *, as_json: bool) -> bool:
    if as_json:
        show_json(answer)
        return not answer["gaps"]
    columns = [
        Column("kind"),
        Column("detector", "det"),
        Column("product"),
        Column("collection", form="text"),
        Column("begin", "begin (UTC)", "bound"),
        Column("end", "end (UTC)", "bound"),
    ]
    show_rows("Calibrations", columns, answer["calibrations"], as_json=False, empty="None apply.")
    for gap in answer["gaps"]:
        console().print(f"missing: {gap['why']}", markup=False, soft_wrap=True)
    return not answer["gaps"]


@app.command("rebuild")
@placed
def rebuild(place: Place, *, as_json: AsJson = False) -> None:
    """Make the ranges in force anew from the register, and say what differed; services may run meanwhile."""
    from calibrant.certify.rebuild import rebuild as make_anew  # noqa: PLC0415

    with told():
        certify = database_of(place, "certify")
        if certify is None:
            fail(f"nothing was ever certified in {place}")
        try:
            found = make_anew(certify)
        finally:
            certify.close()
    if as_json:
        show_json(asdict(found))
        return
    changed = found.added or found.removed
    differed = f": {found.added} added, {found.removed} removed" if changed else ", as they were"
    console().print(f"{found.ranges} ranges in force{differed}")


def _time(option: str, text: str) -> int:
    from calibrant.frames.times import parse_time  # noqa: PLC0415

    try:
        return parse_time(text)
    except ValueError as error:
        fail(f"{option} {text}: {error}")
