"""The tables of charge transfer: one row an amplifier, for rows and for columns, and one a flat. Knows no fit's insides.

Signals and charges are in ADU of the raw frames above their pedestal. What could not be had is NaN, and a column says why; what is
not there, such as traps where there are none, is 0.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from calibrant.combine.recipes.charge_transfer.transferred import Transferred
from calibrant.combine.recipes.columns import Column, rows_table
from calibrant.frames.writing import ProductTable
from calibrant.pixels.charge_transfer import (
    Loss,
    Reason,
    SolvedTransfers,
    TrailingCharge,
)
from calibrant.pixels.decays import Decay

LEVELS: Final = "LEVELS"


def tables_of(found: Sequence[Transferred]) -> tuple[ProductTable, ...]:
    """Return the tables ``SERIAL``, ``PARALLEL`` and ``LEVELS``.

    Parameters
    ----------
    found : sequence of Transferred
        Every amplifier in both directions.
    """
    return (
        rows_table("SERIAL", [one for one in found if one.direction == "serial"], _COLUMNS),
        rows_table("PARALLEL", [one for one in found if one.direction == "parallel"], _COLUMNS),
        rows_table(
            LEVELS, [(one, number) for one in found for number in range(len(one.flats))], _LEVEL_COLUMNS
        ),
    )


def _mean(number: int) -> Callable[[Transferred], float]:
    return lambda one: math.nan if isinstance(one.found.mean, Reason) else one.found.mean[number]


def _loss(field: str) -> Callable[[Transferred], float]:
    return lambda one: getattr(one.found.loss, field) if isinstance(one.found.loss, Loss) else math.nan


def _offset(get: Callable[[Decay], float]) -> Callable[[Transferred], float]:
    return lambda one: get(one.found.offset) if isinstance(one.found.offset, Decay) else 0.0


def _solved(get: Callable[[SolvedTransfers], Any], missing: Any = math.nan) -> Callable[[Transferred], Any]:
    return lambda one: missing if isinstance(one.found.solved, Reason) else get(one.found.solved)


def _why(value: object) -> str:
    return str(value) if isinstance(value, Reason) else ""


def _turnoff(one: Transferred) -> float:
    """Return the turnoff, or the highest signal that was used where none is reached."""
    if one.found.turnoff is not None:
        return one.found.turnoff.signal
    signals = [level.signal for level in one.found.measured if isinstance(level, TrailingCharge)]
    return max(signals, default=math.nan)


def _model(solved: SolvedTransfers) -> str:
    if solved.transfers.traps:
        return "traps"
    return "inefficiency" if solved.transfers.register_trap is None else "register trap"


def _fill(solved: SolvedTransfers) -> float:
    trap = solved.transfers.register_trap
    return 0.0 if trap is None else trap.fill


def _of_traps(field: str) -> Callable[[SolvedTransfers], float]:
    return lambda solved: getattr(solved.transfers.traps[0], field) if solved.transfers.traps else 0.0


def _offset_kind(one: Transferred) -> str:
    if not isinstance(one.found.offset, Decay):
        return "none"
    return "bounce" if one.found.offset.wave else "decay"


def _known(one: Transferred) -> list[TrailingCharge]:
    return [level for level in one.found.measured if isinstance(level, TrailingCharge)]


def _edge_reason(one: Transferred) -> str:
    if math.isfinite(one.edge[0]):
        return ""
    return str(next((flat.edge for flat in one.flats if isinstance(flat.edge, Reason)), Reason.NO_NOISE))


_COLUMNS: Final[tuple[Column[Transferred], ...]] = (
    Column("AMPLIFIER", "Name of the amplifier", lambda one: one.amplifier, of=str),
    Column("CTI", "Inefficiency of one transfer, mean of the flats", _mean(0)),
    Column("CTI_ERR", "Standard error of CTI", _mean(1)),
    Column("MEASURED", "Flats that could be measured", lambda one: len(_known(one)), of=int),
    Column("USED", "Flats that count", lambda one: sum(one.found.used), of=int),
    Column("REASON", "Why there is no CTI", lambda one: _why(one.found.mean), of=str),
    Column("TURNOFF", "Highest signal before CTI rises", _turnoff, "adu"),
    Column(
        "TURNOFF_ERR",
        "Step to the next signal",
        lambda one: 0.0 if one.found.turnoff is None else one.found.turnoff.sampling_error,
        "adu",
    ),
    Column("TURNOFF_LOW", "TURNOFF is a lower limit", lambda one: one.found.turnoff is None, of=bool),
    Column("LOSS_CTI", "Proportional part of the loss", _loss("inefficiency")),
    Column("LOSS_ERR", "Standard error of LOSS_CTI", _loss("inefficiency_error")),
    Column("FIXED", "Loss at any signal", _loss("fixed"), "adu"),
    Column("FIXED_ERR", "Standard error of FIXED", _loss("fixed_error"), "adu"),
    Column("LOSS_REASON", "Why the loss is not split", lambda one: _why(one.found.loss), of=str),
    Column("OFFSET", "Electronic offset subtracted", _offset_kind, of=str),
    Column("SCALE", "Its share of the signal", _offset(lambda offset: offset.scale)),
    Column("SCALE_ERR", "Standard error of SCALE", _offset(lambda offset: float(offset.errors[0]))),
    Column("SINE", "Share of a bounce's sine", _offset(lambda offset: offset.sine)),
    Column("LENGTH", "Where it falls to 1/e", _offset(lambda offset: offset.length), "pixel"),
    Column("WAVE", "Phase from pixel to pixel", _offset(lambda offset: offset.wave), "rad"),
    Column("OFFSET_REASON", "Why none was subtracted", lambda one: _why(one.found.offset), of=str),
    Column("MODEL", "What was solved for", _solved(_model, "none"), of=str),
    Column("INEFF", "Inefficiency of the model", _solved(lambda solved: solved.inefficiency)),
    Column("INEFF_ERR", "Standard error of INEFF", _solved(lambda solved: solved.inefficiency_error)),
    Column("DENSITY", "Traps a pixel, or size of the trap", _solved(lambda solved: solved.density), "adu"),
    Column("DENSITY_ERR", "Standard error of DENSITY", _solved(lambda solved: solved.density_error), "adu"),
    Column("RELEASE", "Release time in transfers", _solved(lambda solved: solved.release)),
    Column("RELEASE_ERR", "Standard error of RELEASE", _solved(lambda solved: solved.release_error)),
    Column("POWER", "How traps fill with the signal", _solved(_of_traps("power"))),
    Column("FULLWELL", "Signal that reaches all traps", _solved(_of_traps("full_well")), "adu"),
    Column("FILL", "Share of a charge that a register trap takes", _solved(_fill)),
    Column(
        "BEFORE",
        "Transfers before the first pixel",
        _solved(lambda solved: solved.transfers.before, 0),
        "pixel",
        of=int,
    ),
    Column("CHI2", "Chi squared of the model", _solved(lambda solved: solved.chi2)),
    Column("DOF", "Degrees of freedom", _solved(lambda solved: solved.free, 0), of=int),
    Column("RESIDUAL", "CTI that the model leaves", lambda one: one.residual[0]),
    Column("RESIDUAL_ERR", "Standard error of RESIDUAL", lambda one: one.residual[1]),
    Column("MODEL_REASON", "Why there is no model", lambda one: _why(one.found.solved), of=str),
    Column("EDGE", "First overscan pixel over the signal", lambda one: one.edge[0]),
    Column("EDGE_ERR", "Standard error of EDGE", lambda one: one.edge[1]),
    Column("EDGE_REASON", "Why there is no EDGE", _edge_reason, of=str),
)


_Level = tuple[Transferred, int]
"""A register and the number of one of its flats."""


def _of(field: str, missing: Any = math.nan) -> Callable[[_Level], Any]:
    """Return what tells a number of a flat as it was measured."""

    def get(one: _Level) -> Any:
        level = one[0].found.measured[one[1]]
        return missing if isinstance(level, Reason) else getattr(level, field)

    return get


_LEVEL_COLUMNS: Final[tuple[Column[_Level], ...]] = (
    Column("AMPLIFIER", "Name of the amplifier", lambda r: r[0].amplifier, of=str),
    Column("DIRECTION", "serial or parallel", lambda r: r[0].direction, of=str),
    Column("FRAME", "Its row in PROVENANCE", lambda r: r[0].flats[r[1]].frame + 1, of=int),
    Column("EXPTIME", "Exposure time", lambda r: r[0].flats[r[1]].exptime_s, "s"),
    Column("SIGNAL", "Last imaging pixels", _of("signal"), "adu"),
    Column("SIGNAL_ERR", "Standard error of SIGNAL", _of("signal_error"), "adu"),
    Column("CHARGE", "Charge that comes late", _of("charge"), "adu"),
    Column("CHARGE_ERR", "Standard error of CHARGE", _of("charge_error"), "adu"),
    Column("OFFSET", "Electronic offset subtracted", _of("offset"), "adu"),
    Column("CTI", "Inefficiency of one transfer", _of("cti")),
    Column("CTI_ERR", "Standard error of CTI", _of("cti_error")),
    Column("MODEL", "CHARGE of the model", lambda r: r[0].left[r[1]] if r[0].left else math.nan, "adu"),
    Column("RISES", "The overscan rises somewhere", _of("rises", missing=False), of=bool),
    Column("USED", "Whether it counts", lambda r: r[0].found.used[r[1]], of=bool),
    Column("REASON", "Why not measured", lambda r: _why(r[0].found.measured[r[1]]), of=str),
)
