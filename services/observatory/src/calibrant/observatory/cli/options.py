"""Options that several commands share; above all where things are kept: ``Place``.

Owns the names of these options and their variables. Imports no service and no pydantic, so that ``--help`` is quick.
"""

from __future__ import annotations

import inspect
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from calibrant.runtime.settings import PlatformSettings

DEFAULT_DATA_DIR = Path("calibrant-data")
DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir", envvar="CALIBRANT_DATA_DIR", help="Folder with all that no other option puts elsewhere."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many, the latest.")]
Oldest = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the oldest.")]
First = Annotated[int, typer.Option("--limit", min=1, help="At most so many, the first by name.")]


def _elsewhere(name: str, text: str) -> Any:
    option = typer.Option(f"--{name}", envvar=f"CALIBRANT_{name.upper().replace('-', '_')}", help=text)
    return Annotated[str, option]


PROGRAM = "calibrant"


@dataclass(frozen=True, slots=True)
class Place:
    """Where bus, databases and objects are: in the data folder, unless an option puts one elsewhere."""

    data_dir: Path = DEFAULT_DATA_DIR
    bus: str = ""
    database: str = ""
    objects: str = ""
    objects_endpoint: str = ""

    def given(self) -> dict[str, Any]:
        """Return the settings that these options are."""
        return asdict(self)

    def settings(self) -> PlatformSettings:
        """Return the settings of the platform, the secrets among them.

        Raises
        ------
        WrongSetting
            An address is none.
        """
        from calibrant.runtime.settings import PlatformSettings, chosen  # noqa: PLC0415

        return chosen(PlatformSettings, **self.given())

    def words(self) -> str:
        """Return the options that a further command needs to look at the same place."""
        defaults = asdict(Place())
        needed = {
            name: str(value)
            for name, value in self.given().items()
            if value != defaults[name] and os.environ.get(f"CALIBRANT_{name.upper()}") != str(value)
        }
        return "".join(f" --{name.replace('_', '-')} {shlex.quote(value)}" for name, value in needed.items())

    def __str__(self) -> str:
        """Name the place for people: the database's, or the folder."""
        return self.database or str(self.data_dir)


def typed() -> str:
    """Return the word that starts this command again, as it has to be typed here: where it is not on PATH, a path."""
    called = Path(sys.argv[0])
    if called.name != PROGRAM or (called.is_absolute() and shutil.which(PROGRAM) == str(called)):
        return PROGRAM
    return shlex.quote(str(called))


_OPTIONS: dict[str, Any] = {
    "data_dir": DataDir,
    "bus": _elsewhere("bus", "The log: kafka://HOST:PORT. Default: in the data folder."),
    "database": _elsewhere("database", "postgresql://USER@HOST:PORT/NAME. Default: in the data folder."),
    "objects": _elsewhere("objects", "Files: s3://BUCKET[/PREFIX]. Default: in the data folder."),
    "objects_endpoint": _elsewhere("objects-endpoint", "URL of the S3 service. Default: the region's."),
}


def placed(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a place, instead of its parameter ``place``."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(command).parameters.values()
        if one.name != "place"
    ]
    default = asdict(Place())
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default[name], annotation=option)
        for name, option in _OPTIONS.items()
    ]

    @wraps(command)
    def with_options(**words: Any) -> None:
        place = Place(**{name: words.pop(name) for name in _OPTIONS})
        command(place=place, **words)

    parameters = [*own, *options]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    return with_options
