"""Frames of other detectors that were read at the same time as a job's own: opened and checked. Must not know recipes' insides."""

from contextlib import ExitStack

from calibrant.combine.inputs import FRAMES, SOURCES, InputRefused, JobFrame
from calibrant.combine.open_files import allow_for
from calibrant.combine.recipes.base import SourceFrame
from calibrant.combine.recipes.parameters import Parameters
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames.correcting import correction
from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import FrameRejected, OpenFrame, open_frames
from calibrant.frames.reading.identity import frame_id
from calibrant.runtime.handlers import Workspace


def load_sources(
    job: CombineJob, instrument: Instrument, frames: list[JobFrame], workspace: Workspace, opened: ExitStack
) -> list[JobFrame]:
    """Open and check the frames of other detectors, ordered by begin, detector and id.

    Parameters
    ----------
    job, instrument
        What they are for.
    frames : list of JobFrame
        The job's own.
    workspace : Workspace
        Where files are.
    opened : ExitStack
        What closes them.

    Raises
    ------
    InputRefused
        One is damaged, of no detector that may leak into the job's, or of no exposure of the job's frames.
    TooManyFiles
        A process may not have that many open here.
    """
    inputs = [one for one in job.inputs if one.role == SOURCES]
    allow_for(len(inputs) + len(frames))
    exposures = {frame.opened.facts.exposure_id for frame in frames}
    found = [_load(one, job, instrument, workspace, opened) for one in inputs]
    for one in found:
        if one.opened.facts.exposure_id not in exposures:
            raise InputRefused(
                f"{one.file_name}: is of exposure {one.opened.facts.exposure_id}, of which the job has no {FRAMES}; plan "
                "again"
            )
    return sorted(found, key=lambda one: (one.opened.facts.begin_tai_ns, one.opened.detector, one.input.id))


def source_frames(
    sources: list[JobFrame], instrument: Instrument, parameters: Parameters
) -> list[SourceFrame]:
    """Return frames of other detectors as a recipe wants them, each with how it is corrected.

    Raises
    ------
    InputRefused
        What is chosen for the job does not fit one of the detectors.
    """
    found = []
    for one in sources:
        detector = one.opened.detector
        try:
            geometry, corrected = correction(instrument, detector, parameters, parameters.unit)
        except ValueError as problem:
            raise InputRefused(f"{one.file_name}, of detector {detector}: {problem}") from problem
        found.append(SourceFrame(detector, one.recipe_input, geometry, corrected))
    return found


def _load(
    one: JobInput, job: CombineJob, instrument: Instrument, workspace: Workspace, opened: ExitStack
) -> JobFrame:
    path = workspace.objects.local_path(one.ref)
    name = one.file_name or path.name
    others = instrument.leaking_into(job.detector)
    try:
        inside = opened.enter_context(
            open_frames(path, instrument, workspace.scratch, file_name=name, unpack=True)
        )
        return JobFrame(one, next(frame for frame in inside if frame.detector in others and _is(frame, one)))
    except FrameRejected as refusal:
        raise InputRefused(f"frame {one.id}: {refusal}") from refusal
    except StopIteration:
        told = ", ".join(map(str, others)) or "none"
        raise InputRefused(
            f"{name}: does not hold frame {one.id} of a detector that may leak into detector {job.detector} ({told}); "
            "ingest it again, or plan again with the instrument description in force"
        ) from None


def _is(frame: OpenFrame, one: JobInput) -> bool:
    """Tell whether a frame is the one that a job names, by its content."""
    return frame_id(frame.content_sha256(), frame.detector) == one.id
