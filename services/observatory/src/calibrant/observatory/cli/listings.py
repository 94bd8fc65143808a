"""``calibrant frames|products|reports|publications|runs list|show``: what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, fail, show_one, show_rows, told
from calibrant.observatory.cli.options import AsJson, Limit, Place, placed
from calibrant.observatory.cli.stores import objects, queries

Name = Annotated[str, typer.Argument(help="Identifier, as `list` shows it.")]
NOTHING = "Nothing yet. Try `calibrant demo`."
Rows = Sequence[Mapping[str, Any]]


def _topic(
    what: str,
    columns: Sequence[Column],
    every: Callable[[Place, int], Rows],
    one: Callable[[Place, str], Mapping[str, Any] | None],
    *,
    more: str = "",
    in_words: Callable[[Mapping[str, Any], str], None] | None = None,
) -> typer.Typer:
    """Return the two commands of a thing: list all, show one.

    Parameters
    ----------
    what : str
        Its name, in the plural.
    columns : sequence of Column
        Of the list.
    every, one : callable
        Give so many, the latest, and one; None: there is none.
    more : str
        What to do next, under the list.
    in_words : callable or None
        Shows one to a person, given the options that a further command needs; None: field by field.
    """
    app = typer.Typer(help=f"{what.capitalize()}: list them, show one.", no_args_is_help=True)

    @app.command("list", help=f"List {what}, the latest first.")
    @placed
    def listing(place: Place, *, limit: Limit = 1000, as_json: AsJson = False) -> None:
        with told():
            rows = every(place, limit + 1)
        show_rows(what.capitalize(), columns, rows, as_json=as_json, empty=NOTHING, more=more, most=limit)

    @app.command("show", help=f"Show all that is known of one of the {what}.")
    @placed
    def show(name: Name, place: Place, *, as_json: AsJson = False) -> None:
        with told():
            row = one(place, name)
        if row is None:
            fail(f"{name!r} is none of the {what} in {place}; `calibrant {what} list` shows them")
        if in_words is None or as_json:
            show_one(row, as_json=as_json)
        else:
            in_words(row, place.words())

    return app


def _ask(place: Place, service: str, question: Callable[[Any], Any], default: Any) -> Any:
    with queries(place, service) as found:
        return default if found is None else question(found)


def _frames(place: Place, limit: int) -> Rows:
    frames: Rows = _ask(place, "ingest", lambda q: q.frames(limit=limit), [])
    return frames


def _frame(place: Place, name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = _ask(place, "ingest", lambda q: q.frame(name), None)
    return found


def _products(place: Place, limit: int) -> Rows:
    from calibrant.observatory.catalogue import with_state  # noqa: PLC0415

    with queries(place, "combine", objects(place)) as combine:
        products = [] if combine is None else combine.products(limit=limit)
    return with_state(products, _reports(place, None), _standings(place))


def _product(place: Place, name: str) -> Mapping[str, Any] | None:
    from calibrant.observatory.catalogue import with_state  # noqa: PLC0415

    with queries(place, "combine", objects(place)) as combine:
        product = None if combine is None else combine.product(name)
    if product is None:
        return None
    return with_state([product], _reports(place, None, name), _standings(place, name))[0]


def _standings(place: Place, product: str | None = None) -> Mapping[str, str]:
    found: Mapping[str, str] = _ask(place, "certify", lambda q: q.standings(product), {})
    return found


def _reports(place: Place, limit: int | None, product: str | None = None) -> Rows:
    with queries(place, "verify", objects(place)) as verify:
        return [] if verify is None else list(verify.reports(product=product, limit=limit))


def _report(place: Place, name: str) -> Mapping[str, Any] | None:
    with queries(place, "verify", objects(place)) as verify:
        return None if verify is None else verify.report(name)


def _report_in_words(row: Mapping[str, Any], options: str) -> None:
    from calibrant.observatory.cli.show_report import show_report  # noqa: PLC0415

    show_report(row, options)


def _publications(place: Place, limit: int) -> Rows:
    with queries(place, "archive", objects(place)) as archive:
        return [] if archive is None else list(archive.publications(limit=limit))


def _publication(place: Place, name: str) -> Mapping[str, Any] | None:
    with queries(place, "archive", objects(place)) as archive:
        return None if archive is None else archive.publication(name)


def _runs(place: Place, limit: int) -> Rows:
    return [row.model_dump() for row in _ask(place, "sequencer", lambda q: q.runs(limit), [])]


def _run(place: Place, name: str) -> Mapping[str, Any] | None:
    view = _ask(place, "sequencer", lambda q: q.run(name), None)
    return None if view is None else view.model_dump()


def _run_in_words(row: Mapping[str, Any], _options: str) -> None:
    from calibrant.observatory.cli.run_report import told_run  # noqa: PLC0415

    show_one({**row, "run": told_run(row["run"])}, as_json=False)


DETECTOR = Column("detector", "det")
frames = _topic(
    "frames",
    [
        Column("id"),
        Column("image_type", "type"),
        DETECTOR,
        Column("exposure", form="text"),
        Column("begin", "begin (UTC)", "time"),
        Column("exposure_time_s", "s"),
    ],
    _frames,
    _frame,
)
products = _topic(
    "products",
    [
        Column("id"),
        Column("kind"),
        Column("instrument"),
        DETECTOR,
        Column("state"),
        Column("unit"),
        Column("inputs", form="count"),
    ],
    _products,
    _product,
)
reports = _topic(
    "reports",
    [
        Column("id"),
        Column("instrument", varied=True),
        Column("kind"),
        DETECTOR,
        Column("set"),
        Column("verdict", form="text"),
        Column("score"),
        Column("reason", form="first"),
    ],
    _reports,
    _report,
    more="`calibrant reports open ID` shows one with its figures, `calibrant reports show ID` its reasons in full, "
    "and why a score is red or grey.",
    in_words=_report_in_words,
)
publications = _topic(
    "publications",
    [
        Column("id"),
        Column("product"),
        DETECTOR,
        Column("version"),
        Column("status"),
        Column("end", "until (UTC)", "bound"),
        Column("reason", form="text"),
    ],
    _publications,
    _publication,
)
runs = _topic(
    "runs",
    [
        Column("run_id"),
        Column("instrument", form="text"),
        Column("what", form="text"),
        Column("state"),
        Column("message", form="first"),
    ],
    _runs,
    _run,
    in_words=_run_in_words,
)
