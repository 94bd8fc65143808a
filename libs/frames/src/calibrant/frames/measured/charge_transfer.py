"""Measured charge transfer: deferred charge goes back to its pixel. Must not know how it was measured, nor the model's insides."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from calibrant.frames.measured.form import Measured, check_level_removed, rows_by_amplifier
from calibrant.frames.writing import ProductTables
from calibrant.pixels import Amplifier, Geometry, Signature, Step
from calibrant.pixels.charge_transfer import ChargeTransfer, ElectronicOffset, RegisterTrap, Transfers, Traps

_Row = Mapping[str, Any]

_TOLD: Final = 3.0
"""Standard errors that an inefficiency has to have: parallel transfers need whole frames, which costs memory and time."""


def _joined(geometry: Geometry, signature: Signature, product: ProductTables) -> tuple[Geometry, Signature]:
    check_level_removed(geometry, signature, product, "charge_transfer", "trail as if it were charge")
    serial = rows_by_amplifier(geometry, product, "SERIAL")
    parallel = rows_by_amplifier(geometry, product, "PARALLEL")
    units = {one.name: _unit(one, signature) for one in geometry.amplifiers}
    barrier = ChargeTransfer(
        parallel=_solved(parallel, units),
        serial=_solved(serial, units),
        offsets={
            name: ElectronicOffset(float(row["SCALE"]), float(row["LENGTH"]))
            for name, row in serial.items()
            if row["OFFSET"] == "decay"
        },
        read_variance={
            one.name: (one.read_noise_e / one.gain_e_per_adu * units[one.name]) ** 2
            for one in geometry.amplifiers
        },
    )
    if not (barrier.parallel or barrier.serial or barrier.offsets):
        return geometry, signature
    return geometry, replace(signature, barriers={**signature.barriers, Step.CHARGE_TRANSFER: barrier})


def _unit(amplifier: Amplifier, signature: Signature) -> float:
    """Return what a signal of 1 ADU is in the unit of a signature."""
    return amplifier.gain_e_per_adu if signature.unit == "electron" else 1.0


def _solved(rows: Mapping[str, _Row], units: Mapping[str, float]) -> dict[str, Transfers]:
    """Return the transfers of the amplifiers where some charge is late."""
    known = {name: _transfers(row, units[name]) for name, row in rows.items() if row["MODEL"] != "none"}
    return {
        name: one
        for name, one in known.items()
        if one.inefficiency or one.traps or one.register_trap is not None
    }


def _transfers(row: _Row, unit: float) -> Transfers:
    """Return the transfers of a row; signals are in ADU there."""
    traps: tuple[Traps, ...] = ()
    trap = None
    size, release = float(row["DENSITY"]) * unit, float(row["RELEASE"])
    if row["MODEL"] == "traps":
        traps = (Traps(size, release, float(row["FULLWELL"]) * unit, power=float(row["POWER"])),)
    if row["MODEL"] == "register trap":
        trap = RegisterTrap(size, float(row["FILL"]), release)
    inefficiency = float(row["INEFF"])
    told = inefficiency > _TOLD * float(row["INEFF_ERR"])
    return Transfers(traps, inefficiency if told else 0.0, before=int(row["BEFORE"]), register_trap=trap)


CHARGE_TRANSFER: Final = Measured("charge_transfer", _joined)
