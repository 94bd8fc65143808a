"""Products of tables: their file holds all of them, with units and words, and a wrong table is refused."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.frames.writing import (
    ProductTable,
    ProductTables,
    ProductUnreadableError,
    Provenance,
    TableColumn,
    product_bytes,
    read_product,
    read_product_tables,
    write_product,
)

COVARIANCES = np.arange(2 * 3 * 4, dtype=np.float64).reshape(2, 3, 4)
GAINS = ProductTable(
    "GAINS",
    (
        TableColumn("AMPLIFIER", np.array(["A00", "A01"]), "Name of the amplifier"),
        TableColumn("GAIN", np.array([1.5, np.nan]), "Its gain", "electron/adu"),
        TableColumn("PAIRS", np.array([12, 0], dtype=np.int32), "Pairs that it rests on"),
        TableColumn("GOOD", np.array([True, False]), "Whether it could be measured"),
        TableColumn("COV", COVARIANCES, "Covariances by lag", "adu2"),
    ),
)


def tables(**changed):
    given = {
        "kind": "ptc",
        "instrument": "simcam",
        "detector": 1,
        "detector_name": "S01",
        "provenance": Provenance(
            "ptc-1", "1" * 64, "ptc", "1", "3", "f" * 64, parameters={"unit": "electron"}
        ),
        "begin_tai_ns": 10**18,
        "end_tai_ns": 2 * 10**18,
        "tables": (GAINS,),
    }
    return ProductTables(**(given | changed))


def test_tables_come_back_with_units_and_words_and_are_what_astropy_reads(tmp_path):
    path = tmp_path / "ptc.fits"
    write_product(path, tables())
    assert path.read_bytes() == product_bytes(tables())
    again = read_product_tables(path)
    assert again.provenance == tables().provenance
    (found,) = again.tables
    for mine, theirs in zip(GAINS.columns, found.columns, strict=True):
        assert (mine.name, mine.unit, mine.description) == (theirs.name, theirs.unit, theirs.description)
        np.testing.assert_array_equal(mine.values, theirs.values)
        assert theirs.values.dtype.kind == mine.values.dtype.kind
    with fits.open(path, checksum=True) as file:
        file.verify("exception")
        assert [hdu.name for hdu in file] == ["PRIMARY", "GAINS", "PROVENANCE", "PARAMETERS"]
        np.testing.assert_array_equal(file["GAINS"].data["COV"], COVARIANCES)
        assert file["GAINS"].columns["GAIN"].unit == "electron/adu"
        assert "BUNIT" not in file[0].header


def test_a_product_of_tables_is_no_image(tmp_path):
    path = tmp_path / "ptc.fits"
    write_product(path, tables())
    with pytest.raises(ProductUnreadableError, match="is no product"):
        read_product(path)


NAMED = TableColumn("NAME", np.array(["a"]), "")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tables(tables=()), "without a table"),
        (lambda: tables(tables=(GAINS, GAINS)), "two tables are called GAINS"),
        (lambda: ProductTable("PROVENANCE", (NAMED,)), "choose another"),
        (lambda: ProductTable("T", (NAMED, NAMED)), "a column comes twice in NAME, NAME"),
        (lambda: ProductTable("T", (NAMED, TableColumn("N", np.zeros(2), ""))), r"columns of \[1, 2\] rows"),
        (lambda: TableColumn("N", np.array([None]), ""), "column N: object"),
        (
            lambda: product_bytes(
                tables(tables=(ProductTable("T", (TableColumn("N", np.array(["\u00e4"]), ""),)),))
            ),
            "table T, column N: '\u00e4' is not ASCII",
        ),
        (
            lambda: product_bytes(
                tables(tables=(ProductTable("T", (TableColumn("N", np.zeros(1, np.float16), ""),)),))
            ),
            "FITS has no numbers of type float16",
        ),
        (lambda: GAINS["NOISE"], "it has AMPLIFIER, GAIN"),
    ],
)
def test_what_cannot_be_a_table_is_refused_by_name(make, message):
    with pytest.raises((ValueError, KeyError), match=message):
        make()
