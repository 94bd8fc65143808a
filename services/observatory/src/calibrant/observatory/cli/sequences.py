"""Sequence files on the command line: read, with what is said of them. Knows no run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from calibrant.observatory.cli.console import fail

if TYPE_CHECKING:
    from pathlib import Path

    from calibrant.observatory.sequence import Sequence


def sequence_for(file: Path | None, *, strict: bool) -> Sequence | None:
    """Read the sequence file that a folder's frames are chosen by, and say what of it has no effect."""
    from calibrant.observatory.sequence import read_sequence  # noqa: PLC0415

    if file is None:
        if strict:
            fail("--strict: give --sequence FILE, too: it says what the folder is to have")
        return None
    wanted = read_sequence(file)
    remark(file, wanted)
    return wanted


def remark(file: Path, wanted: Sequence) -> None:
    """Say what of a sequence file has no effect."""
    for text in wanted.remarks:
        typer.echo(f"{file.name}: {text}", err=True)


def camera_of(wanted: Sequence, file: Path, asked: str | None) -> str:
    """Return which camera a sequence is for: as asked, else as its file says."""
    from calibrant.observatory.sequence import BadSequence  # noqa: PLC0415

    if not (asked or wanted.instrument):
        told = "names no instrument: add `instrument: NAME`, or give --instrument NAME"
        raise BadSequence(f"sequence file {file} {told}")
    return asked or wanted.instrument
