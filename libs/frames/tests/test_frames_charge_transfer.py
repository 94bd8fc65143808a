"""Measured charge transfer is undone where frames are corrected, in either unit; amplifiers without a model stay as they are."""

from dataclasses import replace

import numpy as np
import pytest

from calibrant.frames.correcting import Choices, correction
from calibrant.frames.instrument import load_instrument
from calibrant.frames.writing import ProductInput, ProductTable, ProductTables, Provenance, TableColumn
from calibrant.frames.writing.cards import idle_roles, primary_cards
from calibrant.pixels import Step, correct_frame
from calibrant.pixels.charge_transfer import RegisterTrap, Transfers, Traps, end_of_image, transfer

SIMCAM = load_instrument("simcam-tiny")
GEOMETRY = SIMCAM.detector(0).geometry()
NAMES = [one.name for one in GEOMETRY.amplifiers]
TRAPPED = Transfers((Traps(0.5, 2.0, 4e4, power=0.5),), 2e-5, before=2)
ONE_TRAP = Transfers(inefficiency=1e-5, before=2, register_trap=RegisterTrap(40.0, 0.05, 1.5))
SLOW = Transfers(inefficiency=1e-4)
SERIAL, PARALLEL = (TRAPPED, ONE_TRAP, None, None), (SLOW, None, None, SLOW)
"""By amplifier, for signals in ADU."""


def table(name, each):
    """Give the rows of some transfers, as the recipe writes them."""
    traps = [one.traps[0] if one and one.traps else None for one in each]
    trap = [one.register_trap if one else None for one in each]
    kinds = [
        "none" if one is None else "traps" if many else "register trap" if single else "inefficiency"
        for one, many, single in zip(each, traps, trap, strict=True)
    ]
    both = list(zip(traps, trap, strict=True))
    columns = {
        "AMPLIFIER": NAMES,
        "MODEL": kinds,
        "OFFSET": ["none"] * 4,
        "SCALE": [0.0] * 4,
        "LENGTH": [0.0] * 4,
        "INEFF": [np.nan if one is None else one.inefficiency for one in each],
        "INEFF_ERR": [1e-9] * 4,
        "DENSITY": [many.density if many else single.size if single else 0.0 for many, single in both],
        "RELEASE": [many.release if many else single.release if single else 0.0 for many, single in both],
        "POWER": [many.power if many else 0.0 for many in traps],
        "FULLWELL": [many.full_well if many else 0.0 for many in traps],
        "FILL": [single.fill if single else 0.0 for single in trap],
        "BEFORE": [0 if one is None else one.before for one in each],
    }
    return ProductTable(name, tuple(TableColumn(key, np.array(one), key) for key, one in columns.items()))


PRODUCT = ProductTables(
    kind="cti",
    instrument=SIMCAM.name,
    detector=0,
    detector_name="S00",
    provenance=Provenance("cti-1", "1" * 64, "cti", "1", "1", "1" * 64),
    begin_tai_ns=0,
    end_tai_ns=1,
    tables=(table("SERIAL", SERIAL), table("PARALLEL", PARALLEL)),
)


def read_out():
    """Give a raw frame of spots behind hard edges, and what it would be if all charge came in time, by amplifier."""
    raw, truth = np.full(GEOMETRY.raw_shape, 1000.0), {}
    for one, serial, parallel in zip(GEOMETRY.amplifiers, SERIAL, PARALLEL, strict=True):
        charge = np.full(one.image.shape, 50.0)
        charge[20:40, 10:30] = 20_000.0
        truth[one.name] = charge
        raw[one.image.slices] += transfer(charge, parallel, serial)
    return raw, truth


@pytest.mark.parametrize("unit", ["adu", "electron"])
def test_deferred_charge_is_put_back_by_the_tables_in_the_unit_of_the_job(unit):
    raw, truth = read_out()
    geometry, signature = correction(SIMCAM, 0, Choices(), unit, {"cti": PRODUCT})
    found = correct_frame(raw, geometry, signature)
    for one in geometry.amplifiers:
        factor = one.gain_e_per_adu if unit == "electron" else 1.0
        image = one.in_readout_order(found.data[one.placed.slices]) / factor
        late = np.abs(raw[one.image.slices] - 1000 - truth[one.name]).max()
        assert late == 0 if one.name == NAMES[2] else late > 10
        assert np.abs(image - truth[one.name]).max() < 0.15
    assert not found.mask.any()
    first = geometry.amplifiers[0]
    variance = first.in_readout_order(found.variance[first.placed.slices])[:, -1]
    factor = first.gain_e_per_adu if unit == "electron" else 1.0
    share = 66 * 2e-5 + np.arange(1, 65) * 1e-4
    read = (first.read_noise_e / first.gain_e_per_adu * factor) ** 2
    photons = truth[NAMES[0]][:, -1] * factor / (1 if unit == "electron" else first.gain_e_per_adu)
    assert variance - photons == pytest.approx(read * (1 + 2 * share), rel=3e-3)


def test_an_inefficiency_that_is_not_told_from_none_is_none_and_needs_no_whole_frames():
    columns = [
        replace(column, values=np.full(4, 2e-9)) if column.name == "INEFF" else column
        for column in table("PARALLEL", (SLOW, SLOW, SLOW, SLOW)).columns
    ]
    told = replace(PRODUCT, tables=(table("SERIAL", SERIAL), ProductTable("PARALLEL", tuple(columns))))
    barrier = correction(SIMCAM, 0, Choices(), "adu", {"cti": told})[1].barriers[Step.CHARGE_TRANSFER]
    assert (barrier.parallel, list(barrier.serial), barrier.reach) == ({}, NAMES[:2], 0)


def test_a_product_that_found_no_deferred_charge_corrects_nothing_and_its_card_says_so():
    tables = (table("SERIAL", [Transfers(inefficiency=1e-9)] * 4), table("PARALLEL", [None] * 4))
    told = replace(PRODUCT, tables=tables)
    assert correction(SIMCAM, 0, Choices(), "adu", {"cti": told})[1].barriers == {}
    source = replace(PRODUCT.provenance, inputs=(ProductInput("cti", "cti-1", "1" * 64),))
    for idle in (frozenset(), frozenset({"cti"})):
        made = replace(PRODUCT, provenance=source, idle=idle)
        cards = {keyword: value for keyword, value, _ in primary_cards(made)}
        assert (cards["CTICORR"], cards["CTIPROD"]) == (not idle, "cti-1")
        assert idle_roles(cards) == idle


def test_an_instrument_file_says_how_columns_are_stored():
    first, second = load_instrument("kast-blue").detector(0).geometry().amplifiers
    raw = np.tile(np.arange(2112), (350, 1))
    for one, corner, columns in (
        (first, (False, False), (1023, 2048)),
        (second, (False, True), (1024, 2111)),
    ):
        assert one.readout_corner == corner
        assert (one.read_image(raw)[0, -1], one.read_overscan(raw)[0, 0]) == columns
        assert end_of_image(raw, one, "serial").overscan[0, 0] == columns[1]


def test_it_is_left_out_where_it_is_switched_off_and_refused_where_the_level_stays():
    raw, _ = read_out()
    off = correction(SIMCAM, 0, Choices(charge_transfer=False), "adu", {"cti": PRODUCT})
    plain = correction(SIMCAM, 0, Choices(), "adu")
    np.testing.assert_array_equal(correct_frame(raw, *off).data, correct_frame(raw, *plain).data)
    with pytest.raises(ValueError, match="cti-1: the frames keep their electronic level"):
        correction(SIMCAM, 0, Choices(overscan="none"), "adu", {"cti": PRODUCT})
