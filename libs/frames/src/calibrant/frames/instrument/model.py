"""Owns the instrument: the whole of one dated YAML file. Must not know how frames are read or combined."""

import hashlib
import json
from datetime import date
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from calibrant import pixels
from calibrant.frames.instrument.detector import Detector
from calibrant.frames.instrument.groups import check_groups
from calibrant.frames.instrument.guide_sensor import GuideSensor
from calibrant.frames.instrument.header import FileLayout, HeaderTranslation
from calibrant.frames.instrument.limits import LimitEntry, limit_rules
from calibrant.frames.instrument.overscan import Overscan
from calibrant.frames.instrument.position import check_positions
from calibrant.rules.classification import ClassificationRule
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.rulesets import RuleSet, SetRule
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.verification import LimitRule, Limits, limits_of

USUAL_FILTERS = ("u", "g", "r", "i", "z", "y")
"""Filters of a simulated camera whose file names none."""


class Instrument(BaseModel):
    """A camera, as one dated description.

    Frozen: two instruments with the same `hash` read, calibrate and classify alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Name; the file is <name>.yaml.")
    description: str = Field(min_length=1, description="One line for people.")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="Version of this description.")
    valid_from: date = Field(description="First day (UTC) for which this description holds.")
    readout: Literal["frame"] = Field(description="One image per exposure and detector.")
    files: FileLayout = Field(default=FileLayout())
    header: HeaderTranslation
    classification: tuple[ClassificationRule, ...] = Field(
        min_length=1, description="Ordered; the first rule that holds gives the frame's type."
    )
    overscan: Overscan = Field(default=Overscan())
    detectors: tuple[Detector, ...] = Field(min_length=1)
    guiders: tuple[GuideSensor, ...] = Field(
        default=(), description="Guide sensors: never planned, combined or waited for."
    )
    crosstalk_groups: tuple[tuple[int, ...], ...] = Field(
        default=(),
        description="Detectors that are read at one time and may leak into each other, by their ids.",
    )
    association: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="By kind, the fields of its association rule (`SetRule`) that differ from the default.",
    )
    verification: dict[str, float | tuple[LimitEntry, ...]] = Field(
        default_factory=dict,
        description="By test, as bias.amplifier.MEAN, the limit that differs: a number, or a list of limits for "
        "detectors, amplifiers and times.",
    )
    gate: dict[str, Any] = Field(
        default_factory=dict,
        description="Of the gate (`GateThresholds`), what differs from what the sequencer is set to.",
    )
    collections: str = Field(
        default="",
        pattern=r"^(?:[\w.+-]+(?:/[\w.+-]+)*)?$",
        description="Standard collection of its calibrations, such as LATISS/calib; empty: <name>/calib.",
    )
    simulation: dict[str, Any] = Field(
        default_factory=dict, description="What the camera simulator needs to imitate this camera."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [detector.id for detector in self.detectors]
        if len(set(ids)) != len(ids):
            raise ValueError(f"detector ids repeat: {ids}")
        guiding = [one.id for one in self.guiders]
        if len({*ids, *guiding}) != len(ids) + len(guiding):
            raise ValueError(f"ids of guiders repeat, or are those of detectors: {guiding}")
        header = self.header
        several = len(ids) > 1 and self.files.hdus == "one-detector"
        if several and not header.detector.cards and header.detector.default is None:
            raise ValueError("header.detector.cards is needed: several detectors, one detector in a file")
        if self.files.hdus == "extension-per-detector":
            without = [detector.id for detector in self.detectors if detector.hdu is None]
            if without:
                raise ValueError(f"detectors {without} need hdu (the EXTNAME of their image)")
        check_positions([detector.position for detector in self.detectors])
        check_groups(self.crosstalk_groups, ids)
        self._check_correction()
        self.rule_set()
        self.limits()
        GateThresholds().replaced(self.gate)
        return self

    def _check_correction(self) -> None:
        """Make sure that every detector has what the overscans' methods need, and all of its linearities or none."""
        overscan = self.overscan
        if (overscan.skip or overscan.trailing_skip) and not any(
            amplifier.serial_overscan for detector in self.detectors for amplifier in detector.amplifiers
        ):
            raise ValueError(
                "overscan.skip, overscan.trailing_skip: no amplifier has a serial_overscan; of a parallel_overscan leave "
                "out overscan.parallel.skip"
            )
        for detector in self.detectors:
            signature = pixels.Signature(
                overscan.plain(), overscan.parallel.plain(), linearity=detector.linearities("adu")
            )
            try:
                signature.check(detector.geometry(overscan))
            except ValueError as problem:
                raise ValueError(f"detector {detector.id}: {problem}") from problem

    @property
    def standard_collection(self) -> str:
        """The collection that its calibrations are looked up in where nobody names another."""
        return self.collections or f"{self.name}/calib"

    @property
    def daily_collection(self) -> str:
        """The collection that its calibrations are certified into where nobody names another."""
        return f"{self.standard_collection}/daily"

    @property
    def filters(self) -> tuple[str, ...] | None:
        """Filters that the simulated camera has; None where its file does not describe it: nobody knows them then."""
        named = self.simulation.get("filters", USUAL_FILTERS) if self.simulation else None
        return tuple(str(name) for name in named) if isinstance(named, list | tuple) else None

    def rule_set(self) -> RuleSet:
        """Return the association rules in force: the default ones with this instrument's differences.

        Raises
        ------
        ValueError
            If a difference is no field of a rule, or has an impossible value (found when parsing).
        """
        rules = []
        for kind, fields in self.association.items():
            default = DEFAULT_RULES.rule_for(kind)
            known = {} if default is None else default.model_dump()
            rules.append(SetRule.model_validate({"kind": kind, **known, **fields}))
        return DEFAULT_RULES.replaced(*rules, name=self.name) if rules else DEFAULT_RULES

    def limits(self) -> Limits:
        """Return the verification limits in force: the default ones with this instrument's differences.

        Raises
        ------
        ValueError
            If a difference names no test, no detector or no amplifier of this instrument, or two contradict each
            other (found when parsing).
        """
        version = f"{self.name}-{self.version}"
        rules = tuple(limit_rules(self.verification, version))
        for rule in rules:
            self._check_place(rule)
        return limits_of(version, rules)

    def _check_place(self, rule: LimitRule) -> None:
        """Make sure that a limit is about a detector and an amplifier that there are."""
        named = [one for one in self.detectors if rule.detector in (None, one.id)]
        known = sorted({amplifier.name for one in named for amplifier in one.amplifiers})
        if not named:
            ids = ", ".join(str(one.id) for one in self.detectors)
            raise ValueError(f"limit of {rule.test}: there is no detector {rule.detector}; there are {ids}")
        if rule.amplifier is not None and rule.amplifier not in known:
            raise ValueError(
                f"limit of {rule.test}: there is no amplifier {rule.amplifier!r}; there are {', '.join(known)}"
            )

    def detector(self, detector: int) -> Detector:
        """Return the detector with this id.

        Raises
        ------
        KeyError
            If the instrument has no such detector; the message names those that it has.
        """
        for candidate in self.detectors:
            if candidate.id == detector:
                return candidate
        known = ", ".join(str(candidate.id) for candidate in self.detectors)
        raise KeyError(f"{self.name} has no detector {detector}; it has {known}")

    def geometry(self, detector: int) -> pixels.Geometry:
        """Return the plain geometry of one detector, as pixel algorithms want it, the overscan's skips applied.

        Raises
        ------
        KeyError
            If the instrument has no such detector.
        """
        return self.detector(detector).geometry(self.overscan)

    def leaking_into(self, detector: int) -> tuple[int, ...]:
        """Return the detectors that may leak into one: the others of its group, in the order of the ids."""
        return tuple(
            sorted(
                one
                for group in self.crosstalk_groups
                if detector in group
                for one in group
                if one != detector
            )
        )

    def canonical(self) -> str:
        """Return the whole description as JSON with sorted keys: what `hash` is taken of.

        Groups that there are none of are left out: who has none is not described anew, and products keep their ids.
        So are names of collections and guide sensors, which change nothing of a product.
        """
        without = {"collections", "guiders"} | (set() if self.crosstalk_groups else {"crosstalk_groups"})
        content = self.model_dump(mode="json", exclude=without)
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical content; comments and layout of the YAML do not matter."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
