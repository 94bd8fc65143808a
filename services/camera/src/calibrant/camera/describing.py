"""What the camera tells of itself: versions, that it is simulated, which configuration it has. Pure.

The one configuration is the instrument file; ``start`` can name no other.
"""

from __future__ import annotations

import platform
from importlib.metadata import version

from calibrant.contracts.base import Message
from calibrant.contracts.camera.v1 import (
    ConfigurationApplied,
    ConfigurationsAvailable,
    SimulationMode,
    SoftwareVersions,
    Start,
)
from calibrant.frames.instrument import Instrument
from calibrant.sal import Command

SIMULATED = 1
_PARTS = ("calibrant-contracts", "calibrant-sal", "calibrant-frames", "numpy", "astropy")
"""Packages whose version decides what a frame looks like, or how it is told."""


def itself(component: str, instrument: Instrument) -> list[Message]:
    """Return what a camera that has come up tells of itself."""
    parts = {"python": platform.python_version()} | {name: version(name) for name in _PARTS}
    return [
        SoftwareVersions(
            component=component,
            csc_version=version("calibrant-camera"),
            subsystem_versions=[f"{name}={number}" for name, number in parts.items()],
        ),
        SimulationMode(component=component, mode=SIMULATED),
        ConfigurationsAvailable(component=component, version=_version(instrument)),
    ]


def configured(component: str, instrument: Instrument) -> ConfigurationApplied:
    """Return what is told when a configuration has been applied."""
    return ConfigurationApplied(
        component=component,
        configurations=[f"{instrument.name}.yaml"],
        version=_version(instrument),
        other_info=f"sha256 {instrument.hash}",
    )


def unknown_configuration(command: Command) -> str:
    """Return that a command names a configuration that is none; an empty text where it does not."""
    asked = command.configuration_override if isinstance(command, Start) else ""
    return f"no configuration {asked!r}: there is the default only, leave it empty" if asked else ""


def _version(instrument: Instrument) -> str:
    return f"{instrument.name}-{instrument.version}"
