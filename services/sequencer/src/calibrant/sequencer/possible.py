"""Whether the exposures of a run can be taken, and can give what it asks for. Knows no frames that have come."""

from collections import Counter
from collections.abc import Sequence

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.rulesets import RuleSet, SetRule
from calibrant.sequencer.checking import RunRefused
from calibrant.sequencer.plan.ruling import is_wanted, rules_for

Used = Counter[tuple[str, str]]
"""How many exposures are used, by image type in small letters and filter; empty: whatever filter is there."""


def check_filters(request: RunRequested, known: Sequence[str] | None) -> None:
    """Make sure that the camera has the filters that exposures are asked for in.

    Parameters
    ----------
    request : RunRequested
        With a folder, its exposures only choose frames: whatever filter those have.
    known : sequence of str or None
        Filters of the camera; None: nobody knows them.

    Raises
    ------
    RunRefused
        It has not; the text says which there are.
    """
    if request.folder or known is None:
        return
    strange = sorted({asked.filter for asked in request.exposures} - {"", *known})
    if strange:
        there = f"it has {', '.join(known)}" if known else "it has none, leave it out"
        raise RunRefused(f"filter: {request.instrument} has no filter {strange[0]!r}; {there}")


def check_counts(request: RunRequested, rules: RuleSet) -> None:
    """Make sure that enough exposures are asked for: for each kind that is named, else for some usual kind.

    A run that stops on failure needs enough of every needed kind that it takes exposures of.

    Parameters
    ----------
    request : RunRequested
        With a folder nobody knows yet how many frames there are.
    rules : RuleSet
        The instrument's.

    Raises
    ------
    RunRefused
        There are fewer than a set is made of; the text says how many are needed.
    """
    if request.folder:
        return
    wanted = [rule for rule in rules_for(request, rules).rules if _is_planned(request, rule)]
    used = _used(request)
    lacking = {rule.kind: short for rule in wanted if (short := _short(rule, used))}
    nothing = not request.make and len(lacking) == len(wanted)
    told = [
        text
        for kind, text in lacking.items()
        if kind in (*request.make, *request.build)
        or (_has_any(rules, kind, used) and (nothing or (request.stop_on_failure and rules.needs(kind))))
    ]
    if told:
        raise RunRefused(f"exposures: {'; '.join(told)}: ask for more exposures, or for a smaller min_frames")


def _is_planned(request: RunRequested, rule: SetRule) -> bool:
    """Tell whether sets of a kind are made or verified."""
    builds = request.generate or rule.kind in request.build
    return is_wanted(request, rule) and (builds or not request.skip_verification)


def _used(request: RunRequested) -> Used:
    used: Used = Counter()
    for asked in request.exposures:
        used[asked.image_type.lower(), asked.filter] += len(asked.exposure_times_s) - (asked.discard or 0)
    return used


def _has_any(rules: RuleSet, kind: str, used: Used) -> bool:
    rule = rules.rule_for(kind)
    return rule is not None and any(image_type in rule.image_types for image_type, _ in used)


def _short(rule: SetRule, used: Used) -> str:
    """Say which exposures of a kind are too few, by filter where a set is of one; empty: none are."""
    mine = {key: count for key, count in used.items() if key[0] in rule.image_types}
    filters = sorted({name for _, name in mine}) if "filter" in rule.group_by else []
    for name in filters or (None,):
        counts = {str(one): _of(mine, str(one), name) for one in rule.image_types}
        if max(counts.values()) < rule.min_frames:
            told = " and ".join(f"{count} {one.upper()}" for one, count in counts.items())
            through = f" in filter {name}" if name else ""
            return f"{told}{through} would be used, and a {rule.kind} needs {rule.min_frames}"
    return ""


def _of(used: dict[tuple[str, str], int], image_type: str, name: str | None) -> int:
    """Count the exposures of a type that may get into one set: those without a filter's name may be of any."""
    counts = {through: count for (one, through), count in used.items() if one == image_type}
    if name is None:
        return sum(counts.values())
    left = counts.pop("", 0)
    return left + (counts.get(name, 0) if name else max(counts.values(), default=0))
