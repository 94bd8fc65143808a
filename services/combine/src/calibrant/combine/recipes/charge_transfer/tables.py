"""The tables of charge transfer: one row an amplifier, for rows and for columns, and one a flat. Knows no fit's insides.

Signals and charges are in ADU of the raw frames above their pedestal. What could not be had is NaN, and a column says why; what is
not there, such as traps where there are none, is 0.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from calibrant.combine.recipes.charge_transfer.transferred import Transferred
from calibrant.combine.recipes.columns import texts
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels.charge_transfer import (
    Loss,
    Reason,
    SolvedTransfers,
    TrailingCharge,
)
from calibrant.pixels.decays import Decay

LEVELS: Final = "LEVELS"


class _Column(NamedTuple):
    name: str
    get: Callable[[Transferred], Any]
    words: str
    unit: str = ""
    kind: type = float


def tables_of(found: Sequence[Transferred]) -> tuple[ProductTable, ...]:
    """Return the tables ``SERIAL``, ``PARALLEL`` and ``LEVELS``.

    Parameters
    ----------
    found : sequence of Transferred
        Every amplifier in both directions.
    """
    return (
        _amplifiers("SERIAL", [one for one in found if one.direction == "serial"]),
        _amplifiers("PARALLEL", [one for one in found if one.direction == "parallel"]),
        _levels(found),
    )


def _amplifiers(name: str, found: Sequence[Transferred]) -> ProductTable:
    return ProductTable(name, tuple(_column(one, found) for one in _COLUMNS))


def _column(column: _Column, found: Sequence[Transferred]) -> TableColumn:
    values = [column.get(one) for one in found]
    array = texts(values) if column.kind is str else np.array(values, dtype=column.kind)
    return TableColumn(column.name, array, column.words, column.unit)


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


_COLUMNS: Final = (
    _Column("AMPLIFIER", lambda one: one.amplifier, "Name of the amplifier", kind=str),
    _Column("CTI", _mean(0), "Inefficiency of one transfer, mean of the flats"),
    _Column("CTI_ERR", _mean(1), "Standard error of CTI"),
    _Column("MEASURED", lambda one: len(_known(one)), "Flats that could be measured", kind=np.int32),
    _Column("USED", lambda one: sum(one.found.used), "Flats that count", kind=np.int32),
    _Column("REASON", lambda one: _why(one.found.mean), "Why there is no CTI", kind=str),
    _Column("TURNOFF", _turnoff, "Highest signal before CTI rises", "adu"),
    _Column(
        "TURNOFF_ERR",
        lambda one: 0.0 if one.found.turnoff is None else one.found.turnoff.sampling_error,
        "Step to the next signal",
        "adu",
    ),
    _Column("TURNOFF_LOW", lambda one: one.found.turnoff is None, "TURNOFF is a lower limit", kind=np.bool_),
    _Column("LOSS_CTI", _loss("inefficiency"), "Proportional part of the loss"),
    _Column("LOSS_ERR", _loss("inefficiency_error"), "Standard error of LOSS_CTI"),
    _Column("FIXED", _loss("fixed"), "Loss at any signal", "adu"),
    _Column("FIXED_ERR", _loss("fixed_error"), "Standard error of FIXED", "adu"),
    _Column("LOSS_REASON", lambda one: _why(one.found.loss), "Why the loss is not split", kind=str),
    _Column("OFFSET", _offset_kind, "Electronic offset subtracted", kind=str),
    _Column("SCALE", _offset(lambda offset: offset.scale), "Its share of the signal"),
    _Column("SCALE_ERR", _offset(lambda offset: float(offset.errors[0])), "Standard error of SCALE"),
    _Column("SINE", _offset(lambda offset: offset.sine), "Share of a bounce's sine"),
    _Column("LENGTH", _offset(lambda offset: offset.length), "Where it falls to 1/e", "pixel"),
    _Column("WAVE", _offset(lambda offset: offset.wave), "Phase from pixel to pixel", "rad"),
    _Column("OFFSET_REASON", lambda one: _why(one.found.offset), "Why none was subtracted", kind=str),
    _Column("MODEL", _solved(_model, "none"), "What was solved for", kind=str),
    _Column("INEFF", _solved(lambda solved: solved.inefficiency), "Inefficiency of the model"),
    _Column("INEFF_ERR", _solved(lambda solved: solved.inefficiency_error), "Standard error of INEFF"),
    _Column("DENSITY", _solved(lambda solved: solved.density), "Traps a pixel, or size of the trap", "adu"),
    _Column("DENSITY_ERR", _solved(lambda solved: solved.density_error), "Standard error of DENSITY", "adu"),
    _Column("RELEASE", _solved(lambda solved: solved.release), "Release time in transfers"),
    _Column("RELEASE_ERR", _solved(lambda solved: solved.release_error), "Standard error of RELEASE"),
    _Column("POWER", _solved(_of_traps("power")), "How traps fill with the signal"),
    _Column("FULLWELL", _solved(_of_traps("full_well")), "Signal that reaches all traps", "adu"),
    _Column("FILL", _solved(_fill), "Share of a charge that a register trap takes"),
    _Column(
        "BEFORE",
        _solved(lambda solved: solved.transfers.before, 0),
        "Transfers before the first pixel",
        "pixel",
        np.int32,
    ),
    _Column("CHI2", _solved(lambda solved: solved.chi2), "Chi squared of the model"),
    _Column("DOF", _solved(lambda solved: solved.free, 0), "Degrees of freedom", kind=np.int32),
    _Column("RESIDUAL", lambda one: one.residual[0], "CTI that the model leaves"),
    _Column("RESIDUAL_ERR", lambda one: one.residual[1], "Standard error of RESIDUAL"),
    _Column("MODEL_REASON", lambda one: _why(one.found.solved), "Why there is no model", kind=str),
    _Column("EDGE", lambda one: one.edge[0], "First overscan pixel over the signal"),
    _Column("EDGE_ERR", lambda one: one.edge[1], "Standard error of EDGE"),
    _Column("EDGE_REASON", _edge_reason, "Why there is no EDGE", kind=str),
)


class _LevelColumn(NamedTuple):
    name: str
    get: Callable[[Transferred, int], Any]
    words: str
    unit: str = ""
    kind: type = float


def _levels(found: Sequence[Transferred]) -> ProductTable:
    rows = [(one, number) for one in found for number in range(len(one.flats))]
    return ProductTable(LEVELS, tuple(_level_column(column, rows) for column in _LEVEL_COLUMNS))


def _level_column(column: _LevelColumn, rows: Sequence[tuple[Transferred, int]]) -> TableColumn:
    values = [column.get(one, number) for one, number in rows]
    array = texts(values) if column.kind is str else np.array(values, dtype=column.kind)
    return TableColumn(column.name, array, column.words, column.unit)


def _of(field: str, missing: Any = math.nan) -> Callable[[Transferred, int], Any]:
    """Return what tells a number of a flat as it was measured."""

    def get(one: Transferred, number: int) -> Any:
        level = one.found.measured[number]
        return missing if isinstance(level, Reason) else getattr(level, field)

    return get


_LEVEL_COLUMNS: Final = (
    _LevelColumn("AMPLIFIER", lambda one, _: one.amplifier, "Name of the amplifier", kind=str),
    _LevelColumn("DIRECTION", lambda one, _: one.direction, "serial or parallel", kind=str),
    _LevelColumn("FRAME", lambda one, n: one.flats[n].frame + 1, "Its row in PROVENANCE", kind=np.int32),
    _LevelColumn("EXPTIME", lambda one, n: one.flats[n].exptime_s, "Exposure time", "s"),
    _LevelColumn("SIGNAL", _of("signal"), "Last imaging pixels", "adu"),
    _LevelColumn("SIGNAL_ERR", _of("signal_error"), "Standard error of SIGNAL", "adu"),
    _LevelColumn("CHARGE", _of("charge"), "Charge that comes late", "adu"),
    _LevelColumn("CHARGE_ERR", _of("charge_error"), "Standard error of CHARGE", "adu"),
    _LevelColumn("OFFSET", _of("offset"), "Electronic offset subtracted", "adu"),
    _LevelColumn("CTI", _of("cti"), "Inefficiency of one transfer"),
    _LevelColumn("CTI_ERR", _of("cti_error"), "Standard error of CTI"),
    _LevelColumn("MODEL", lambda one, n: one.left[n] if one.left else math.nan, "CHARGE of the model", "adu"),
    _LevelColumn("RISES", _of("rises", missing=False), "The overscan rises somewhere", kind=np.bool_),
    _LevelColumn("USED", lambda one, n: one.found.used[n], "Whether it counts", kind=np.bool_),
    _LevelColumn("REASON", lambda one, n: _why(one.found.measured[n]), "Why not measured", kind=str),
)
