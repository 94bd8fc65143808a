"""The cards a simulated frame carries: the instrument's header translation, read backwards.

Owns the search for values that the instrument's own reader understands, and says when there are none: a camera
that tells image types by file names cannot be imitated. Must not know pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from calibrant.camera.simulator.values import CannotSimulate
from calibrant.frames.instrument import Instrument, MomentSource, MonitorSource, NumberSource
from calibrant.frames.reading import FrameRejected
from calibrant.frames.reading.translation import check_identity, translate
from calibrant.frames.times import NS_PER_S, Scale, format_time, mjd_tai, parse_time
from calibrant.rules.classification import ClassificationRule, ImageType

Value = str | int | float | bool
Cards = dict[str, Value | tuple[Value, str]]

_TYPES = {
    "BIAS": ImageType.BIAS,
    "DARK": ImageType.DARK,
    "FLAT": ImageType.FLAT,
    "DFLAT": ImageType.FLAT,
    "SFLAT": ImageType.FLAT,
    "SPOT": ImageType.SPOT,
    "CBP": ImageType.SPOT,
    "OBJECT": ImageType.SCIENCE,
    "ENGTEST": ImageType.SCIENCE,
    "ACQ": ImageType.SCIENCE,
    "CWFS": ImageType.SCIENCE,
    "FOCUS": ImageType.SCIENCE,
    "STUTTERED": ImageType.SCIENCE,
    "INDOME": ImageType.SCIENCE,
}
IMAGE_TYPES = tuple(_TYPES)
"""Image types that a command may ask for."""
_UNIT_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0}
_JD_MINUS_MJD = 2_400_000.5


@dataclass(frozen=True, slots=True)
class HeaderValues:
    """What a header has to tell. The start is in nanoseconds since 1970-01-01T00:00:00 TAI."""

    image_name: str
    exposure_id: int
    detector: int
    image_type: str
    begin_tai_ns: int
    exposure_time_s: float
    dark_time_s: float
    filter: str


def cards(instrument: Instrument, values: HeaderValues, monitor_e: float | None = None) -> Cards:
    """Return the cards of a frame, with comments, in the order to be written.

    Parameters
    ----------
    instrument
        Says which cards there are.
    values
        What they have to tell.
    monitor_e
        What a photodiode saw of the exposure; None: nothing, and no card of it.

    Raises
    ------
    CannotSimulate
        The instrument's reader would not understand any card that could be written.
    """
    words = instrument.header
    found = identity_cards(instrument)
    if words.exposure_id.cards:
        found[words.exposure_id.cards[0]] = (_exposure_text(instrument, values), "exposure")
    if words.detector.cards:
        found[words.detector.cards[0]] = (values.detector, "detector")
    found |= _type_card(instrument, values.image_type)
    found |= _begin(words.begin, values.begin_tai_ns)
    found |= _duration(words.exptime, values.exposure_time_s, "exposure time")
    found |= _duration(words.dark_time, values.dark_time_s, "time in which dark current collects")
    if words.filter is not None and words.filter.cards and values.filter:
        found[words.filter.cards[0]] = (values.filter, "filter")
    found |= _monitor(words.monitor, monitor_e, values.exposure_time_s)
    found |= {
        "OBSID": (values.image_name, "image name"),
        "SIMULATE": (True, "made by a simulator"),
    }
    _check(instrument, values, found)
    return found


def identity_cards(instrument: Instrument) -> Cards:
    """Return the cards that tell whose file it is.

    Raises
    ------
    CannotSimulate
        No text is found that one of the instrument's patterns fits.
    """
    return {
        card: _literal(instrument, f"files.identify.{card}", pattern)
        for card, pattern in instrument.files.identify.items()
    }


def can_take(instrument: Instrument, image_type: str) -> bool:
    """Tell whether frames of this image type can be told apart by this instrument's cards."""
    values = HeaderValues("SC_O_20260101_000001", 2026010100001, instrument.detectors[0].id, image_type,
                          parse_time("2026-01-01T22:00:00"), 0.0, 0.0, "")  # fmt: skip
    try:
        cards(instrument, values)
    except CannotSimulate:
        return False
    return True


def _exposure_text(instrument: Instrument, values: HeaderValues) -> str:
    source = instrument.header.exposure_id
    candidates = (
        str(values.exposure_id),
        f"{values.exposure_id}.fits",
        values.image_name,
        f"{values.image_name}.fits",
    )
    if source.pattern is None:
        return candidates[0]
    for text in candidates:
        if re.search(source.pattern, text):
            return text
    raise CannotSimulate(
        f"{instrument.name}.yaml: header.exposure_id.pattern {source.pattern!r} fits no exposure name"
    )


def _type_card(instrument: Instrument, image_type: str) -> Cards:
    """Return the first card that makes a frame of this type; `_check` finds out whether the reader agrees."""
    for rule in instrument.classification:
        if rule.type is _TYPES[image_type] and rule.card is not None:
            return {rule.card: (_rule_value(instrument, rule), "image type")}
    raise CannotSimulate(
        f"{instrument.name} tells {image_type} by no header card: the simulator names files itself and cannot take any"
    )


def _rule_value(instrument: Instrument, rule: ClassificationRule) -> Value:
    if rule.equals is not None:
        return rule.equals
    return _literal(instrument, f"classification of {rule.type}", rule.matches or rule.type.value)


def _literal(instrument: Instrument, place: str, pattern: str) -> str:
    """Return a text that a simple regular expression matches: the expression without its anchors."""
    text = re.sub(r"\\(.)", r"\1", pattern.removeprefix("^").removesuffix("$"))
    for candidate in (text, text.rstrip("?*+"), "simulated"):
        if re.search(pattern, candidate, re.IGNORECASE):
            return candidate
    raise CannotSimulate(
        f"{instrument.name}.yaml: {place}: no text for the pattern {pattern!r}; use a plain one"
    )


def _begin(source: MomentSource, begin_tai_ns: int) -> Cards:
    scale: Scale = "tai" if source.scale_card is not None else source.scale
    written: Cards = {} if source.scale_card is None else {source.scale_card: ("TAI", "time scale")}
    text = format_time(begin_tai_ns, scale, 9)
    mjd = mjd_tai(parse_time(text, "tai"))  # days are counted alike in every scale
    values: dict[str, Value] = {
        "isot": text,
        "mjd": mjd,
        "jd": mjd + _JD_MINUS_MJD,
        "unix": parse_time(format_time(begin_tai_ns, "utc", 9), "tai") / NS_PER_S,
    }
    return written | {source.cards[0]: (values[source.format], f"start of the exposure ({scale.upper()})")}


def _duration(source: NumberSource, seconds: float, comment: str) -> Cards:
    if not source.cards:
        return {}
    return {source.cards[0]: (seconds / _UNIT_S[source.unit], f"[{source.unit}] {comment}")}


def _monitor(source: MonitorSource | None, charge_e: float | None, seconds: float) -> Cards:
    if source is None or charge_e is None:
        return {}
    if source.reads == "charge":
        return {source.cards[0]: (charge_e, "light that the photodiode collected")}
    rate_e_per_s = charge_e / seconds if seconds > 0 else 0.0
    return {source.cards[0]: (rate_e_per_s, "light that the photodiode saw in each second")}


def _check(instrument: Instrument, values: HeaderValues, written: Cards) -> None:
    """Let the instrument's own reader say whether it understands the cards."""
    plain = {name: card[0] if isinstance(card, tuple) else card for name, card in written.items()}
    try:
        check_identity(instrument, plain)
        facts = translate(instrument, plain, f"{values.image_name}_{values.detector}.fits")
    except FrameRejected as refusal:
        raise CannotSimulate(f"{instrument.name} cannot be imitated: {refusal}") from None
    if facts.image_type is not _TYPES[values.image_type]:
        raise CannotSimulate(
            f"{instrument.name} would take a {values.image_type} for a {facts.image_type}: {facts.because}"
        )
