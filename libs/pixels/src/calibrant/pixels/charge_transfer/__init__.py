"""Charge transfer: how much charge arrives late, a model of it, and its way back.

It owns measurement, model and correction of deferred charge; it must not know files, instruments or products.
"""

from calibrant.pixels.charge_transfer.characterising import (
    Characterised,
    MeasuredEnd,
    Offset,
    characterise,
    characterise_measured,
    measure_end,
)
from calibrant.pixels.charge_transfer.deferring import Transfers, defer
from calibrant.pixels.charge_transfer.electronics import ElectronicOffset
from calibrant.pixels.charge_transfer.ends import Direction, End, end_of_image
from calibrant.pixels.charge_transfer.hard_edges import HardEdge, hard_edge
from calibrant.pixels.charge_transfer.levels import (
    Loss,
    Turnoff,
    mean_inefficiency,
    solve_loss,
    turnoff,
    weighted_mean,
)
from calibrant.pixels.charge_transfer.predicting import predicted_charge
from calibrant.pixels.charge_transfer.profiles import Profile, mean_profile, overscan_profile
from calibrant.pixels.charge_transfer.pumped_traps import PumpedTraps, amplitude, fit_pumping
from calibrant.pixels.charge_transfer.pumping import (
    DipoleMap,
    Dipoles,
    dipole_amplitudes,
    dipole_map,
    find_dipoles,
    united,
)
from calibrant.pixels.charge_transfer.reasons import Reason
from calibrant.pixels.charge_transfer.register_trap import RegisterTrap
from calibrant.pixels.charge_transfer.removing import ChargeTransfer
from calibrant.pixels.charge_transfer.restoring import Restored, restore, transfer
from calibrant.pixels.charge_transfer.solving import POWERS, SolvedTransfers, solve_transfers
from calibrant.pixels.charge_transfer.tails import fit_tail
from calibrant.pixels.charge_transfer.trailing import TrailingCharge, measure_trailing, trailing_charge
from calibrant.pixels.charge_transfer.trailing_settings import Normalisation, Trailing
from calibrant.pixels.charge_transfer.traps import Traps, held_behind

__all__ = [
    "POWERS",
    "Characterised",
    "ChargeTransfer",
    "DipoleMap",
    "Dipoles",
    "Direction",
    "ElectronicOffset",
    "End",
    "HardEdge",
    "Loss",
    "MeasuredEnd",
    "Normalisation",
    "Offset",
    "Profile",
    "PumpedTraps",
    "Reason",
    "RegisterTrap",
    "Restored",
    "SolvedTransfers",
    "Trailing",
    "TrailingCharge",
    "Transfers",
    "Traps",
    "Turnoff",
    "amplitude",
    "characterise",
    "characterise_measured",
    "defer",
    "dipole_amplitudes",
    "dipole_map",
    "end_of_image",
    "find_dipoles",
    "fit_pumping",
    "fit_tail",
    "hard_edge",
    "held_behind",
    "mean_inefficiency",
    "mean_profile",
    "measure_end",
    "measure_trailing",
    "overscan_profile",
    "predicted_charge",
    "restore",
    "solve_loss",
    "solve_transfers",
    "trailing_charge",
    "transfer",
    "turnoff",
    "united",
    "weighted_mean",
]
