"""Products that are tables, as combine writes them, for verify's tests."""

import numpy as np

from calibrant.contracts.common.v1 import JobInput, Product, TaiTime, TimeRange
from calibrant.frames.writing import (
    ProductInput,
    ProductTable,
    ProductTables,
    Provenance,
    TableColumn,
    write_product,
)
from calibrant.pixels import ENGINE_VERSION
from calibrant.verify.deciding import set_report

BEGIN_TAI_NS = 1_767_225_637_000_000_000


def table(name, **columns):
    return ProductTable(
        name, tuple(TableColumn(key, np.array(values), key.lower()) for key, values in columns.items())
    )


def stored(bench, kind, tables, unit="electron"):
    """Put a product of tables of ten flats into the store; give it, and the flats."""
    frames = tuple(
        ProductInput(
            "frames",
            f"{number:024d}-0",
            "a" * 64,
            f"f{number}",
            f"e{number}",
            BEGIN_TAI_NS + number * 10**9,
            1.0,
        )
        for number in range(1, 11)
    )
    provenance = Provenance(
        f"{kind}-1", "1" * 64, kind, "1", ENGINE_VERSION, "f" * 64, frames, {"unit": unit}
    )
    product = ProductTables(
        kind=kind,
        instrument=bench.instrument.name,
        detector=0,
        detector_name="S00",
        provenance=provenance,
        begin_tai_ns=BEGIN_TAI_NS,
        end_tai_ns=BEGIN_TAI_NS + 10**10,
        tables=tables,
    )
    path = bench.folder / f"{kind}.fits"
    write_product(path, product)
    ref = bench.objects.put_if_absent(f"products/{kind}.fits", path, "application/fits")
    message = Product(
        product_id=f"{kind}-1",
        kind=kind,
        instrument=product.instrument,
        detector=0,
        ref=ref,
        unit="",
        per_second=False,
        inputs=10,
        observed=TimeRange(begin=TaiTime.from_ns(BEGIN_TAI_NS)),
    )
    flats = [
        JobInput(role="frames", id=one.id, ref=ref, exposure_id=one.exposure_id, file_name=one.file_name)
        for one in frames
    ]
    return Verified(message), flats


class Verified:
    """A product as the bench hands it to a job."""

    def __init__(self, message):
        self.message = message

    def as_input(self):
        return JobInput(role=self.message.kind, id=self.message.product_id, ref=self.message.ref)


def outcome_of(bench, report, measured):
    """Decide on a set of one detector, without its page."""
    job = bench.decide_job(report.kind, [measured])
    return set_report(job, {0: report}, {0: measured.ref}).decision.outcome
