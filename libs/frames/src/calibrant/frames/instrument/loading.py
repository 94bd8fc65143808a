"""Owns finding and parsing instrument files; must not know what an instrument is used for."""

import re
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from calibrant.frames.instrument.model import Instrument
from calibrant.frames.plain_yaml import NotYamlError, load_yaml

_SHIPPED = "calibrant.frames.instruments"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHOWN = 80
_KEPT = 8
"""Texts whose meaning is kept: a service asks for its instrument with every file and every job."""
_MOST_BYTES = 1 << 20


class InstrumentError(Exception):
    """An instrument is unknown, or its file is wrong; the message names file, field and remedy.

    Parameters
    ----------
    source : str
        The file, or the name asked for.
    problems : list of str
        What is wrong, one line each, with the path to the field.
    """

    def __init__(self, source: str, problems: list[str]) -> None:
        self.source = source
        self.problems = problems
        super().__init__(f"{source}: " + "; ".join(problems))


def list_instruments() -> list[str]:
    """Return the names of the instruments that ship with this package, sorted."""
    files = resources.files(_SHIPPED).iterdir()
    return sorted(entry.name.removesuffix(".yaml") for entry in files if entry.name.endswith(".yaml"))


def load_instrument(name_or_path: str | Path, folder: Path | None = None) -> Instrument:
    """Return an instrument by its name, or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        A name of `list_instruments`, or the path of a YAML file (a `Path`, or a text that ends in
        ``.yaml`` or ``.yml``).
    folder : Path or None
        A folder with further instrument files ``<name>.yaml``; they go before those that ship with this
        package.

    Returns
    -------
    Instrument

    Raises
    ------
    InstrumentError
        If the name is unknown (it names those that are known), or the file is missing or wrong.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")):
        return _parse(_read(Path(name_or_path)), text)
    if folder is not None and (folder / f"{text}.yaml").is_file():
        return _parse(_read(folder / f"{text}.yaml"), text)
    if text not in list_instruments():
        known = ", ".join(list_instruments())
        raise InstrumentError(
            text, [f"no such instrument; known are {known}; or give the path of a .yaml file"]
        )
    return _parse(resources.files(_SHIPPED).joinpath(f"{text}.yaml").read_text(encoding="utf-8"), text)


def named_instrument(name: str, folder: Path | None = None) -> Instrument:
    """Return an instrument by its name alone, for names that come in messages: no path is opened for them.

    Raises
    ------
    InstrumentError
        As `load_instrument`, or the name is none.
    """
    if _NAME.fullmatch(name) is None:
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        raise InstrumentError(
            ascii(shown), ["is no name of an instrument; use small letters, digits, - and _, 64 at most"]
        )
    return load_instrument(name, folder)


def instrument_in_force(name: str, folder: Path, *, detector: int, planned_hash: str) -> Instrument:
    """Return the instrument that work was planned with.

    Parameters
    ----------
    name : str
        Its name.
    folder : Path
        Folder with further instrument files.
    detector : int
        A detector it must have.
    planned_hash : str
        Hash of the description that the work was planned with.

    Raises
    ------
    InstrumentError
        It is unknown or wrong, has no such detector, or is described otherwise here.
    """
    instrument = named_instrument(name, folder)
    if instrument.hash != planned_hash:
        problem = (
            f"the job was planned with another description ({planned_hash[:12]}) than this worker has "
            f"({instrument.hash[:12]}); give both the same instrument file and plan again"
        )
        raise InstrumentError(name, [problem])
    try:
        instrument.detector(detector)
    except KeyError as problem:
        raise InstrumentError(name, [str(problem.args[0])]) from None
    return instrument


def check_instrument(path: Path) -> list[str]:
    """Return what is wrong with an instrument file, one line each; nothing wrong gives an empty list."""
    try:
        instrument = load_instrument(Path(path))
    except InstrumentError as error:
        return error.problems
    if instrument.name != Path(path).stem:
        return [f"name: is {instrument.name!r} but the file is {Path(path).name}; name the file after it"]
    return []


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise InstrumentError(
                str(path), [f"has more than {_MOST_BYTES} bytes; no instrument file has so many"]
            )
        return content.decode()
    except OSError as problem:
        raise InstrumentError(str(path), [f"cannot be read: {problem.strerror}; check the path"]) from problem
    except UnicodeDecodeError as problem:
        raise InstrumentError(str(path), ["is not UTF-8 text; an instrument is a YAML file"]) from problem


@lru_cache(_KEPT)
def _parse(text: str, source: str) -> Instrument:
    try:
        content = load_yaml(text)
    except NotYamlError as problem:
        raise InstrumentError(source, [f"is not YAML: {problem}"]) from problem
    if not isinstance(content, dict):
        raise InstrumentError(source, ["is empty or no mapping; start with 'name:'"])
    try:
        return Instrument.model_validate(content)
    except ValidationError as error:
        raise InstrumentError(source, [_line(problem) for problem in error.errors()]) from error


def _line(problem: Any) -> str:
    where = ""
    for part in problem["loc"]:
        where += f"[{part}]" if isinstance(part, int) else (f".{part}" if where else str(part))
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        message = "is missing"
    elif problem["type"] == "extra_forbidden":
        message = "is no field of an instrument file; check the spelling"
    elif problem["type"] != "value_error":
        message = f"{message} (found {problem['input']!r})"
    return f"{where}: {message}" if where else message
