"""Writing: files as astronomers expect them, the same bytes on any day, whole or not at all."""

import hashlib
import os
from dataclasses import fields

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData

from calibrant.frames.times import parse_time
from calibrant.frames.writing import (
    ProductAmplifier,
    ProductImage,
    ProductInput,
    ProductUnreadableError,
    Provenance,
    product_bytes,
    raw_bytes,
    read_product,
    write_product,
    write_raw,
)

FRAMES = tuple(
    ProductInput(
        role="frames",
        id=f"{number:024x}-1",
        sha256=hashlib.sha256(bytes([number])).hexdigest(),
        file_name=name,
        exposure_id=f"SC_O_20260101_{number:06d}",
        begin_tai_ns=parse_time("2026-01-01T20:00:00.123456789TAI") + number,
        exptime_s=0.1 * number,
        dark_time_s=None if number == 3 else 0.1 * number + 1e-9,
        scale=1 / (number + 3),
    )
    for number, name in enumerate(["d.fits", "Nächte/dunkel 1.fits", "100%25 .fits ", *["x.fits"] * 27])
)


def product(**changed):
    rng = np.random.default_rng(5)
    shape = (40, 60)
    given = {
        "kind": "dark",
        "instrument": "simcam",
        "detector": 1,
        "detector_name": "S01",
        "unit": "electron/s",
        "data": rng.normal(size=shape).astype(np.float32),
        "variance": rng.random(shape).astype(np.float32),
        "mask": rng.integers(0, 512, shape).astype(np.uint32),
        "count": rng.integers(0, 11, shape).astype(np.uint16),
        "provenance": Provenance(
            product_id="dark-0123456789ab",
            job_id="0" * 64,
            recipe="dark",
            recipe_version="1",
            engine_version="numpy-1",
            instrument_hash="f" * 64,
            inputs=(*FRAMES, ProductInput(role="bias", id="bias-ffffffffffff", sha256="a" * 64)),
            parameters={
                "statistic": "clipped-mean",
                "sigma": 3.0,
                "iterations": 3,
                "unit": "electron",
                "x": None,
            },
        ),
        "statistic": "clipped-mean",
        "begin_tai_ns": parse_time("2026-01-01T20:00:00.123456789TAI"),
        "end_tai_ns": parse_time("2026-01-01T21:00:00TAI"),
        "exptime_s": 30.0,
        "dark_time_s": 31.5,
        "per_second": True,
        "overscan": "median-per-row",
        "amplifiers": (ProductAmplifier("A00", 1.48, 5.0), ProductAmplifier("A01", 1.52, 5.3)),
    }
    return ProductImage(**(given | changed))


def same(one, other):
    for name in (field.name for field in fields(ProductImage)):
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine == theirs, name


def test_a_product_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "dark.fits"
    write_product(path, product())
    same(product(), read_product(path))
    assert [p.name for p in tmp_path.iterdir()] == ["dark.fits"]


def test_a_flat_without_unit_times_and_parameters_comes_back(tmp_path):
    source = Provenance("flat-1", "1" * 64, "flat", "1", "numpy-1", "f" * 64)
    flat = product(
        kind="flat",
        unit="",
        exptime_s=None,
        dark_time_s=None,
        per_second=False,
        filter="r",
        provenance=source,
        amplifiers=(),
    )
    write_product(tmp_path / "flat.fits", flat)
    same(flat, read_product(tmp_path / "flat.fits"))


def test_the_same_product_has_the_same_bytes(tmp_path):
    assert product_bytes(product()) == product_bytes(product())
    assert product_bytes(product()) != product_bytes(product(detector=0))
    write_product(tmp_path / "dark.fits", product())
    assert product_bytes(read_product(tmp_path / "dark.fits")) == (tmp_path / "dark.fits").read_bytes()


def test_anyone_can_read_what_went_in_and_by_which_numbers(tmp_path):
    write_product(tmp_path / "dark.fits", product())
    with fits.open(tmp_path / "dark.fits") as file:
        header, rows = file[0].header, file["PROVENANCE"].data
        units_of = {column.name: column.unit for column in file["PROVENANCE"].columns}
        assert file["PROVENANCE"].header["TIMESYS"] == "TAI"
        first, second, bias = rows[0], rows[1], rows[30]
        assert (first["FILE"], second["FILE"]) == ("d.fits", "N%C3%A4chte/dunkel%201.fits")
        assert (second["EXPOSURE"], second["DATE_BEG"]) == (
            "SC_O_20260101_000001",
            "2026-01-01T20:00:00.123456790",
        )
        assert (second["EXPTIME"], second["SCALE"]) == (0.1, 0.25)
        assert (bias["ROLE"], bias["FILE"], bias["EXPOSURE"], bias["DATE_BEG"]) == ("bias", "", "", "")
        assert np.isnan([bias["EXPTIME"], bias["DARKTIME"], bias["SCALE"], rows["DARKTIME"][3]]).all()
        assert (units_of["EXPTIME"], units_of["DARKTIME"]) == ("s", "s")
        assert (header["NAMPS"], header["AMP2"], header["GAIN2"], header["RDNOIS2"]) == (2, "A01", 1.52, 5.3)
        assert header["RDNOISE"] == pytest.approx(5.15)


def test_the_file_keeps_the_standard_and_its_checksums(tmp_path):
    path = tmp_path / "dark.fits"
    write_product(path, product())
    with fits.open(path, checksum=True) as file:  # a wrong checksum would warn, and warnings are errors
        file.verify("exception")
        assert [unit.name for unit in file] == [
            "PRIMARY", "DATA", "VARIANCE", "MASK", "COUNT", "PROVENANCE", "PARAMETERS",
        ]  # fmt: skip
        header = file[0].header
        assert header["TIMESYS"] == "TAI"
        assert header["DATE-BEG"] == "2026-01-01T20:00:00.123456789"
        assert header["MJD-END"] == pytest.approx(61041.875, abs=1e-9)
        assert (header["NFRAMES"], header["NINPUT"], header["SIGMA"], header["NITER"]) == (30, 31, 3.0, 3)
        assert (header["BUNIT"], header["PERSEC"], header["DARKTIME"]) == ("electron/s", True, 31.5)
        assert all(
            header.comments[card] for card in header if card not in {"COMMENT", "EXTEND", "JOBID", "INSTHASH"}
        )
        assert "DATE" not in header
        assert file["MASK"].header["MSKBIT1"] == "SATURATED"
        assert file["MASK"].data.dtype == np.dtype(">i4")
        assert units.Unit(file["VARIANCE"].header["BUNIT"]) == (units.electron / units.s) ** 2
        for unit in file:
            assert {"CHECKSUM", "DATASUM"} <= set(unit.header)


def test_astropy_opens_it_as_an_image_with_uncertainty_and_mask(tmp_path):
    path = tmp_path / "dark.fits"
    write_product(path, product())
    image = CCDData.read(path, hdu="DATA", hdu_uncertainty="VARIANCE", hdu_mask="MASK")
    assert image.unit == units.electron / units.s
    np.testing.assert_array_equal(image.data, product().data)
    np.testing.assert_array_equal(image.mask, product().mask.astype(bool))
    assert image.uncertainty.uncertainty_type == "var"
    np.testing.assert_array_equal(image.uncertainty.array, product().variance)


def test_planes_of_different_shapes_and_bit_31_are_refused():
    with pytest.raises(ValueError, match=r"variance is \(2, 2\) but data is \(40, 60\)"):
        product(variance=np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="100 amplifiers"):
        product(amplifiers=(ProductAmplifier("A", 1.0, 1.0),) * 100)
    with pytest.raises(ValueError, match="bit 31"):
        product(mask=np.full((40, 60), 1 << 31, np.uint32))


@pytest.mark.parametrize("damage", ["flip", "cut", "text", "raw", "none"])
def test_a_damaged_product_is_told(tmp_path, damage):
    path = tmp_path / "dark.fits"
    content = bytearray(product_bytes(product()))
    if damage == "flip":
        content[content.index(b"DATA    ") + 2 * 2880 + 999] ^= 1
    elif damage == "cut":
        del content[-20000:]
    elif damage == "text":
        content = b"hello"
    elif damage == "raw":
        content = raw_bytes(np.zeros((3, 3), np.uint16), {})
    if damage != "none":
        path.write_bytes(content)
    with pytest.raises(ProductUnreadableError, match=r"dark\.fits"):
        read_product(path)


def test_a_failed_write_leaves_nothing_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "dark.fits"
    path.write_bytes(b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_product(path, product())
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"dark.fits": b"old"}


def test_a_raw_frame_is_plain_fits_with_its_cards(tmp_path):
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) + np.uint16(65000)
    cards = {"EXPTIME": (2.0, "[s] Exposure time"), "OBJECT": "test"}
    write_raw(tmp_path / "a.fits", pixels, cards)
    assert (tmp_path / "a.fits").read_bytes() == raw_bytes(pixels, cards)
    with fits.open(tmp_path / "a.fits", checksum=True) as file:
        file.verify("exception")
        assert file[0].header["BZERO"] == 32768
        assert file[0].header.comments["EXPTIME"] == "[s] Exposure time"
        np.testing.assert_array_equal(file[0].data, pixels)


def test_a_raw_frame_of_another_type_or_with_an_impossible_card_is_refused():
    with pytest.raises(ValueError, match="uint16"):
        raw_bytes(np.zeros((3, 3), np.float32), {})
    for card, value in (("OBJECT", "two\nlines"), ("LONGKEYWORD", 1), ("EXPTIME", float("nan"))):
        with pytest.raises(ValueError, match=f"card {card}"):
            raw_bytes(np.zeros((3, 3), np.uint16), {card: value})


def test_a_text_longer_than_a_card_is_continued(tmp_path):
    write_raw(tmp_path / "a.fits", np.zeros((3, 3), np.uint16), {"OBSNOTE": ("word " * 30 + ".", "A note")})
    with fits.open(tmp_path / "a.fits", checksum=True) as file:
        file.verify("exception")
        assert file[0].header["OBSNOTE"] == "word " * 30 + "."
