"""What is recorded of a product and its inputs, beside its file. Must not know pixels, tables or the bus."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

from calibrant.combine.inputs import DEFECTS, FRAMES, SOURCES, JobFrame
from calibrant.combine.recipes import find_recipe
from calibrant.combine.recipes.base import Built, BuiltTables
from calibrant.combine.recipes.parameters import Parameters
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import DataRef, JobInput, Product, TaiTime, TimeRange
from calibrant.frames.measured import MEASURED
from calibrant.frames.times import NS_PER_S
from calibrant.pixels import Geometry
from calibrant.rules.identity import product_id

SWITCHES: Final[Mapping[str, str]] = MappingProxyType(
    {DEFECTS: "defects", **{kind: one.switch for kind, one in MEASURED.items()}}
)
"""By the role of what every frame is corrected with: the parameter that says whether it is."""


class InputRecord(BaseModel):
    """What is recorded of one input of a product, here and in its file.

    Parameters
    ----------
    role, id, sha256 : str
        As in the job.
    exposure_id, file_name : str or None
        Of a frame.
    begin_tai_ns, exptime_s, dark_time_s
        Of a frame: start (TAI ns), exposure and dark time (s).
    scale : float or None
        What the frame was divided by: its dark time (s) or its level.
    """

    model_config = ConfigDict(frozen=True)

    role: str
    id: str
    sha256: str
    exposure_id: str | None = None
    file_name: str | None = None
    begin_tai_ns: int | None = None
    exptime_s: float | None = None
    dark_time_s: float | None = None
    scale: float | None = None


class ProductFacts(BaseModel):
    """What a computation says of the product it made, all but where its file went."""

    model_config = ConfigDict(frozen=True)

    product_id: str
    unit: str
    filter: str | None
    dark_time_s: float | None
    per_second: bool
    begin_tai_ns: int
    end_tai_ns: int
    read_noise_e: float
    parameters: dict[str, str | int | float | bool | tuple[float, ...] | dict[str, float] | None]
    inputs: tuple[InputRecord, ...]

    @property
    def frames(self) -> tuple[InputRecord, ...]:
        """The frames combined."""
        return tuple(one for one in self.inputs if one.role == FRAMES)

    @property
    def calibrations(self) -> tuple[str, ...]:
        """Ids of the products that went in."""
        return tuple(one.id for one in self.inputs if one.role not in {FRAMES, SOURCES})

    def message(self, job: CombineJob, ref: DataRef) -> Product:
        """Return the product as the contract has it."""
        return Product(
            product_id=self.product_id,
            kind=job.recipe,
            instrument=job.instrument,
            detector=job.detector,
            ref=ref,
            unit=self.unit,
            filter=self.filter,
            dark_time_s=self.dark_time_s,
            per_second=self.per_second,
            inputs=len(self.frames),
            observed=TimeRange(
                begin=TaiTime.from_ns(self.begin_tai_ns), end=TaiTime.from_ns(self.end_tai_ns)
            ),
            read_noise_e=self.read_noise_e,
            calibrations=self.calibrations,
        )


def facts_of(
    job: CombineJob,
    geometry: Geometry,
    parameters: Parameters,
    frames: list[JobFrame],
    built: Built | BuiltTables,
    *,
    sources: Sequence[JobFrame] = (),
) -> ProductFacts:
    """Return what is to be recorded of a product.

    Parameters
    ----------
    job : CombineJob
        What was asked for.
    geometry : Geometry
        The detector, with the numbers that frames were corrected by.
    parameters : Parameters
        How.
    frames : list of JobFrame
        What it is made of.
    built : Built or BuiltTables
        What the recipe made.
    sources : sequence of JobFrame
        Frames of other detectors that it was measured with.
    """
    image = built if isinstance(built, Built) else None
    used = (*built.used, *(role for role, switch in SWITCHES.items() if getattr(parameters, switch)))
    scales = [None] * len(frames) if image is None else image.scales
    heads = [frame.opened.facts for frame in frames]
    ends = [head.begin_tai_ns + round((head.exptime_s or 0.0) * NS_PER_S) for head in heads]
    noises = [amplifier.read_noise_e for amplifier in geometry.amplifiers]
    return ProductFacts(
        product_id=product_id(job.recipe, job.job_id),
        unit="" if image is None else image.unit,
        filter=heads[0].filter if find_recipe(job.recipe).by_filter else None,
        dark_time_s=None if image is None else image.dark_time_s,
        per_second=image is not None and image.per_second,
        begin_tai_ns=min(head.begin_tai_ns for head in heads),
        end_tai_ns=max(ends),
        read_noise_e=sum(noises) / len(noises),
        parameters=parameters.model_dump(),
        inputs=(
            *(_frame_record(frame, scale) for frame, scale in zip(frames, scales, strict=True)),
            *(_frame_record(one, None) for one in sources),
            *(_calibration_record(one) for role in used for one in job.inputs if one.role == role),
        ),
    )


def _frame_record(frame: JobFrame, scale: float | None) -> InputRecord:
    facts = frame.opened.facts
    return InputRecord(
        role=frame.input.role,
        id=frame.input.id,
        sha256=frame.input.ref.sha256,
        exposure_id=facts.exposure_id,
        file_name=frame.file_name,
        begin_tai_ns=facts.begin_tai_ns,
        exptime_s=facts.exptime_s,
        dark_time_s=facts.dark_time_s,
        scale=scale,
    )


def _calibration_record(one: JobInput) -> InputRecord:
    return InputRecord(role=one.role, id=one.id, sha256=one.ref.sha256, file_name=one.file_name)
