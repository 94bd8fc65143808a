"""``calibrant instruments``: which cameras are known, and whether a file describes one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.observatory.cli.console import Column, console, show_rows, told
from calibrant.observatory.cli.options import AsJson

app = typer.Typer(help="Cameras, as data files.", no_args_is_help=True)


@app.command("list")
def listing(*, as_json: AsJson = False) -> None:
    """List the cameras that come along."""
    from calibrant.frames.instrument import list_instruments, load_instrument  # noqa: PLC0415

    rows = []
    for name in list_instruments():
        instrument = load_instrument(name)
        rows.append(
            {
                "name": name,
                "detectors": len(instrument.detectors),
                "version": instrument.version,
                "valid_from": str(instrument.valid_from),
                "description": instrument.description,
            }
        )
    columns = [Column("name"), Column("detectors"), Column("version"), Column("description", form="text")]
    show_rows("Instruments", columns, rows, as_json=as_json, empty="No instruments.")


@app.command("check")
def check(file: Annotated[Path, typer.Argument(help="Instrument file (YAML).")]) -> None:
    """Say what is wrong with an instrument file; exit 1 if anything is."""
    from calibrant.frames.instrument import check_instrument  # noqa: PLC0415

    with told():
        problems = check_instrument(file)
    if not problems:
        console().print(f"{file}: a good instrument file", markup=False)
        return
    for problem in problems:
        console().print(f"{file}: {problem}", markup=False, soft_wrap=True)
    raise typer.Exit(1)
