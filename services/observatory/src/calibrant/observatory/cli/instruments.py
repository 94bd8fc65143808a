"""``calibrant instruments``: which cameras are known, and whether a file describes one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibrant.observatory.cli.console import Column, console, fail, show_rows, told
from calibrant.observatory.cli.options import DEFAULT_DATA_DIR, AsJson, DataDir

app = typer.Typer(help="Cameras, as data files.", no_args_is_help=True)


@app.command("list")
def listing(data_dir: DataDir = DEFAULT_DATA_DIR, *, as_json: AsJson = False) -> None:
    """List the cameras that come along, and those of your own that were used in the data folder."""
    from calibrant.frames.instrument import InstrumentError, list_instruments, load_instrument  # noqa: PLC0415

    rows = []
    own = data_dir / "instruments"
    for name in sorted({*list_instruments(), *(path.stem for path in own.glob("*.yaml"))}):
        try:
            instrument = load_instrument(name, own)
        except InstrumentError as error:
            fail(f"instrument {error}")
        rows.append(
            {
                "name": name,
                "detectors": len(instrument.detectors),
                "version": instrument.version,
                "valid_from": str(instrument.valid_from),
                "description": instrument.description,
                "own": (own / f"{name}.yaml").exists(),
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
