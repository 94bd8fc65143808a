"""Validity ranges: half-open intervals of TAI nanoseconds; must not know collections or products.

All times are integer nanoseconds since 1970-01-01T00:00:00 TAI.
"""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from calibrant.rules.model import Frozen
from calibrant.rules.times import DAY_S, NS_PER_S, utc_text


class ValidityRange(Frozen):
    """A half-open interval [begin, end) of TAI nanoseconds.

    Parameters
    ----------
    begin_tai_ns : int or None
        First instant inside; None means without beginning.
    end_tai_ns : int or None
        First instant outside; None means without end. Equal to the begin: the empty range, which
        contains nothing and overlaps nothing.

    Raises
    ------
    pydantic.ValidationError
        The range ends before it begins.
    """

    begin_tai_ns: int | None = Field(
        default=None, description="first instant inside, TAI ns; None: unbounded"
    )
    end_tai_ns: int | None = Field(default=None, description="first instant outside, TAI ns; None: unbounded")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (
            self.begin_tai_ns is not None
            and self.end_tai_ns is not None
            and self.begin_tai_ns > self.end_tai_ns
        ):
            raise ValueError(
                f"validity range ends ({utc_text(self.end_tai_ns)}) before it begins "
                f"({utc_text(self.begin_tai_ns)}): swap begin and end"
            )
        return self

    @property
    def empty(self) -> bool:
        """Whether no instant is inside."""
        return self.begin_tai_ns is not None and self.begin_tai_ns == self.end_tai_ns

    def contains(self, at_tai_ns: int) -> bool:
        """Tell whether an instant (TAI ns) is inside; the begin is, the end is not."""
        after_begin = self.begin_tai_ns is None or self.begin_tai_ns <= at_tai_ns
        before_end = self.end_tai_ns is None or at_tai_ns < self.end_tai_ns
        return after_begin and before_end

    def overlaps(self, other: "ValidityRange") -> bool:
        """Tell whether some instant is inside both; adjacent ranges don't overlap."""
        if self.empty or other.empty:
            return False
        return _starts_before_end(self, other) and _starts_before_end(other, self)

    def covers(self, other: "ValidityRange") -> bool:
        """Tell whether every instant of the other range is inside this one."""
        return not other.without(self)

    def without(self, other: "ValidityRange") -> tuple["ValidityRange", ...]:
        """Cut another range out.

        Returns
        -------
        tuple of ValidityRange
            What remains, in time order: nothing, one range, or two. Never an empty range.
        """
        if self.empty:
            return ()
        if not self.overlaps(other):
            return (self,)
        pieces = []
        if other.begin_tai_ns is not None and (
            self.begin_tai_ns is None or self.begin_tai_ns < other.begin_tai_ns
        ):
            pieces.append(ValidityRange(begin_tai_ns=self.begin_tai_ns, end_tai_ns=other.begin_tai_ns))
        if other.end_tai_ns is not None and (self.end_tai_ns is None or other.end_tai_ns < self.end_tai_ns):
            pieces.append(ValidityRange(begin_tai_ns=other.end_tai_ns, end_tai_ns=self.end_tai_ns))
        return tuple(pieces)

    def outside(self, others: Iterable["ValidityRange"]) -> list["ValidityRange"]:
        """Cut several ranges out; what remains, as ``without`` gives it."""
        pieces = [] if self.empty else [self]
        for other in others:
            pieces = [left for piece in pieces for left in piece.without(other)]
        return pieces

    def shared(self, other: "ValidityRange") -> "ValidityRange | None":
        """Give the instants that are inside both; None: there are none."""
        if not self.overlaps(other):
            return None
        begins = [one.begin_tai_ns for one in (self, other) if one.begin_tai_ns is not None]
        ends = [one.end_tai_ns for one in (self, other) if one.end_tai_ns is not None]
        return ValidityRange(begin_tai_ns=max(begins, default=None), end_tai_ns=min(ends, default=None))

    def joined(self, other: "ValidityRange") -> "ValidityRange":
        """Give the smallest range that covers both."""
        begins, ends = (self.begin_tai_ns, other.begin_tai_ns), (self.end_tai_ns, other.end_tai_ns)
        return ValidityRange(
            begin_tai_ns=None if None in begins else min(b for b in begins if b is not None),
            end_tai_ns=None if None in ends else max(e for e in ends if e is not None),
        )

    def __str__(self) -> str:
        """Word it so that it may follow "valid": in UTC; the end is the first instant outside."""
        begin, end = utc_text(self.begin_tai_ns), utc_text(self.end_tai_ns)
        if begin and end:
            return f"from {begin} until {end}"
        return f"from {begin} on" if begin else f"until {end}" if end else "at all times"


def _starts_before_end(a: ValidityRange, b: ValidityRange) -> bool:
    return a.begin_tai_ns is None or b.end_tai_ns is None or a.begin_tai_ns < b.end_tai_ns


class TurnedRound(ValueError):
    """A range ends before it begins; the text says so, and what to do."""


def between(begin_tai_ns: int | None, end_tai_ns: int | None) -> ValidityRange:
    """Make a range of what somebody else says, in TAI ns; None is unbounded.

    Raises
    ------
    TurnedRound
        It ends before it begins.
    """
    try:
        return ValidityRange(begin_tai_ns=begin_tai_ns, end_tai_ns=end_tai_ns)
    except ValidationError as problem:
        raise TurnedRound(str(problem.errors()[0]["ctx"]["error"])) from problem


def left_of(name: str, standing: ValidityRange, gone: ValidityRange, change: str) -> dict[str, ValidityRange]:
    """Say what a withdrawal leaves of a certification.

    Parameters
    ----------
    name : str
        Of the certification.
    standing, gone : ValidityRange
        Its range, and the one that is withdrawn.
    change : str
        Identifier of the withdrawal.

    Returns
    -------
    dict of str to ValidityRange
        By name, nothing, one range or two: the first keeps the name, the second is called after the change too.

    Examples
    --------
    >>> day, hour = between(0, 24), between(6, 7)
    >>> {name: (one.begin_tai_ns, one.end_tai_ns) for name, one in left_of("cert-1", day, hour, "chg-2").items()}
    {'cert-1': (0, 6), 'cert-1/chg-2': (7, 24)}
    """
    return dict(zip((name, f"{name}/{change}"), standing.without(gone), strict=False))


class ValidityRule(Frozen):
    """How long a product of a kind is valid when nobody says otherwise.

    Parameters
    ----------
    duration_s : int or None
        From the first frame to the end, seconds; None leaves the end open. Default one day.
    before_s : int
        How long before the first frame the range already begins, seconds.
    """

    duration_s: Annotated[int, Field(gt=0)] | None = Field(
        default=DAY_S, description="from the first frame to the end, s; None: open"
    )
    before_s: int = Field(default=0, ge=0, description="begins this long before the first frame, s")


def default_range(first_begin_tai_ns: int, rule: ValidityRule) -> ValidityRange:
    """Give the range that a product gets by rule.

    Parameters
    ----------
    first_begin_tai_ns : int
        Start of the first frame that went into the product, TAI ns.
    rule : ValidityRule
        The rule of its kind.

    Returns
    -------
    ValidityRange
        By default [start of the first frame, one day later).
    """
    end = None if rule.duration_s is None else first_begin_tai_ns + rule.duration_s * NS_PER_S
    return ValidityRange(begin_tai_ns=first_begin_tai_ns - rule.before_s * NS_PER_S, end_tai_ns=end)
