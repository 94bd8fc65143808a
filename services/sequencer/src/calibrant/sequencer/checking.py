"""Whether a run can be begun as it was asked for, whoever asks. Knows the request alone, and the kinds there are."""

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from calibrant.bus.errors import PermanentError
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.holding_out import HOLD_OUT, HoldOut, parsed
from calibrant.rules.rulesets import RuleSet
from calibrant.rules.verification import tested_once
from calibrant.sequencer.exposures import LONGEST_S, problem_of
from calibrant.sequencer.plan.gating import GATE, check_gate

RUN_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
"""What a run may be called: it stands in addresses and names of files."""

INSTRUMENT = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""What an instrument may be called: a name, never a path."""

IMAGE_KEY = r"^[A-Za-z][A-Za-z0-9_]{0,31}$"
"""What the key of something said of images may be."""

TOLD_BY_US = ("imageType", "groupId")
"""Keys whose values the sequencer's commands have as fields."""

LONGEST_VALUE = 200
"""Characters of the longest value that is said of images."""

LONGEST_VALID_S = 100 * 366 * 86_400.0
"""Longest that a calibration is valid by a run's wish, s."""


LONGEST_WAIT_S = 7 * 86_400.0
"""Longest that a run may say it is waited for its frames, or its end, s."""


class RunRefused(PermanentError):
    """A run cannot be begun as it was asked for; the text says what to change."""


def refusals(*checks: Callable[[], None]) -> list[str]:
    """Return what checks refuse, in their order."""
    found = []
    for check in checks:
        try:
            check()
        except RunRefused as problem:
            found.append(str(problem))
    return found


def check_names(request: RunRequested) -> None:
    """Make sure of a request's names and texts, before any of them is looked up.

    Raises
    ------
    RunRefused
        One has a form that it must not have, or holds characters that cannot be shown.
    """
    for where, text in _texts(request.model_dump(), "request"):
        unshown = next((c for c in text if unicodedata.category(c) in {"Cc", "Cs"}), None)
        if unshown is not None:
            raise RunRefused(
                f"{ascii(where)[1:-1]}: holds the control character U+{ord(unshown):04X}: leave it out"
            )
    if re.fullmatch(RUN_ID, request.run_id) is None:
        raise RunRefused(
            f"run_id: {request.run_id!r} is no name of a run; use up to 64 letters, digits and . _ -, a letter or "
            "digit first"
        )
    if re.fullmatch(INSTRUMENT, request.instrument) is None:
        raise RunRefused(
            f"instrument: {request.instrument!r} is no name of an instrument; use small letters, digits, - and _; "
            "its file goes into the folder for instruments, and is named by its name alone"
        )


def check_wish(request: RunRequested, rules: RuleSet) -> None:
    """Make sure that what is asked for is there, and makes sense together.

    Raises
    ------
    RunRefused
        The text names what is wrong and says what to do.
    """
    kinds = [rule.kind for rule in rules.rules]
    wishes = {
        "make": request.make,
        "build": request.build,
        "input_collections": tuple(request.input_collections),
        "verify_collections": tuple(request.verify_collections),
        "min_frames": tuple(request.min_frames),
    }
    for field, wish in wishes.items():
        unknown = sorted(set(wish) - set(kinds))
        if unknown:
            near = difflib.get_close_matches(unknown[0], kinds, n=1)
            hint = f"do you mean {near[0]!r}?" if near else f"use {', '.join(kinds)}"
            raise RunRefused(
                f"{field}: {unknown[0]!r} is no kind of calibration of {request.instrument}: {hint}"
            )
    if not (request.folder or request.exposures):
        raise RunRefused("a run takes exposures or the frames of a folder: give one of the two")
    if request.strict and not (request.folder and request.exposures):
        raise RunRefused("strict: there is nothing to be strict about without a folder and exposures")
    if request.folder:
        _check_folder(Path(request.folder))
    for asked in request.exposures:
        problem = problem_of(asked, [image_type.value for image_type in rules.image_types])
        if problem:
            raise RunRefused(f"exposures: {problem}")
    _check_parameters(request, kinds)
    _check_image_keys(request)
    _check_numbers(request)
    begin, end = request.validity.begin, request.validity.end
    if begin is not None and end is not None and begin.ns >= end.ns:
        raise RunRefused("validity ends before it begins: swap its begin and its end")


def check_detectors(request: RunRequested, known: Sequence[int]) -> None:
    """Make sure that the instrument has the detectors that are asked for.

    Raises
    ------
    RunRefused
        It has not; the text says which there are.
    """
    strange = sorted(set(request.detectors) - set(known))
    if strange:
        there = f"{known[0]} to {known[-1]}" if len(known) > 1 else f"{known[0]} alone"
        raise RunRefused(f"detectors: {request.instrument} has no detector {strange[0]}; it has {there}")


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Give every text within a request, with where it stands."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield f"{where}: a name in it", str(name)
            yield from _texts(item, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{where}[{number}]")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise RunRefused(f"folder {folder} {'is no folder' if folder.exists() else 'does not exist'}")
    if not any(folder.iterdir()):
        raise RunRefused(f"folder {folder} is empty: give one with frames")


def _check_parameters(request: RunRequested, kinds: list[str]) -> None:
    known = [*kinds, GATE]
    for name, value in request.parameters.items():
        recipe, dot, parameter = name.partition(".")
        if not dot or not parameter or recipe not in known:
            raise RunRefused(
                f"parameter {name!r}: write recipe.parameter, the recipe one of {', '.join(known)}"
            )
        try:
            json.loads(value, parse_constant=_no_constant)
        except ValueError as error:
            raise RunRefused(f'parameter {name}: {value!r} is not JSON ({error}); text is "quoted"') from None
    try:
        check_gate(request.parameters, kinds)
        for name, value in request.parameters.items():
            if name.endswith(f".{HOLD_OUT}"):
                _check_hold_out(name.partition(".")[0], parsed(json.loads(value)))
    except ValueError as error:
        raise RunRefused(f"parameters: {error}") from None


def _check_image_keys(request: RunRequested) -> None:
    for key, value in request.image_keys.items():
        if re.fullmatch(IMAGE_KEY, key) is None or key in TOLD_BY_US:
            raise RunRefused(
                f"image_keys: {key!r} is no key of yours; use letters and digits, and not {' or '.join(TOLD_BY_US)}"
            )
        if len(value) > LONGEST_VALUE or value.endswith("\\"):
            raise RunRefused(
                f"image_keys: {key}: give up to {LONGEST_VALUE} characters, the last one no backslash"
            )


def _check_hold_out(kind: str, wanted: HoldOut) -> None:
    if wanted and tested_once(kind):
        raise RunRefused(
            f"parameter {kind}.{HOLD_OUT}: a {kind} is verified by its own frames: keep none out of it"
        )


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _check_numbers(request: RunRequested) -> None:
    if request.valid_for_s is not None and not 1 <= request.valid_for_s <= LONGEST_VALID_S:
        raise RunRefused(f"valid_for_s: {request.valid_for_s:g} s is no time of 1 to {LONGEST_VALID_S:g} s")
    few = next((kind for kind, count in sorted(request.min_frames.items()) if count < 1), None)
    if few is not None:
        raise RunRefused(f"min_frames: {request.min_frames[few]} frames make no {few}: give at least 1")
    for field in ("frames_within_s", "finish_within_s"):
        within_s = getattr(request, field)
        if within_s is not None and not 1 <= within_s <= LONGEST_WAIT_S:
            raise RunRefused(f"{field}: {within_s:g} s is no time of 1 to {LONGEST_WAIT_S:g} s")
    wait_s = request.wait_between_exposures_s
    if wait_s is not None and not 0 <= wait_s <= LONGEST_S:
        raise RunRefused(f"wait_between_exposures_s: {wait_s:g} s is no time of 0 to {LONGEST_S:g} s")
