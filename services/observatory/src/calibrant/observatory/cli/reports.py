"""``calibrant reports list|show|html|open|export``: what verification found, for people and for programs.

Owns where a report goes; what is in it is verify's.
"""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from calibrant.observatory.cli.console import fail, told
from calibrant.observatory.cli.listings import Name
from calibrant.observatory.cli.listings import reports as listed
from calibrant.observatory.cli.options import Place, placed
from calibrant.observatory.cli.stores import objects, queries

if TYPE_CHECKING:
    from calibrant.contracts.common.v1 import DataRef

app = listed
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="File to write. Default: standard output.")
]
Copy = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="File to write. Default: none, and where the page lies is said."),
]
Form = Annotated[
    Literal["yaml", "ecsv", "parquet"],
    typer.Option(
        "--format", help="yaml: nested statistics; ecsv, parquet: a table, a row an amplifier or detector."
    ),
]


@app.command(
    "html", help="Say where the page on a report is, or write it to a file: figures and all, one HTML file."
)
@placed
def html(name: Name, place: Place, *, output: Copy = None) -> None:
    """Say where the page is; with ``-o`` write it there."""
    with told():
        page = objects(place).local_path(_files(place, name)[1])
        if output is not None:
            _write(output, page.read_bytes())
    typer.echo(page if output is None else output)


@app.command("open", help="Show the page on a report in the browser.")
@placed
def open_page(name: Name, place: Place) -> None:
    """Start the browser that the system has."""
    with told():
        page = objects(place).local_path(_files(place, name)[1])
    typer.echo(page)
    if not webbrowser.open(page.as_uri()):
        fail(f"no browser could be started; open {page} in one")


@app.command("export", help="Write the measurements and verdicts of a report for other programs.")
@placed
def export(name: Name, place: Place, *, form: Form = "yaml", output: Output = None) -> None:
    """Write them in a format of ``calibrant.verify.exports``."""
    from calibrant.verify import exports  # noqa: PLC0415

    with told():
        report, measured = exports.read_set(objects(place), _files(place, name)[0])
        content = exports.export(report, measured, form)
        if output is not None:
            _write(output, content)
            typer.echo(output)
        elif form == "parquet" and sys.stdout.isatty():
            fail("parquet is no text: give a file with -o")
        else:
            sys.stdout.buffer.write(content)


def _files(place: Place, name: str) -> tuple[DataRef, DataRef]:
    """Return where the JSON and the page of a report are."""
    with queries(place, "verify", objects(place)) as verify:
        files: tuple[DataRef, DataRef] | None = None if verify is None else verify.files(name)
    if files is None:
        fail(f"{name!r} is none of the reports in {place}; `calibrant reports list` shows them")
    return files


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as problem:
        fail(f"{path} cannot be written: {problem.strerror}")
