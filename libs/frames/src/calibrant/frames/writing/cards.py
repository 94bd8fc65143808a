"""Owns the words of a product's header: keyword, value, comment. Must not know arrays or files."""

from collections.abc import Mapping
from typing import Any

from calibrant.frames.times import format_time, mjd_tai
from calibrant.frames.writing.product import Parameter, ProductAmplifier, ProductHead, ProductImage

Card = tuple[str, Any, str]

_CLIPPING = {
    "center": ("CENTER", "Centre that clipping starts from"),
    "spread": ("SPREAD", "Spread that sigma counts"),
    "sigma": ("SIGMA", "Clipping limit [spreads]"),
    "sigma_low": ("SIGMALOW", "Lower clipping limit, not SIGMA [spreads]"),
    "sigma_high": ("SIGMAHI", "Upper clipping limit, not SIGMA [spreads]"),
    "iterations": ("NITER", "Clipping rounds at most; absent: to the end"),
    "clip": ("CLIPDEF", "Definition of the clip"),
    "reject_low": ("REJLOW", "Lowest samples left out by a minmax-mean"),
    "reject_high": ("REJHIGH", "Highest samples left out by a minmax-mean"),
}

_MEASURED = {
    "gain": ("GAINPROD", "Product that says the gains"),
    "ptc": ("PTCPROD", "Product that says the gains"),
    "crosstalk": ("XTLKPROD", "Product that says the crosstalk"),
    "linearity": ("LINPROD", "Product that says what is linear"),
    "cti": ("CTIPROD", "Product that says what is deferred"),
    "bfk": ("BFKPROD", "Product that says how charge repels"),
}
_STEPS = (
    ("MEASGAIN", ("gain", "ptc"), "Gains are measured, not nominal"),
    ("CROSSTLK", ("crosstalk",), "Crosstalk was removed from the inputs"),
    ("CTICORR", ("cti",), "Deferred charge was put back"),
    ("BFCORR", ("bfk",), "Brighter-fatter effect was undone"),
)


def primary_cards(product: ProductHead) -> list[Card]:
    """Return the cards that say what a product is and how it came about."""
    source = product.provenance
    image = product if isinstance(product, ProductImage) else None
    cards: list[Card] = [
        ("KIND", product.kind, "What it calibrates"),
        ("INSTRUME", product.instrument, "Instrument"),
        ("DETECTOR", product.detector, "Detector number"),
        ("DETNAME", product.detector_name, "Detector name"),
        *([] if image is None else _data(image)),
        ("OVERSCAN", product.overscan, "Overscan correction of the inputs"),
        ("PARALLEL", product.parallel_overscan, "Parallel overscan correction of the inputs"),
        *_measured(product),
        ("LINEAR", product.linearity, "Signals of the inputs were made linear"),
        ("DEFECTS", product.defects, "Pixels masked as defects of the detector"),
        *[("DEFPROD", one.id, "Product that names them") for one in source.inputs if one.role == "defects"],
        *_inputs(product),
        *([] if image is None else _combination(image)),
        *_times(product),
        *([] if image is None else _frame_times(image)),
        *_amplifiers(product),
        ("PRODID", source.product_id, "Product"),
        ("JOBID", source.job_id, ""),
        ("RECIPE", source.recipe, "Recipe"),
        ("RECVER", source.recipe_version, "Version of the recipe"),
        ("ENGVER", source.engine_version, "Version of the engine"),
        ("INSTHASH", source.instrument_hash, ""),
        ("CREATOR", "calibrant", "Software that wrote this file"),
    ]
    if product.filter is not None:
        cards.append(("FILTER", product.filter, "Filter"))
    return cards


def _data(image: ProductImage) -> list[Card]:
    return [
        ("BUNIT", image.unit, "Unit of DATA; empty: relative response"),
        ("PERSEC", image.per_second, "DATA are per second of dark time"),
        ("NORMAL", image.normalisation, "Normalisation"),
        ("BADFRAC", image.bad_fraction, "Fraction of pixels that are BAD in MASK"),
    ]


def _measured(product: ProductHead) -> list[Card]:
    """Return which steps were made by products, and by which."""
    used = {one.role: one.id for one in product.provenance.inputs}
    acting = used.keys() - product.idle
    steps: list[Card] = [(keyword, bool(acting & set(roles)), comment) for keyword, roles, comment in _STEPS]
    steps.append(("XTLKBETW", product.between, "Of other detectors, too, from each input"))
    return steps + [
        (keyword, used[role], comment) for role, (keyword, comment) in _MEASURED.items() if role in used
    ]


def idle_roles(header: Mapping[str, Any]) -> frozenset[str]:
    """Return the roles of products that a header names without their step."""
    return frozenset(
        role
        for keyword, roles, _ in _STEPS
        for role in roles
        if not header[keyword] and _MEASURED[role][0] in header
    )


def _inputs(product: ProductHead) -> list[Card]:
    frames = sum(1 for one in product.provenance.inputs if one.role == "frames")
    return [
        ("NINPUT", len(product.provenance.inputs), "Inputs, listed in PROVENANCE"),
        ("NFRAMES", frames, "Frames among them"),
    ]


def _combination(image: ProductImage) -> list[Card]:
    parameters = image.provenance.parameters
    cards: list[Card] = [("STATISTC", image.statistic, "How frames are combined")]
    for name, (keyword, comment) in _CLIPPING.items():
        value: Parameter = parameters.get(name)
        if value is not None:
            cards.append((keyword, value, comment))
    return cards


def _times(product: ProductHead) -> list[Card]:
    begin, end = product.begin_tai_ns, product.end_tai_ns
    return [
        ("TIMESYS", "TAI", "Time scale of DATE-* and MJD-*"),
        ("DATE-BEG", format_time(begin, "tai", 9), "Start of the first exposure"),
        ("DATE-END", format_time(end, "tai", 9), "End of the last exposure"),
        ("MJD-BEG", mjd_tai(begin), "[d] DATE-BEG"),
        ("MJD-END", mjd_tai(end), "[d] DATE-END"),
    ]


def _frame_times(image: ProductImage) -> list[Card]:
    cards: list[Card] = []
    if image.exptime_s is not None:
        cards.append(("EXPTIME", image.exptime_s, "[s] Exposure time of one frame"))
    if image.dark_time_s is not None:
        cards.append(("DARKTIME", image.dark_time_s, "[s] Dark time of one frame"))
    return cards


def _amplifiers(product: ProductHead) -> list[Card]:
    mean_e = product.read_noise_e
    if mean_e is None:
        return []
    cards: list[Card] = [
        ("RDNOISE", mean_e, "[electron] Mean read noise"),
        ("NAMPS", len(product.amplifiers), "Amplifiers"),
    ]
    for number, amplifier in enumerate(product.amplifiers, 1):
        cards += [
            (f"AMP{number}", amplifier.name, f"Name of amplifier {number}"),
            (f"GAIN{number}", amplifier.gain_e_per_adu, "[electron/adu] Its gain"),
            (f"RDNOIS{number}", amplifier.read_noise_e, "[electron] Its read noise"),
        ]
    return cards


def amplifiers_of(header: Any) -> tuple[ProductAmplifier, ...]:
    """Return the amplifiers that a header names; none where it names none."""
    return tuple(
        ProductAmplifier(header[f"AMP{number}"], header[f"GAIN{number}"], header[f"RDNOIS{number}"])
        for number in range(1, header.get("NAMPS", 0) + 1)
    )


def squared(unit: str) -> str:
    """Return the unit of the variance as FITS writes it: ``electron2``, ``electron2/s2``."""
    return "/".join(f"{part}2" for part in unit.split("/")) if unit else ""
