r"""What a frame is, by an instrument's ordered rules over header cards and file names; must not read files.

A camera says what a frame is in a header card, in the file's name, or in a card that lies while another one
tells. So the rules are data, the first one that holds decides, and the answer says which it was::

    - {type: bias,    card: OBJECT, matches: "^bias"}
    - {type: flat,    file_name: "flat_*"}
    - {type: science, card: EXPTIME, greater_than: 0}
"""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Self, TypeGuard

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from calibrant.rules.model import Frozen

COMPRESSION_SUFFIXES = (".gz", ".bz2", ".fz", ".xz", ".z")


class ImageType(StrEnum):
    """What was exposed. Any case is understood: ``ImageType("BIAS") is ImageType.BIAS``."""

    BIAS = "bias"  # no light, no exposure time
    DARK = "dark"  # no light, some exposure time
    FLAT = "flat"  # even light (or a lamp's smooth spectrum)
    SPOT = "spot"  # bright spots of a projector
    ARC = "arc"  # a lamp's lines
    STANDARD = "standard"  # a star of known flux
    SCIENCE = "science"  # what the telescope is for
    UNKNOWN = "unknown"  # no rule held

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        name = str(value).strip().lower()
        return next((member for member in cls if member.value == name), None)


class ClassificationRule(Frozen):
    """One rule: all of its conditions must hold. A card without a comparison must merely be there.

    Parameters
    ----------
    type : ImageType
        What the frame is when the rule holds.
    card : str or None
        Header card to look at.
    equals : str, bool, int, float or None
        The card's value; text compares without surrounding blanks and without case.
    matches : str or None
        Regular expression searched in the card's value as text, without case (anchor with ``^`` and ``$``).
    less_than, greater_than : float or None
        Bounds, both exclusive, in the card's own unit; a value that is no number does not hold.
    file_name : str or None
        Shell pattern (``bias_*``) for the name without folders, without case. The suffix of a
        compression (.gz, .bz2, .fz, .xz, .Z) counts neither in the pattern nor in the name.
    file_name_matches : str or None
        Regular expression searched in the same name, without case.

    Raises
    ------
    pydantic.ValidationError
        No condition at all, a comparison without a card, or a broken regular expression.
    """

    type: ImageType
    card: str | None = Field(default=None, min_length=1)
    equals: StrictBool | StrictInt | StrictFloat | StrictStr | None = None
    matches: str | None = None
    less_than: float | None = None
    greater_than: float | None = None
    file_name: str | None = Field(default=None, min_length=1)
    file_name_matches: str | None = None

    @field_validator("matches", "file_name_matches")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        comparisons = (self.equals, self.matches, self.less_than, self.greater_than)
        if self.card is None and any(c is not None for c in comparisons):
            raise ValueError(f"the rule for {self.type} compares without a card: name the card")
        if self.card is None and self.file_name is None and self.file_name_matches is None:
            raise ValueError(
                f"the rule for {self.type} has no condition: give a card or a file_name ('*' for any file)"
            )
        return self

    def holds(self, header: Mapping[str, object], file_name: str) -> str | None:
        """Say why the rule holds for a frame, in words; None when it doesn't."""
        reasons = []
        if self.card is not None:
            value = header.get(self.card.upper())
            if value is None or not self._card_holds(value):
                return None
            reasons.append(f"{self.card.upper()} = {value!r}")
        if self.file_name is not None or self.file_name_matches is not None:
            name = bare_name(file_name)
            if not self._name_holds(name):
                return None
            reasons.append(f"file name {name}")
        return " and ".join(reasons)

    def _card_holds(self, value: object) -> bool:
        return (
            (self.equals is None or _same(value, self.equals))
            and (
                self.matches is None or re.search(self.matches, str(value).strip(), re.IGNORECASE) is not None
            )
            and (self.less_than is None or (_is_number(value) and value < self.less_than))
            and (self.greater_than is None or (_is_number(value) and value > self.greater_than))
        )

    def _name_holds(self, name: str) -> bool:
        by_pattern = self.file_name is None or fnmatch.fnmatchcase(
            name.lower(), _without_compression(self.file_name).lower()
        )
        expression = self.file_name_matches
        return by_pattern and (expression is None or re.search(expression, name, re.IGNORECASE) is not None)


class Classification(Frozen):
    """What a frame is, and because of which card or name."""

    type: ImageType
    because: str


def classify(
    rules: Sequence[ClassificationRule], header: Mapping[str, object], file_name: str
) -> Classification:
    """Tell what a frame is: the first rule that holds decides.

    Parameters
    ----------
    rules : sequence of ClassificationRule
        The instrument's rules, in order.
    header : mapping of card name (upper case) to value
        The frame's header.
    file_name : str
        Name of the file, with or without folders.

    Returns
    -------
    Classification
        ``UNKNOWN`` when no rule holds, with what was looked at.
    """
    for number, rule in enumerate(rules, start=1):
        reason = rule.holds(header, file_name)
        if reason is not None:
            return Classification(type=rule.type, because=f"{reason} (rule {number})")
    cards = dict.fromkeys(rule.card.upper() for rule in rules if rule.card is not None)
    seen = [f"{card} = {header[card]!r}" if header.get(card) is not None else f"no {card}" for card in cards]
    seen.append(f"file name {bare_name(file_name)}")
    return Classification(
        type=ImageType.UNKNOWN, because=f"none of {len(rules)} rules holds: {', '.join(seen)}"
    )


def bare_name(file_name: str) -> str:
    """Strip folders and the suffix of a compression: ``night/dark_001.FIT.gz`` gives ``dark_001.FIT``."""
    return _without_compression(PurePosixPath(file_name).name)


def _without_compression(name: str) -> str:
    for suffix in COMPRESSION_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def _same(value: object, wanted: bool | int | float | str) -> bool:  # noqa: PYI041 - bool is no number here
    if isinstance(wanted, str):
        return isinstance(value, str) and value.strip().lower() == wanted.strip().lower()
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    return value == wanted


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
