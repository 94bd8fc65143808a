"""What goes to and fro around the sequencer in its tests: frames, requests, products, certifications."""

import hashlib
import json
from collections.abc import Iterable

from calibrant.contracts.certify.v1 import CalibrationCertified
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import DataRef, Product, TaiTime, TimeRange
from calibrant.contracts.ingest.v1 import Frame
from calibrant.contracts.sequencer.v1 import (
    ExposureRequest,
    RunRequested,
)
from calibrant.rules.identity import product_id
from calibrant.rules.validity import ValidityRange
from calibrant.sequencer.plan.ground import Certified

NS = 1_000_000_000


DAY_NS = 86_400 * NS


T0 = 1_800_000_000 * NS


def ref_of(name: str) -> DataRef:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return DataRef(uri=f"objects:{name}", sha256=sha256, size_bytes=1, media_type="image/fits")


def frame_of(image_type: str, number: int, detector: int = 0, **fields) -> Frame:
    """A frame of simcam-tiny; exposures of one type follow one another by a minute."""
    offset = {"bias": 0, "dark": 1000, "flat": 2000}.get(image_type, 3000)
    exposure = f"{image_type}-{number}"
    values = {
        "frame_id": f"{exposure}-d{detector}",
        "instrument": "simcam-tiny",
        "detector": detector,
        "exposure_id": exposure,
        "image_type": image_type,
        "image_type_because": "IMGTYPE",
        "begin": TaiTime.from_ns(T0 + (offset + number) * 60 * NS),
        "exposure_time_s": 0.0 if image_type == "bias" else 2.0,
        "dark_time_s": 0.0 if image_type == "bias" else 2.0,
        "filter": "r" if image_type == "flat" else None,
        "night": "20260101",
        "file_name": f"{exposure}-d{detector}.fits",
        "ref": ref_of(f"{exposure}-d{detector}"),
    }
    return Frame(**(values | fields))


def frames_of(counts: dict[str, int], detectors: Iterable[int] = (0,), **fields) -> list[Frame]:
    return [
        frame_of(t, n, d, **fields) for t, count in counts.items() for n in range(count) for d in detectors
    ]


def request_of(run_id: str = "run-1", **fields) -> RunRequested:
    values = {
        "run_id": run_id,
        "instrument": "simcam-tiny",
        "folder": "",
        "generate": True,
        "collection": "",
        "validity": TimeRange(),
        "requested_by": "tester",
    }
    return RunRequested(**(values | fields))


def exposures(image_type: str, *times_s: float) -> ExposureRequest:
    return ExposureRequest(
        image_type=image_type, exposure_times_s=times_s, filter="r" if image_type == "FLAT" else ""
    )


def product_of(job: CombineJob) -> Product:
    roles = {i.role: i.id for i in job.inputs if i.role != "frames"}
    unit = json.loads(job.parameters.get("unit", '"electron"'))
    per_second = job.recipe == "dark" and "bias" in roles
    return Product(
        product_id=product_id(job.recipe, job.job_id),
        kind=job.recipe,
        instrument=job.instrument,
        detector=job.detector,
        ref=ref_of(job.job_id),
        unit="" if job.recipe == "flat" else f"{unit}/s" if per_second else unit,
        filter=job.filter,
        dark_time_s=2.0 if job.recipe == "dark" and not per_second else None,
        per_second=per_second,
        inputs=sum(i.role == "frames" for i in job.inputs),
        observed=TimeRange(),
        calibrations=tuple(roles.values()),
    )


def certified_of(
    product: Product, collection: str, validity: TimeRange, job_id: str = "earlier"
) -> CalibrationCertified:
    return CalibrationCertified(
        certification_id=f"cert-{product.product_id}",
        job_id=job_id,
        product=product,
        collection=collection,
        validity=validity,
        report_id="report",
        recorded=TaiTime.from_ns(T0),
        requested_by="tester",
        unchanged=False,
    )


def certified_product(kind, detector=0, **fields):
    job = CombineJob(
        job_id=f"{kind}{detector}".ljust(64, "0"),
        recipe=kind,
        recipe_version="1",
        engine_version="1",
        instrument="simcam-tiny",
        instrument_hash="h",
        detector=detector,
        inputs=(),
        filter="r" if kind == "flat" else None,
        memory_bytes=0,
    )
    product = product_of(job).model_copy(update=fields)
    span = ValidityRange(begin_tai_ns=T0 - DAY_NS, end_tai_ns=T0 + 10 * DAY_NS)
    return Certified(product=product, range=span)
