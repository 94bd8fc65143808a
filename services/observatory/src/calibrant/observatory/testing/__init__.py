"""For tests alone: the command as a person runs it, a site of services on real servers, and what they left."""

from calibrant.observatory.testing.command import (
    Calibrant,
    DataFolder,
    Ended,
    alive,
    asked,
    events,
    here,
    wait_until,
)
from calibrant.observatory.testing.records import Records
from calibrant.observatory.testing.site import Site, Unit, UnitEnded

__all__ = [
    "Calibrant",
    "DataFolder",
    "Ended",
    "Records",
    "Site",
    "Unit",
    "UnitEnded",
    "alive",
    "asked",
    "events",
    "here",
    "wait_until",
]
