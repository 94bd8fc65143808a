"""Associate: which calibration fills a role of a set, and why; must not know where calibrations are kept.

Preference: the run's own product (waited for while it is expected), else a certified one that is valid at the
set's first frame, else none, with every reason. What was rejected or does not fit is skipped by name.
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from calibrant.rules.association import TIME_TOLERANCE_S, DetectorFacts
from calibrant.rules.ledger import FILTER_KINDS
from calibrant.rules.model import Frozen
from calibrant.rules.rulesets import RoleRule
from calibrant.rules.times import utc_text
from calibrant.rules.validity import ValidityRange

UNITLESS = frozenset({"defects", "crosstalk", "linearity", "cti", "gain", "ptc", "bfk"})
"""Kinds that apply to frames in any unit."""


class Candidate(Frozen):
    """A calibration that exists, or that the plan will make.

    Parameters
    ----------
    id : str
        The product's id, or the plan node's while it is expected.
    kind : str
        bias, dark, flat.
    detector : int
        Detector it is for.
    source : {"run", "certified"}
        Made by this run, or certified earlier.
    state : {"expected", "accepted", "rejected"}
        Still to come; good to use; refused by verification, withheld, failed or withdrawn.
    reason : str
        Why it was rejected.
    filter : str or None
        Counts for flats only.
    per_second : bool or None
        Darks: stored per second of dark time, so that it scales; None while unknown.
    dark_time_s : float or None
        Darks not stored per second: the dark time it is of, s.
    range : ValidityRange or None
        When it is valid; a certified one must say.
    unit : str or None
        Unit it was processed in, electron or adu (also for darks per second and for flats).
    """

    id: str
    kind: str
    detector: int
    source: Literal["run", "certified"]
    state: Literal["expected", "accepted", "rejected"]
    reason: str = ""
    filter: str | None = None
    per_second: bool | None = None
    dark_time_s: float | None = Field(default=None, ge=0)
    range: ValidityRange | None = None
    unit: str | None = None


class Chosen(Frozen):
    """A calibration fills the role; ``skipped`` names what was passed over and why."""

    outcome: Literal["chosen"] = "chosen"
    role: str
    candidate: Candidate
    because: str
    skipped: tuple[str, ...] = ()


class Waiting(Frozen):
    """A product of this run will fill the role if it turns out well; associate again when it is decided."""

    outcome: Literal["waiting"] = "waiting"
    role: str
    candidate: Candidate
    because: str
    skipped: tuple[str, ...] = ()


class Missing(Frozen):
    """Nothing fills the role: the branch stops when it is required, and goes on without it when not."""

    outcome: Literal["missing"] = "missing"
    role: str
    required: bool
    because: str
    skipped: tuple[str, ...] = ()


def associate(
    facts: DetectorFacts, role: RoleRule, candidates: Iterable[Candidate]
) -> Chosen | Waiting | Missing:
    """Choose what fills a role for one detector of a set.

    Parameters
    ----------
    facts : DetectorFacts
        The detector's frames.
    role : RoleRule
        The role to fill.
    candidates : iterable of Candidate
        All there are; those of other kinds and detectors are ignored. Among the run's own the nearest in
        time is preferred (the begins of ranges compared), among certified ones the first given.

    Returns
    -------
    Chosen, Waiting or Missing
        With the reason in words.
    """
    own = [c for c in candidates if c.kind == role.kind and c.detector == facts.detector]
    run = sorted((c for c in own if c.source == "run"), key=lambda c: (_distance_ns(c, facts), c.id))
    skipped: list[str] = []
    for candidate in (*run, *(c for c in own if c.source == "certified")):
        unfit = _unfit(candidate, facts)
        if unfit is not None:
            skipped.append(f"{candidate.id}: {unfit}")
        elif candidate.state == "expected":
            because = f"{candidate.id} is being made in this run"
            return Waiting(role=role.role, candidate=candidate, because=because, skipped=tuple(skipped))
        else:
            because = _because(candidate)
            return Chosen(role=role.role, candidate=candidate, because=because, skipped=tuple(skipped))
    because = f"no {role.kind} for detector {facts.detector} of {facts.set_kind} {facts.set_key}: " + (
        "; ".join(skipped) or "this run makes none and none is certified"
    )
    return Missing(role=role.role, required=role.required, because=because, skipped=tuple(skipped))


def _because(candidate: Candidate) -> str:
    if candidate.source == "run":
        return f"{candidate.id} was made and accepted in this run"
    return f"{candidate.id} is certified {candidate.range}"


def _distance_ns(candidate: Candidate, facts: DetectorFacts) -> int:
    begin = candidate.range.begin_tai_ns if candidate.range is not None else None
    return 0 if begin is None else abs(begin - facts.begin_tai_ns)


def _unfit(candidate: Candidate, facts: DetectorFacts) -> str | None:
    """Say why a candidate cannot be used; None when it can."""
    if candidate.state == "rejected":
        return f"rejected: {candidate.reason or 'no reason was given'}"
    if candidate.source == "certified" and not (
        candidate.range is not None and candidate.range.contains(facts.begin_tai_ns)
    ):
        valid = "has no validity range" if candidate.range is None else f"is valid {candidate.range}"
        return f"{valid}, the set begins {utc_text(facts.begin_tai_ns)}"
    units = (None, None) if candidate.kind in UNITLESS else (candidate.unit, facts.unit)
    if None not in units and candidate.unit != facts.unit:
        return f"made in {candidate.unit}, the set is processed in {facts.unit}"
    if candidate.kind in FILTER_KINDS and candidate.filter != facts.filter:
        return f"filter {candidate.filter or 'none'}, the set has {facts.filter or 'none'}"
    return _unfit_dark(candidate, facts) if candidate.kind == "dark" else None


def _unfit_dark(candidate: Candidate, facts: DetectorFacts) -> str | None:
    if candidate.per_second is None:
        return None if candidate.state == "expected" else "does not say whether it is per second of dark time"
    if any(time is None for time in facts.dark_times_s):
        return "a frame of the set has no dark time, so no dark can be matched or scaled to it"
    if candidate.per_second:
        return None
    if candidate.dark_time_s is None:
        return None if candidate.state == "expected" else "stored unscaled without its dark time"
    others = [t for t in facts.dark_times_s if t is not None and not _same_time(t, candidate.dark_time_s)]
    if not others:
        return None
    return (
        f"stored unscaled for a dark time of {candidate.dark_time_s:g} s, the set has {others[0]:g} s; "
        "take darks of that time, or a bias so that darks can be scaled"
    )


def _same_time(a_s: float, b_s: float) -> bool:
    return abs(a_s - b_s) <= TIME_TOLERANCE_S + 1e-9  # 1e-9 s: rounding of decimal times in binary
