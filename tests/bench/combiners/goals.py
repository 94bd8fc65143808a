"""What is asked of the engine, and whether the times meet it. Knows the names of contestants and nothing of their work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from combiners.rounds import Times
from combiners.tables import Cells, seconds, times

HEADS: Cells = ("case", "Calibrant", "against", "takes", "ratio", "goal", "")


@dataclass(frozen=True, slots=True)
class Goal:
    """One comparison of two contestants.

    Parameters
    ----------
    case
        In words.
    ours, against
        Contestants; of several to compare with, the quickest by median counts.
    factor
        How many times as quick as the other we are to be; with `at_most`, how many times its time we may take.
    at_most
        Whether `factor` is a bound on our time.
    """

    case: str
    ours: str
    against: str | Sequence[str]
    factor: float
    at_most: bool = False

    def row(self, measured: Times) -> Cells:
        """Return the medians, the least in brackets, their ratio and whether the goal is met."""
        goal = f"{'at most' if self.at_most else 'at least'} {times(self.factor)}"
        other = self._other(measured)
        for name in (self.ours, other):
            if name not in measured.seconds:
                reason = measured.missing.get(name, "not asked for")
                return (
                    self.case,
                    self._told(measured, self.ours),
                    other,
                    "",
                    "",
                    goal,
                    f"not measured: {reason}",
                )
        ratios = [self._ratio(taken(self.ours), taken(other)) for taken in (measured.median, measured.least)]
        met = ratios[0] <= self.factor if self.at_most else ratios[0] >= self.factor
        told = f"{times(ratios[0])} ({times(ratios[1])})"
        verdict = "met" if met else "missed"
        return (
            self.case,
            self._told(measured, self.ours),
            other,
            self._told(measured, other),
            told,
            goal,
            verdict,
        )

    def _other(self, measured: Times) -> str:
        if isinstance(self.against, str):
            return self.against
        here = [name for name in self.against if name in measured.seconds]
        return min(here, key=measured.median) if here else self.against[0]

    def _ratio(self, ours: float, other: float) -> float:
        return ours / other if self.at_most else other / ours

    @staticmethod
    def _told(measured: Times, name: str) -> str:
        if name not in measured.seconds:
            return ""
        return f"{seconds(measured.median(name))} ({seconds(measured.least(name))})"
