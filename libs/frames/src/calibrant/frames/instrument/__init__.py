"""Instruments as data: the model of a YAML file, its parsing, its checking."""

from calibrant.frames.instrument.boxes import Section, parse_section
from calibrant.frames.instrument.detector import Amplifier, Detector
from calibrant.frames.instrument.guide_sensor import GuideSensor
from calibrant.frames.instrument.header import (
    ClaimSource,
    FileLayout,
    HeaderTranslation,
    IntegerSource,
    MomentSource,
    MonitorSource,
    NumberSource,
    TextSource,
)
from calibrant.frames.instrument.loading import (
    InstrumentError,
    check_instrument,
    instrument_in_force,
    list_instruments,
    load_instrument,
    named_instrument,
)
from calibrant.frames.instrument.model import USUAL_FILTERS, Instrument
from calibrant.frames.instrument.overscan import Overscan, ParallelMethod, ParallelOverscan
from calibrant.frames.instrument.position import Position

__all__ = [
    "USUAL_FILTERS",
    "Amplifier",
    "ClaimSource",
    "Detector",
    "FileLayout",
    "GuideSensor",
    "HeaderTranslation",
    "Instrument",
    "InstrumentError",
    "IntegerSource",
    "MomentSource",
    "MonitorSource",
    "NumberSource",
    "Overscan",
    "ParallelMethod",
    "ParallelOverscan",
    "Position",
    "Section",
    "TextSource",
    "check_instrument",
    "instrument_in_force",
    "list_instruments",
    "load_instrument",
    "named_instrument",
    "parse_section",
]
