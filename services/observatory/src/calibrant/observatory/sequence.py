"""Sequence files: what ``calibrant run`` reads, in the words of Rubin's calibration script.

Owns the format and its errors. Turns a file into the exposures and options of a run request.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import ValidationError, field_validator, model_validator

from calibrant.bus.errors import CalibrantError
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.frames.plain_yaml import NotYamlError, load_yaml
from calibrant.frames.times import parse_time
from calibrant.observatory.sequence_faults import NotTogether, faults_told, keys_at_fault
from calibrant.observatory.sequence_keys import NO_EFFECT, SPOT, ScriptMode, SequenceKeys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class BadSequence(CalibrantError):
    """A sequence file cannot be used; the text names file, field and what to do."""


OF_PAIRS = frozenset({"ptc", "gain", "bfk"})
"""Kinds that are made of pairs of flats."""

_OPTIONS: Final = {"do_defects": "defects", "do_ptc": "ptc", "do_gain_from_flat_pairs": "gain"}
_WITH_OPTIONS: Final = ("bias", "dark", "flat", "defects", "ptc")
_WITH_THRESHOLD: Final = ("bias", "dark", "flat")


class Sequence(SequenceKeys):
    """A commanded sequence."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        checks: tuple[Callable[[], object], ...] = (
            *(partial(self._exposure_times, image_type) for image_type in self.image_types),
            *(partial(self._options_of, kind) for kind in _WITH_OPTIONS),
            self._check_mode,
            self._check_made,
        )
        wrong = [told for check in checks if (told := _fault_of(check))]
        if wrong:
            raise NotTogether(wrong)
        return self

    @field_validator("certify_calib_begin_date", "certify_calib_end_date")
    @classmethod
    def _a_time(cls, text: str | None) -> str | None:
        if text is not None:
            parse_time(text, "tai")
        return text

    @property
    def image_types(self) -> tuple[str, ...]:
        """The image types that are taken."""
        return (*self.script_mode.image_types, *(() if self.n_spot is None else (SPOT,)))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of calibration to make: as the file names them, or as its mode and its options have it."""
        named = self.make or tuple(one.lower() for one in self.script_mode.image_types)
        added = tuple(kind for key, kind in _OPTIONS.items() if self._adds(key))
        return tuple(dict.fromkeys((*named, *added)))

    @property
    def build(self) -> tuple[str, ...]:
        """The kinds that are made although calibrations are not to be generated."""
        added = tuple(kind for key, kind in _OPTIONS.items() if self._adds(key))
        return () if self.generate_calibrations else added

    @property
    def settings(self) -> tuple[str, ...]:
        """The recipe parameters as ``recipe.parameter=value``, the value as JSON; the last one of a name counts."""
        thresholds = ((kind, f"number_verification_tests_threshold_{kind}") for kind in _WITH_THRESHOLD)
        return (
            *(f"gate.{k}.failed_tests={getattr(self, key)}" for k, key in thresholds if getattr(self, key)),
            *self._options(),
            *(f"{name}={json.dumps(value)}" for name, value in self.parameters.items()),
        )

    @property
    def begin(self) -> str | None:
        """Start of the validity range, with its time scale."""
        return _scaled(self.certify_calib_begin_date)

    @property
    def end(self) -> str | None:
        """End of the validity range, with its time scale."""
        return _scaled(self.certify_calib_end_date)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What of the file changes nothing, and why."""
        given = [key for key in NO_EFFECT if getattr(self, key) is not None]
        return tuple(f"{key} has no effect: {NO_EFFECT[key]}" for key in given)

    @property
    def exposures(self) -> tuple[ExposureRequest, ...]:
        """The exposures to command, by image type."""
        return tuple(
            ExposureRequest(
                image_type=image_type,
                exposure_times_s=tuple(self._exposure_times(image_type)),
                filter=name,
                discard=self._discarded(image_type) or None,
            )
            for image_type in self.image_types
            for name in (self.filters if image_type == "FLAT" else ("",))
        )

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters that flats are taken in, one after the other; an empty one leaves it as it is."""
        named = (self.filter,) if isinstance(self.filter, str) else self.filter
        return tuple(dict.fromkeys(named)) or ("",)

    def _adds(self, key: str) -> bool:
        """Tell whether an option adds its kind; gains come unasked only where they can be made."""
        if key != "do_gain_from_flat_pairs":
            return bool(getattr(self, key))
        if not self.do_gain_from_flat_pairs or self.do_ptc:
            return False
        if self.script_mode is not ScriptMode.BIAS_DARK_FLAT:
            return False
        if key in self.model_fields_set:
            return True
        return self.generate_calibrations and not self.make and self._unpaired() is None

    def _check_mode(self) -> None:
        """Make sure that flats are taken for what is to be made of them by an option."""
        wanted = [key for key in ("do_defects", "do_ptc") if getattr(self, key)]
        if wanted and self.script_mode is not ScriptMode.BIAS_DARK_FLAT:
            needs = "needs" if len(wanted) == 1 else "need"
            raise ValueError(
                f"{' and '.join(wanted)}: {needs} script_mode BIAS_DARK_FLAT, not {self.script_mode}"
            )

    def _check_made(self) -> None:
        """Make sure that what is named is taken frames for."""
        if "crosstalk" in self.make and self.n_spot is None:
            raise ValueError("make: a crosstalk is made of frames of spots; give n_spot and exp_times_spot")
        of_pairs = next((kind for kind in self.kinds if kind in OF_PAIRS), None)
        named = of_pairs in self.make  # what an option wants, `_check_mode` judges
        if of_pairs is not None and (named or self.script_mode is ScriptMode.BIAS_DARK_FLAT):
            self._check_pairs(of_pairs)

    def _check_pairs(self, kind: str) -> None:
        """Make sure that every flat has its pair."""
        if self.script_mode is not ScriptMode.BIAS_DARK_FLAT:
            raise ValueError(
                f"make: a {kind} is made of flats, and script_mode {self.script_mode} takes none; give BIAS_DARK_FLAT"
            )
        odd = self._unpaired()
        if odd is not None:
            raise ValueError(
                f"make: a {kind} is made of pairs, but exp_times_flat has {odd:g} s an odd number of times; give each "
                "time twice"
            )

    def _unpaired(self) -> float | None:
        """Return an exposure time that an odd number of the flats have that are used, s."""
        used = self._exposure_times("FLAT")[self.n_discard_flat :]
        return next((time_s for time_s, count in Counter(used).items() if count % 2), None)

    def _options(self) -> list[str]:
        """Return the recipe parameters that ``config_options_*`` have, as ``recipe.parameter=value``."""
        return [word for kind in _WITH_OPTIONS for word in self._options_of(kind)]

    def _options_of(self, kind: str) -> list[str]:
        key = f"config_options_{kind}"
        try:
            words = shlex.split(getattr(self, key))
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
        found = [word for word in words if word not in {"-c", "--config"}]
        for word in found:
            name, equals, _ = word.partition("=")
            if not equals or not name.isidentifier():
                raise ValueError(
                    f"{key}: {word!r} is no parameter of the recipe; write -c parameter=value, such as -c sigma=4"
                )
        return [f"{kind}.{word}" for word in found]

    def _discarded(self, image_type: str) -> int:
        return 0 if image_type == SPOT else int(getattr(self, f"n_discard_{image_type.lower()}"))

    def _has(self, name: str) -> str:
        """Say whose the exposure times of a type are."""
        return "has" if f"exp_times_{name}" in self.model_fields_set else "is not given, and its default has"

    def _exposure_times(self, image_type: str) -> list[float]:
        """Return the exposure time of each exposure of a type, those that are discarded first, s."""
        name, discarded = image_type.lower(), self._discarded(image_type)
        count = int(getattr(self, f"n_{name}")) + discarded
        if image_type == "BIAS":
            return [0.0] * count
        times: tuple[float, ...] | None = getattr(self, f"exp_times_{name}")
        if times is None:
            raise ValueError(f"exp_times_{name} is missing; give one time in seconds, or {count} of them")
        if len(times) not in (1, count):
            of = f"n_{name}" if image_type == SPOT else f"n_{name} + n_discard_{name}"
            raise ValueError(
                f"exp_times_{name} {self._has(name)} {len(times)} times for {of} = {count}; give 1 or {count}"
            )
        return list(times) * count if len(times) == 1 else list(times)


def read_sequence(path: Path) -> Sequence:
    """Read a sequence file.

    Raises
    ------
    BadSequence
        The file cannot be read, is no YAML mapping, or a field is unknown, missing or out of range.
    """
    try:
        content = load_yaml(path.read_text())
    except OSError as error:
        raise BadSequence(f"sequence file {path}: {error.strerror}") from None
    except (NotYamlError, UnicodeDecodeError) as error:
        raise BadSequence(f"sequence file {path} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise BadSequence(f"sequence file {path}: expected `name: value` lines")
    try:
        return Sequence.model_validate(content)
    except ValidationError as error:
        told = "; ".join([*faults_told(error), *_faults_beside(content, error)])
        raise BadSequence(f"sequence file {path}: {told}") from None


def _faults_beside(content: dict[Any, Any], error: ValidationError) -> list[str]:
    """Return how the keys do not go together that are not wrong by themselves."""
    wrong = keys_at_fault(error)
    if not wrong:
        return []
    try:
        Sequence.model_validate({key: value for key, value in content.items() if str(key) not in wrong})
    except ValidationError as beside:
        return [text for text in faults_told(beside) if not any(key in text for key in wrong)]
    return []


def _fault_of(check: Callable[[], object]) -> str:
    """Say what a check finds wrong; empty: nothing."""
    try:
        check()
    except ValueError as error:
        return str(error)
    return ""


def _scaled(text: str | None) -> str | None:
    """Return a time with TAI behind it where it names no scale."""
    if text is None or text.strip().upper().endswith(("Z", "UTC", "TAI")):
        return text
    return f"{text.strip()} TAI"
