"""Which effects are on: a text for each, as ``crosstalk`` or ``charge-transfer=serial_cti:1e-5,trap_e:20``.

Owns the list of effects, their order, and the words of the refusals.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from calibrant.camera.simulator.effects.bias_shifts import BiasShifts
from calibrant.camera.simulator.effects.brighter_fatter import BrighterFatter
from calibrant.camera.simulator.effects.charge_transfer import ChargeTransfer
from calibrant.camera.simulator.effects.crosstalk import Crosstalk
from calibrant.camera.simulator.effects.defects import Defects
from calibrant.camera.simulator.effects.effect import Parameters
from calibrant.camera.simulator.effects.lamp_drift import LampDrift
from calibrant.camera.simulator.effects.nonlinearity import NonLinearity
from calibrant.camera.simulator.effects.parallel_traps import ParallelTraps
from calibrant.camera.simulator.effects.persistence import Persistence
from calibrant.camera.simulator.effects.pixel_bounce import PixelBounce
from calibrant.camera.simulator.effects.shutter_offset import ShutterOffset
from calibrant.camera.simulator.effects.spots import Spots
from calibrant.camera.simulator.effects.tearing import Tearing
from calibrant.camera.simulator.effects.telegraph_pixels import TelegraphPixels
from calibrant.camera.simulator.values import CannotSimulate, first_fault

_IN_ORDER: Final[tuple[type[Parameters], ...]] = (
    Spots,
    LampDrift,
    ShutterOffset,
    Tearing,
    Defects,
    TelegraphPixels,
    Persistence,
    BrighterFatter,
    ParallelTraps,
    ChargeTransfer,
    PixelBounce,
    NonLinearity,
    Crosstalk,
    BiasShifts,
)
EFFECTS: Final[Mapping[str, type[Parameters]]] = {kind.name: kind for kind in _IN_ORDER}
"""All effects by name, in the order in which the signal meets them."""

Described = Mapping[str, Mapping[str, Any]]
"""By effect, the parameters of an instrument file that differ from the defaults."""


def check_described(described: Described) -> None:
    """Check what an instrument file says of effects.

    Raises
    ------
    CannotSimulate
        An effect or a parameter is unknown, or a value is out of range.
    """
    for name, values in described.items():
        _made(name, values)


def chosen_effects(texts: Sequence[str], described: Described) -> tuple[Parameters, ...]:
    """Return the parameters of the effects that are on, in the order in which the signal meets them.

    Parameters
    ----------
    texts
        A name each, or a name and ``=`` with ``parameter:value`` pairs between commas; a bare value is for the
        effect's first parameter.
    described
        What the instrument file says; texts go before it.

    Raises
    ------
    CannotSimulate
        An effect or a parameter is unknown, an effect is named twice, or a value is out of range.
    """
    found: dict[str, Parameters] = {}
    for text in texts:
        name, _, rest = text.strip().partition("=")
        if name in found:
            raise CannotSimulate(f"effect {name}: named twice; give it once, its parameters between commas")
        kind = _kind(name)
        found[name] = _made(name, {**described.get(name, {}), **_values(kind, rest)})
    return tuple(found[name] for name in EFFECTS if name in found)


def _kind(name: str) -> type[Parameters]:
    if name not in EFFECTS:
        near = difflib.get_close_matches(name, EFFECTS, n=1)
        hint = f"do you mean {near[0]!r}?" if near else f"there are: {', '.join(EFFECTS)}"
        raise CannotSimulate(f"no effect {name!r}; {hint}")
    return EFFECTS[name]


def _values(kind: type[Parameters], text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        field, colon, value = part.partition(":")
        if not colon:
            field, value = next(iter(kind.model_fields)), part
        values[field.strip()] = value.strip()
    return values


def _made(name: str, values: Mapping[str, Any]) -> Parameters:
    kind = _kind(name)
    for field in values:
        if field not in kind.model_fields:
            known = ", ".join(kind.model_fields)
            raise CannotSimulate(f"effect {name}: no parameter {field!r}; there are: {known}")
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        field, fault = first_fault(error)
        raise CannotSimulate(f"effect {name}: {field} is {values[field]!r}: {fault}") from None
