"""What a measure job leaves: its measurements as JSON, and a small picture of the product. Must not know how it measures."""

from collections.abc import Mapping

from calibrant.contracts.verify.v1 import MeasureJob, VerificationMode
from calibrant.frames.writing import ProductImage, preview_of, write_preview
from calibrant.pixels import Geometry
from calibrant.runtime.handlers import Artifact, Workspace
from calibrant.verify.inputs import FRAMES, SOURCES, InputRefused
from calibrant.verify.reports import AmplifierRecord, MeasurementReport, Mode, ProductRecord

MEASUREMENTS = "measurements"
PREVIEW = "preview"

MODES: Mapping[VerificationMode, Mode] = {
    VerificationMode.INTERNAL: "internal",
    VerificationMode.EXTERNAL: "external",
}


def written(
    report: MeasurementReport, workspace: Workspace, image: ProductImage | None = None
) -> tuple[Artifact, ...]:
    """Write what came of a job into its scratch folder, and say what it is.

    Parameters
    ----------
    report : MeasurementReport
        Numbers and verdicts.
    workspace : Workspace
        Of the job.
    image : ProductImage or None
        The product verified, of which a picture is made; None: it is none.
    """
    (workspace.scratch / "measurements.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")
    numbers = Artifact(
        name=MEASUREMENTS, path="measurements.json", prefix="reports", media_type="application/json"
    )
    if image is None:
        return (numbers,)
    preview = preview_of(report.product_id, image.unit, image.data, image.mask)
    write_preview(workspace.scratch / "preview.fits", preview)
    return (
        numbers,
        Artifact(name=PREVIEW, path="preview.fits", prefix="reports", media_type="image/fits"),
    )


def mode_of(job: MeasureJob) -> Mode:
    """Return the mode of a job as reports have it.

    Raises
    ------
    InputRefused
        The job does not say it.
    """
    if job.mode not in MODES:
        raise InputRefused("the job does not say its mode; give internal or external")
    return MODES[job.mode]


def amplifiers_of(geometry: Geometry) -> tuple[AmplifierRecord, ...]:
    """Say where a detector's amplifiers are in its product."""
    return tuple(
        AmplifierRecord(
            name=one.name,
            **one.placed._asdict(),
            gain_e_per_adu=one.gain_e_per_adu,
            read_noise_e=one.read_noise_e,
        )
        for one in geometry.amplifiers
    )


def products_of(job: MeasureJob) -> tuple[ProductRecord, ...]:
    """Name the product verified, then those that were removed before."""
    verified = ProductRecord(
        role=job.kind, product_id=job.reference.product_id, sha256=job.reference.ref.sha256
    )
    others = (
        ProductRecord(role=one.role, product_id=one.id, sha256=one.ref.sha256)
        for one in job.inputs
        if one.role not in (FRAMES, SOURCES, job.kind)
    )
    return (verified, *others)
