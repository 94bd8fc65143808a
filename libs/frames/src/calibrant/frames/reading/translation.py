"""Owns turning cards and a file name into facts, as the instrument's translation says; reads no file."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from calibrant.frames.instrument import HeaderTranslation, Instrument, MomentSource, NumberSource, TextSource
from calibrant.frames.reading.claims import Claims, claims_of, number
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.times import Scale, day_obs, parse_days, parse_time, parse_unix
from calibrant.rules.classification import ImageType, classify

Cards = Mapping[str, str | int | float | bool]

_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0}
_LONGEST_S: Final = 1e7
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What a header tells of its frame, in our own words and units.

    Parameters
    ----------
    exposure_id : str
        The exposure; letters, digits and ``._+-`` only, so it is safe in a path.
    image_type : ImageType
        What was exposed.
    because : str
        Which card or file name told the type.
    begin_tai_ns : int
        Start of the exposure: nanoseconds since 1970-01-01T00:00:00 TAI.
    exptime_s, dark_time_s : float or None
        Exposure and dark time; None only for a bias whose header does not tell.
    filter : str or None
        Filter; None where there is none.
    night : str
        Observing day YYYYMMDD, which rolls at 12:00 UTC.
    claims : Claims
        What the header says of the camera.
    monitor : float or None
        Light of the whole exposure that a monitor saw, in its own unit; None where the header does not tell.
    """

    exposure_id: str
    image_type: ImageType
    because: str
    begin_tai_ns: int
    exptime_s: float | None
    dark_time_s: float | None
    filter: str | None
    night: str
    claims: Claims
    monitor: float | None = None


def check_identity(instrument: Instrument, cards: Cards) -> None:
    """Refuse a file whose cards say that it is another camera's.

    Raises
    ------
    FrameRejected
        WRONG_INSTRUMENT, naming the card, what it holds and what it should.
    """
    for card, pattern in instrument.files.identify.items():
        value = cards.get(card)
        if value is None or re.search(pattern, str(value)) is None:
            found = "is missing" if value is None else f"is {value!r}"
            raise FrameRejected(
                RejectionReason.WRONG_INSTRUMENT,
                f"card {card} {found} but {instrument.name} writes {pattern!r}; give the right instrument",
            )


def detector_of(instrument: Instrument, cards: Cards) -> int:
    """Return the detector of a file that holds one.

    Raises
    ------
    FrameRejected
        MISSING_CARD, BAD_CARD or UNKNOWN_DETECTOR, naming the card.
    """
    known = [detector.id for detector in instrument.detectors]
    source = instrument.header.detector
    card = next((name for name in source.cards if name in cards), None)
    value = source.default if card is None else cards[card]
    if value is None and not source.cards and len(known) == 1:
        return known[0]
    if value is None:
        raise FrameRejected(
            RejectionReason.MISSING_CARD,
            f"card {' or '.join(source.cards)} is missing: nothing tells the detector",
        )
    if isinstance(value, bool) or not isinstance(value, int):
        raise FrameRejected(
            RejectionReason.BAD_CARD,
            f"card {card} is {value!r} but must be a detector's number, one of {known}",
        )
    if name := next((one.name for one in instrument.guiders if one.id == value), ""):
        raise FrameRejected(
            RejectionReason.UNKNOWN_DETECTOR,
            f"card {card} is {value}: stamps of guide sensor {name}; nothing is calibrated of them, leave the file out",
        )
    if value not in known:
        raise FrameRejected(
            RejectionReason.UNKNOWN_DETECTOR,
            f"card {card} is {value} but {instrument.name} has detectors {known}",
        )
    return value


def translate(instrument: Instrument, cards: Cards, file_name: str) -> HeaderFacts:
    """Return the facts of a frame.

    Parameters
    ----------
    instrument : Instrument
        Its translation and classification rules.
    cards : mapping
        Header values by keyword.
    file_name : str
        Name of the file, without folders.

    Raises
    ------
    FrameRejected
        A missing, ill-typed or impossible value, or an unknown type; the message names the card.
    """
    words: HeaderTranslation = instrument.header
    kind = classify(instrument.classification, cards, file_name)
    if kind.type is ImageType.UNKNOWN:
        raise FrameRejected(
            RejectionReason.UNKNOWN_TYPE,
            f"what it is cannot be told: {kind.because}; add a classification rule to {instrument.name}",
        )
    begin_tai_ns = _begin(words.begin, cards)
    night = day_obs(begin_tai_ns)
    exptime_s = _duration_s(words.exptime, cards)
    dark_time_s = _duration_s(words.dark_time, cards)
    if exptime_s is None and kind.type is not ImageType.BIAS:
        raise FrameRejected(
            RejectionReason.MISSING_EXPOSURE_TIME,
            f"a {kind.type} needs an exposure time, but card {' or '.join(words.exptime.cards)} is missing; "
            "add the card",
        )
    return HeaderFacts(
        exposure_id=_exposure_id(words.exposure_id, cards, file_name, night),
        image_type=kind.type,
        because=kind.because,
        begin_tai_ns=begin_tai_ns,
        exptime_s=exptime_s,
        dark_time_s=exptime_s if dark_time_s is None else dark_time_s,
        filter=None if words.filter is None else _text(words.filter, cards, file_name),
        night=night,
        claims=claims_of(words, cards),
        monitor=_monitor(words, cards, exptime_s),
    )


def _monitor(words: HeaderTranslation, cards: Cards, exptime_s: float | None) -> float | None:
    """Return the light of the exposure; None where a rate has no exposure time, or what is written cannot be."""
    reading = number(words.monitor, cards)
    if words.monitor is not None and reading is not None and words.monitor.reads == "rate":
        reading = None if exptime_s is None else reading * exptime_s
    return reading if reading is not None and 0 < reading < math.inf else None


def _exposure_id(source: TextSource, cards: Cards, file_name: str, night: str) -> str:
    text = _text(source, cards, file_name)
    if text is None:
        looked = " or ".join((*(f"card {card}" for card in source.cards), "the file name"))
        raise FrameRejected(RejectionReason.MISSING_CARD, f"nothing tells the exposure: looked at {looked}")
    name = f"{night}-{text}" if source.with_night else text
    if _ID.fullmatch(name) is None:
        raise FrameRejected(
            RejectionReason.BAD_CARD,
            f"the exposure's name is {name!r} but may hold only letters, digits and '._+-', 128 at most; "
            f"it comes from {', '.join(source.cards) or 'the file name'}: correct it there",
        )
    return name


def _text(source: TextSource, cards: Cards, file_name: str) -> str | None:
    for card in source.cards:
        text = str(cards.get(card, "")).strip()
        if source.pattern is not None:
            text = _found(source.pattern, text) or ""
        if text:
            return text
    if source.file_name is not None:
        found = _found(source.file_name, file_name)
        if found:
            return found
    return source.default


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    if match is None:
        return None
    return (match[1] if match.re.groups else match[0]) or None


def _duration_s(source: NumberSource, cards: Cards) -> float | None:
    card = next((name for name in source.cards if name in cards), None)
    if card is None:
        return source.default_s
    value = cards[card]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FrameRejected(
            RejectionReason.BAD_CARD,
            f"card {card} is {value!r} but must be a number of {source.unit}; correct the header",
        )
    seconds = value * _SECONDS[source.unit]
    if not 0 <= seconds <= _LONGEST_S:
        raise FrameRejected(
            RejectionReason.BAD_CARD,
            f"card {card} is {value} {source.unit} but a time from 0 to {_LONGEST_S:.0f} s is possible; "
            "correct the header",
        )
    return float(seconds)


def _begin(source: MomentSource, cards: Cards) -> int:
    card = next((name for name in source.cards if name in cards), None)
    if card is None:
        raise FrameRejected(
            RejectionReason.MISSING_TIME,
            f"card {' or '.join(source.cards)} is missing: nothing tells when the exposure began; add the card",
        )
    try:
        return _moment(source, cards, card)
    except (ValueError, OverflowError) as problem:
        raise FrameRejected(
            RejectionReason.BAD_TIME,
            f"card {card}: {problem}; the exposure's start is needed: correct the header",
        ) from problem


def _moment(source: MomentSource, cards: Cards, card: str) -> int:
    value = cards[card]
    scale = _scale(source, cards)
    if source.format == "isot":
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not a text such as '2026-01-01T00:00:00'")
        begin = parse_time(value, scale)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number ({source.format})")
    elif source.format == "unix":
        begin = parse_unix(value)
    else:
        begin = parse_days(f"{value:.12f}", source.format, scale)
    day_obs(begin)  # raises where the time cannot be put into a night
    return begin


def _scale(source: MomentSource, cards: Cards) -> Scale:
    named = cards.get(source.scale_card) if source.scale_card is not None else None
    if named is None:
        return source.scale
    text = str(named).strip().lower()
    if text == "tai":
        return "tai"
    if text == "utc":
        return "utc"
    raise ValueError(f"the time scale in card {source.scale_card} is {named!r}; known are UTC and TAI")
