"""Sequence files: what ``calibrant run`` reads, in the words of Rubin's calibration script.

Owns the format and its errors. Turns a file into the exposures and options of a run request.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from calibrant.bus.errors import CalibrantError
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.frames.plain_yaml import NotYamlError, load_yaml


class BadSequence(CalibrantError):
    """A sequence file cannot be used; the text names file, field and what to do."""


SPOT = "SPOT"
"""Image type of frames of bright spots, which no script mode has."""
OF_PAIRS = frozenset({"ptc", "gain", "bfk"})
"""Kinds that are made of pairs of flats."""


class ScriptMode(StrEnum):
    """Which image types are taken; frames of spots come beside them where `n_spot` says so."""

    BIAS = "BIAS"
    DARK = "DARK"
    BIAS_DARK = "BIAS_DARK"
    BIAS_DARK_FLAT = "BIAS_DARK_FLAT"

    @property
    def image_types(self) -> tuple[str, ...]:
        """The image types in the order they are taken."""
        return tuple(self.value.split("_"))


def _times(value: Any) -> Any:
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Count = Annotated[int, Field(ge=1, le=10_000)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Times = Annotated[list[Seconds], BeforeValidator(_times), Field(min_length=1)]


class Sequence(BaseModel):
    """A commanded sequence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: str = Field(description="Instrument name or file.")
    script_mode: ScriptMode = Field(description="BIAS, DARK, BIAS_DARK or BIAS_DARK_FLAT.")
    n_bias: Count | None = Field(default=None, description="Biases to take.")
    n_dark: Count | None = Field(default=None, description="Darks to take.")
    exp_times_dark: Times | None = Field(
        default=None, description="Unit: s. One time for all darks, or one for each."
    )
    n_flat: Count | None = Field(default=None, description="Flats to take.")
    exp_times_flat: Times | None = Field(
        default=None, description="Unit: s. One time for all flats, or one for each."
    )
    n_spot: Count | None = Field(
        default=None, description="Frames of bright spots to take, after the biases; for a crosstalk."
    )
    exp_times_spot: Times | None = Field(
        default=None, description="Unit: s. One time for all frames of spots, or one for each."
    )
    filter: str = Field(default="", description="Filter of the flats; empty leaves it as it is.")
    generate_calibrations: bool = Field(
        default=False,
        description="True: build new calibrations and verify against them (internal verification). "
        "False: verify the frames against the calibrations in force (external verification).",
    )
    make: tuple[str, ...] = Field(
        default=(), description="Kinds to make, such as [bias, defects]. Empty: all that are usually made."
    )
    calib_collection: str = Field(default="", description="Empty: <instrument>/calib/daily.")
    certify_calib_begin_date: str | None = Field(
        default=None, description="Start of the validity range; UTC unless it ends in TAI."
    )
    certify_calib_end_date: str | None = Field(
        default=None, description="End of the validity range, exclusive; UTC unless it ends in TAI."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Recipe parameters, such as {bias.sigma: 4}."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for image_type in self.image_types:
            self._exposure_times(image_type)
        of_pairs = next((kind for kind in self.make if kind in OF_PAIRS), None)
        if of_pairs is not None:
            self._check_pairs(of_pairs)
        if "crosstalk" in self.make and self.n_spot is None:
            raise ValueError("make: a crosstalk is made of frames of spots; give n_spot and exp_times_spot")
        return self

    def _check_pairs(self, kind: str) -> None:
        """Make sure that every flat has its pair."""
        if self.script_mode is not ScriptMode.BIAS_DARK_FLAT:
            raise ValueError(
                f"make: a {kind} is made of flats, and script_mode {self.script_mode} takes none; give BIAS_DARK_FLAT"
            )
        odd = [time_s for time_s, count in Counter(self._exposure_times("FLAT")).items() if count % 2]
        if odd:
            raise ValueError(
                f"make: a {kind} is made of pairs, but exp_times_flat has {odd[0]:g} s an odd number of times; give each "
                "time twice"
            )

    @property
    def image_types(self) -> tuple[str, ...]:
        """The image types that are taken."""
        return (*self.script_mode.image_types, *(() if self.n_spot is None else (SPOT,)))

    @property
    def settings(self) -> tuple[str, ...]:
        """The recipe parameters as ``recipe.parameter=value``, the value as JSON."""
        return tuple(f"{name}={json.dumps(value)}" for name, value in self.parameters.items())

    @property
    def exposures(self) -> tuple[ExposureRequest, ...]:
        """The exposures to command, by image type."""
        return tuple(
            ExposureRequest(
                image_type=image_type,
                exposure_times_s=tuple(self._exposure_times(image_type)),
                filter=self.filter if image_type == "FLAT" else "",
            )
            for image_type in self.image_types
        )

    def _exposure_times(self, image_type: str) -> list[float]:
        name = image_type.lower()
        count: int | None = getattr(self, f"n_{name}")
        if count is None:
            raise ValueError(f"n_{name} is missing; script_mode {self.script_mode} takes {name} frames")
        if image_type == "BIAS":
            return [0.0] * count
        times: list[float] | None = getattr(self, f"exp_times_{name}")
        if times is None:
            raise ValueError(f"exp_times_{name} is missing; give one time in seconds, or {count} of them")
        if len(times) not in (1, count):
            raise ValueError(
                f"exp_times_{name} has {len(times)} times for n_{name} = {count}; give 1 or {count}"
            )
        return times * count if len(times) == 1 else times


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
        raise BadSequence(f"sequence file {path}: {'; '.join(map(_say, error.errors()))}") from None


def _say(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(field, Sequence.model_fields, n=1)
        return f"unknown field {field!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    message = problem["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message
