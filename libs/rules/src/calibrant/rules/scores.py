"""Scores of a product: green, red or grey for each metric, and for the whole detector and set. Pure.

A metric is scored by fixed limits (the verification tests that decide), by its history, or by the product in force.
Owns the colours and how they add up. Knows neither tests' limits nor statistics.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Literal

from calibrant.rules.model import Frozen
from calibrant.rules.verification import TestResult, Verdict

SCORES_VERSION = "scores-1"
"""Raised when colours are given or added up in another way; kept with every report."""

By = Literal["limit", "history", "in force"]


class Colour(StrEnum):
    """How something scores."""

    GREEN = "green"  # as it should be
    RED = "red"  # beyond a threshold
    GREY = "grey"  # could not be scored


class Score(Frozen):
    """The colour of one metric in one detector.

    Parameters
    ----------
    metric : str
        Its name.
    by : {"limit", "history", "in force"}
        What it is scored against.
    colour : Colour
        Red when one place is.
    red, of : int
        Red places (amplifiers, exposures) among those looked at.
    because : str
        The worst of them in words; empty for green.
    """

    metric: str
    by: By
    colour: Colour
    red: int
    of: int
    because: str = ""


class Total(Frozen):
    """A detector's or a set's colour, and what made it so; empty for green."""

    colour: Colour
    because: str = ""


def by_limits(results: Iterable[TestResult]) -> list[Score]:
    """Score each type of test of one detector: the verdicts that count, those not applicable left out."""
    kinds: dict[str, list[TestResult]] = {}
    for one in results:
        if not one.advisory and one.verdict is not Verdict.NOT_APPLICABLE:
            kinds.setdefault(one.test, []).append(one)
    return [_by_limit(name, found) for name, found in kinds.items()]


def _by_limit(name: str, results: list[TestResult]) -> Score:
    failed = [one for one in results if one.verdict is Verdict.FAIL]
    because = failed[0].because if failed else ""
    colour = Colour.RED if failed else Colour.GREEN
    return Score(metric=name, by="limit", colour=colour, red=len(failed), of=len(results), because=because)


def total_of(scores: Iterable[Score | Total]) -> Total:
    """Add colours up: red when one is red, else grey when one is grey or there is none, else green.

    Examples
    --------
    >>> total_of([Total(colour=Colour.GREEN), Total(colour=Colour.GREY, because="too little history")])
    Total(colour=<Colour.GREY: 'grey'>, because='too little history')
    """
    found = list(scores)
    if not found:
        return Total(colour=Colour.GREY, because="nothing was scored")
    for colour in (Colour.RED, Colour.GREY):
        these = [_words(one) for one in found if one.colour is colour]
        if these:
            return Total(colour=colour, because="; ".join(dict.fromkeys(filter(None, these))))
    return Total(colour=Colour.GREEN)


def _words(one: Score | Total) -> str:
    return f"{one.metric} by {one.by}: {one.because}" if isinstance(one, Score) else one.because
