"""From what a person wrote to a run request: checked, with errors that name the word that is wrong."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from calibrant.bus.errors import CalibrantError
from calibrant.combine.recipes import RECIPES, find_recipe, parse_parameters
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.frames.instrument import Instrument, InstrumentError, list_instruments, load_instrument
from calibrant.frames.times import parse_time
from calibrant.observatory.settings import ObservatorySettings
from calibrant.rules.holding_out import HOLD_OUT, parsed
from calibrant.sequencer.plan.gating import GATE, check_gate


class BadRequest(CalibrantError):
    """A word of the command cannot be used; the text names it."""


def run_request(
    settings: ObservatorySettings,
    *,
    instrument: str,
    exposures: tuple[ExposureRequest, ...] = (),
    folder: str = "",
    make: str | None = None,
    parameters: Mapping[str, str] | None = None,
    generate: bool = True,
    collection: str = "",
    begin: str | None = None,
    end: str | None = None,
    build: tuple[str, ...] = (),
    valid_for_s: float | None = None,
    requested_by: str = "command line",
) -> RunRequested:
    """Return a request for a new run.

    Raises
    ------
    BadRequest
        The instrument is unknown, its file is wrong, or it cannot be simulated; or a time cannot be read.
    """
    if exposures and not folder:
        _can_be_simulated(settings, instrument)
    return RunRequested(
        run_id=f"run-{uuid.uuid4().hex[:12]}",
        instrument=_instrument(settings, instrument),
        exposures=exposures,
        folder=folder,
        make=tuple(kind.strip() for kind in (make or "").split(",") if kind.strip()),
        parameters=dict(parameters or {}),
        generate=generate,
        collection=collection,
        validity=TimeRange(begin=_time("begin", begin), end=_time("end", end)),
        valid_for_s=valid_for_s,
        requested_by=requested_by,
        build=build,
    )


def instrument_of(settings: ObservatorySettings, name: str) -> Instrument:
    """Return the instrument of a name, or of a file.

    Raises
    ------
    BadRequest
        It is unknown, or its file is wrong.
    """
    try:
        return load_instrument(Path(name) if _is_file(name) else name.lower(), settings.instruments_dir)
    except InstrumentError as error:
        raise BadRequest(f"instrument {error}") from None


def folder_of(folder: Path) -> str:
    """Return the whole path of a folder.

    Raises
    ------
    BadRequest
        It is no folder.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise BadRequest(f"folder {folder} {what}")
    return str(folder.resolve())


def recipe_parameters(
    words: Iterable[str], *, statistic: str | None = None, unit: str | None = None
) -> dict[str, str]:
    """Return recipe parameters as the request wants them: JSON text by ``recipe.parameter``.

    Parameters
    ----------
    words : iterable of str
        ``recipe.parameter=value``; a value that is no JSON is text.
    statistic, unit : str or None
        For all recipes that have it.

    Raises
    ------
    BadRequest
        A word is not of that form.
    RecipeRefused
        A recipe or parameter is unknown, or a value is out of its range; the nearest known one is named.
    """
    found: dict[str, str] = {}
    for name, value in (("statistic", statistic), ("unit", unit)):
        if value is not None:
            having = [one.name for one in RECIPES.values() if name in one.parameters.model_fields]
            found |= {f"{recipe}.{name}": json.dumps(value) for recipe in having}
    for word in words:
        name, equals, value = (part.strip() for part in word.partition("="))
        if not equals or "." not in name:
            raise BadRequest(f"--set {word}: write recipe.parameter=value, such as bias.sigma=4")
        found[name] = _json_text(value)
    check_recipes(found)
    _check_gate(found)
    for name, text in found.items():
        if name.endswith(f".{HOLD_OUT}"):
            _check_hold_out(name.partition(".")[0], text)
    return found


def check_recipes(parameters: Mapping[str, str]) -> None:
    """Make sure that recipes take the parameters that are theirs.

    Parameters
    ----------
    parameters : mapping of str to str
        JSON text by ``recipe.parameter``. Those of the gate, and what is held out, are no recipe's.

    Raises
    ------
    RecipeRefused
        A recipe or parameter is unknown, or a value is out of its range; the nearest known one is named.
    """
    by_recipe: dict[str, dict[str, str]] = {}
    for name, text in parameters.items():
        recipe, _, parameter = name.partition(".")
        if recipe != GATE:
            own = by_recipe.setdefault(recipe, {})
            own |= {} if parameter == HOLD_OUT else {parameter: text}
    for recipe, texts in by_recipe.items():
        parse_parameters(find_recipe(recipe), texts)


def _check_gate(texts: Mapping[str, str]) -> None:
    try:
        check_gate(texts, RECIPES)
    except ValueError as problem:
        raise BadRequest(f"--set gate: {problem}") from None


def _check_hold_out(recipe: str, text: str) -> None:
    try:
        parsed(json.loads(text))
    except ValueError as problem:
        raise BadRequest(f"--set {recipe}.{problem}") from None


def _json_text(value: str) -> str:
    try:
        return json.dumps(json.loads(value))
    except ValueError:
        return json.dumps(value)


def _instrument(settings: ObservatorySettings, name: str) -> str:
    """Return the instrument's name; a file is copied to where all services find it."""
    found = instrument_of(settings, name)
    if _is_file(name):
        _keep(found, Path(name), settings.instruments_dir / f"{found.name}.yaml")
    return found.name


def _keep(found: Instrument, file: Path, copy: Path) -> None:
    """Copy an instrument file to where all services find it, at once or not at all; never over another one."""
    if copy.exists():
        if load_instrument(copy).hash == found.hash:
            return
        raise BadRequest(
            f"instrument {file}: another description of {found.name} is in use here, {copy}. Give yours another "
            "name, or remove that file when no run needs it"
        )
    part = copy.with_suffix(".part")
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part)
        part.replace(copy)
    except OSError as error:
        raise BadRequest(f"instrument {file} cannot be copied to {copy}: {error.strerror}") from None


def _can_be_simulated(settings: ObservatorySettings, name: str) -> None:
    if instrument_of(settings, name).simulation:
        return
    simulated = [known for known in list_instruments() if load_instrument(known).simulation]
    raise BadRequest(
        f"instrument {name} cannot be simulated: its file has no `simulation`. "
        f"Use {' or '.join(simulated)}, or `calibrant replay` for its real frames"
    )


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _time(which: str, text: str | None) -> TaiTime | None:
    if text is None:
        return None
    try:
        return TaiTime.from_ns(parse_time(text))
    except ValueError as error:
        raise BadRequest(f"--{which} {text}: {error}") from None
