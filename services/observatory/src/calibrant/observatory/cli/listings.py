"""``calibrant frames|products|reports|publications|runs list|show``: what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, fail, show_one, show_rows, told
from calibrant.observatory.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir
from calibrant.observatory.cli.stores import queries

Name = Annotated[str, typer.Argument(help="Identifier, as `list` shows it.")]
NOTHING = "Nothing yet. Try `calibrant demo`."
Rows = Sequence[Mapping[str, Any]]


def _topic(
    what: str,
    columns: Sequence[Column],
    every: Callable[[Path], Rows],
    one: Callable[[Path, str], Mapping[str, Any] | None],
) -> typer.Typer:
    """Return the two commands of a thing: list all, show one."""
    app = typer.Typer(help=f"{what.capitalize()}: list them, show one.", no_args_is_help=True)

    @app.command("list", help=f"List {what}, the latest first.")
    def listing(data_dir: DataDir = DEFAULT_DATA_DIR, *, as_json: AsJson = False) -> None:
        with told():
            rows = every(data_dir)
        show_rows(what.capitalize(), columns, rows, as_json=as_json, empty=NOTHING)

    @app.command("show", help=f"Show all that is known of one of the {what}.")
    def show(name: Name, data_dir: DataDir = DEFAULT_DATA_DIR, *, as_json: AsJson = False) -> None:
        with told():
            row = one(data_dir, name)
        if row is None:
            fail(f"{name!r} is none of the {what} in {data_dir}; `calibrant {what} list` shows them")
        show_one(row, as_json=as_json)

    return app


def _locate(data_dir: Path) -> Callable[[str], Path]:
    from calibrant.runtime.platform import object_store  # noqa: PLC0415

    return object_store(data_dir.absolute()).path_of


def _ask(data_dir: Path, service: str, question: Callable[[Any], Any], default: Any) -> Any:
    with queries(data_dir, service) as found:
        return default if found is None else question(found)


def _frames(data_dir: Path) -> Rows:
    frames: Rows = _ask(data_dir, "ingest", lambda q: q.frames(), [])
    return frames


def _frame(data_dir: Path, name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = _ask(data_dir, "ingest", lambda q: q.frame(name), None)
    return found


def _products(data_dir: Path) -> Rows:
    from calibrant.observatory.catalogue import with_state  # noqa: PLC0415

    with queries(data_dir, "combine", _locate(data_dir)) as combine:
        products = [] if combine is None else combine.products()
    return with_state(products, _reports(data_dir), _certifications(data_dir))


def _product(data_dir: Path, name: str) -> Mapping[str, Any] | None:
    from calibrant.observatory.catalogue import with_state  # noqa: PLC0415

    with queries(data_dir, "combine", _locate(data_dir)) as combine:
        product = None if combine is None else combine.product(name)
    if product is None:
        return None
    return with_state([product], _reports(data_dir), _certifications(data_dir))[0]


def _certifications(data_dir: Path) -> Rows:
    rows: Rows = _ask(data_dir, "certify", lambda q: q.calibrations(), [])
    return rows


def _reports(data_dir: Path) -> Rows:
    with queries(data_dir, "verify", _locate(data_dir)) as verify:
        return [] if verify is None else list(verify.reports())


def _report(data_dir: Path, name: str) -> Mapping[str, Any] | None:
    with queries(data_dir, "verify", _locate(data_dir)) as verify:
        return None if verify is None else verify.report(name)


def _publications(data_dir: Path) -> Rows:
    with queries(data_dir, "archive", _locate(data_dir)) as archive:
        return [] if archive is None else list(archive.publications())


def _publication(data_dir: Path, name: str) -> Mapping[str, Any] | None:
    with queries(data_dir, "archive", _locate(data_dir)) as archive:
        return None if archive is None else archive.publication(name)


def _runs(data_dir: Path) -> Rows:
    return [row.model_dump() for row in _ask(data_dir, "sequencer", lambda q: q.runs(), [])]


def _run(data_dir: Path, name: str) -> Mapping[str, Any] | None:
    view = _ask(data_dir, "sequencer", lambda q: q.run(name), None)
    return None if view is None else view.model_dump()


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
        Column("kind"),
        DETECTOR,
        Column("set"),
        Column("verdict", form="text"),
        Column("reason", form="text"),
    ],
    _reports,
    _report,
)
publications = _topic(
    "publications",
    [
        Column("id"),
        Column("product"),
        DETECTOR,
        Column("version"),
        Column("status"),
        Column("end", "until (UTC)", "time"),
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
)
