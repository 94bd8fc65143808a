"""``calibrant doctor``: whether this machine, this data folder and the servers are fit for work."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from calibrant.observatory.cli.console import console, show_json, told
from calibrant.observatory.cli.options import AsJson, Place, placed

LOW_DISK_BYTES = 2 * 1024**3
OLDEST_SQLITE = (3, 35, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    what: str
    state: Literal["good", "warning", "bad"]
    found: str


@placed
def doctor(place: Place, *, as_json: AsJson = False) -> None:
    """Look at the machine, the data folder and the servers that are named; exit 1 if anything is bad."""
    with told():
        findings = [check(place.data_dir) for check in CHECKS] + _servers(place)
    if as_json:
        show_json([{"what": f.what, "state": f.state, "found": f.found} for f in findings])
    else:
        colours = {"good": "green", "warning": "yellow", "bad": "red"}
        for finding in findings:
            mark = f"[{colours[finding.state]}]{finding.state:<8}[/]"
            console().print(f"{mark}{finding.what:<16}{finding.found}", soft_wrap=True)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def _python(_data_dir: Path) -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info >= (3, 11)
    return Finding("Python", "good" if good else "bad", version if good else f"{version}; 3.11 is needed")


def _sqlite(_data_dir: Path) -> Finding:
    good = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    return Finding("SQLite", "good" if good else "bad", sqlite3.sqlite_version)


def _cores(_data_dir: Path) -> Finding:
    count = os.cpu_count() or 1
    return Finding("processor cores", "good" if count > 1 else "warning", str(count))


def _folder(data_dir: Path) -> Finding:
    place = _existing(data_dir)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding("data folder", "bad", f"{data_dir}: {error.strerror}; choose another with --data-dir")
    return Finding("data folder", "good", f"{data_dir}{'' if data_dir.exists() else ' (will be made)'}")


def _space(data_dir: Path) -> Finding:
    free = shutil.disk_usage(_existing(data_dir)).free
    text = f"{free / 1024**3:.1f} GiB free"
    return Finding("disk", "good" if free > LOW_DISK_BYTES else "warning", text)


def _leap_seconds(_data_dir: Path) -> Finding:
    from astropy.time import Time  # noqa: PLC0415

    from calibrant.runtime.clock import TAI_MINUS_UTC_S  # noqa: PLC0415

    now = Time.now()
    offset = round((now.tai.datetime - now.utc.datetime).total_seconds())
    good = offset == TAI_MINUS_UTC_S
    return Finding(
        "TAI - UTC", "good" if good else "bad", f"{offset} s" if good else f"{offset} s, expected 37 s"
    )


def _pixel_engine(_data_dir: Path) -> Finding:
    from calibrant.pixels import backend_in_use, why_not  # noqa: PLC0415

    backend = backend_in_use()
    if backend != "numpy":
        return Finding("pixel engine", "good", backend)
    return Finding("pixel engine", "warning", f"numpy, which is slower; not cpu, for {why_not('cpu')}")


def _servers(place: Place) -> list[Finding]:
    """Look at the servers that are named, each by itself."""
    from calibrant.bus.errors import CalibrantError  # noqa: PLC0415
    from calibrant.runtime.reaching import reach  # noqa: PLC0415

    settings, found = place.settings(), []
    names = {"bus": "log", "database": "database", "objects": "objects"}
    for name, what in names.items():
        address = getattr(settings, name)
        alone = settings.model_copy(update={other: "" for other in names if other != name})
        if not address:
            continue
        try:
            asyncio.run(reach(alone))
        except CalibrantError as error:
            found.append(Finding(what, "bad", str(error)))
        else:
            found.append(Finding(what, "good", address))
    return found


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


CHECKS: tuple[Callable[[Path], Finding], ...] = (
    _python,
    _sqlite,
    _cores,
    _folder,
    _space,
    _leap_seconds,
    _pixel_engine,
)
