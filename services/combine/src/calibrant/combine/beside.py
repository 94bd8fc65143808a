"""Frames of other detectors that were read at the same time as a job's own: opened and checked. Must not know recipes' insides."""

from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from calibrant.combine.inputs import FRAMES, SOURCES, InputRefused, JobFrame
from calibrant.combine.open_files import allow_for
from calibrant.combine.recipes.base import FrameInput
from calibrant.combine.recipes.parameters import Parameters
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobInput
from calibrant.frames.beside import SourceFrame, open_source, others_of, source_frame
from calibrant.frames.instrument import Instrument
from calibrant.frames.reading import FrameRejected
from calibrant.pixels.image import Unit
from calibrant.pixels.threads import side_by_side, thread_count
from calibrant.runtime.handlers import Workspace


def load_sources(
    job: CombineJob,
    instrument: Instrument,
    frames: list[JobFrame],
    workspace: Workspace,
    opened: ExitStack,
    *,
    detectors: Collection[int],
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
    detectors : collection of int
        Those that are wanted; where there are none, no file is opened.

    Raises
    ------
    InputRefused
        One is damaged, of no detector that may leak into the job's, or of no exposure of the job's frames.
    TooManyFiles
        A process may not have that many open here.
    """
    inputs = [one for one in job.inputs if one.role == SOURCES and detectors]
    allow_for(len(inputs) + len(frames))
    exposures = {frame.opened.facts.exposure_id for frame in frames}
    load = partial(_load, job=job, instrument=instrument, workspace=workspace, opened=opened)
    found = side_by_side(load, inputs, thread_count(None))
    for one in found:
        if one.opened.facts.exposure_id not in exposures:
            raise InputRefused(
                f"{one.file_name}: is of exposure {one.opened.facts.exposure_id}, of which the job has no {FRAMES}; plan "
                "again"
            )
    wanted = (one for one in found if one.opened.detector in detectors)
    return sorted(wanted, key=lambda one: (one.opened.facts.begin_tai_ns, one.opened.detector, one.input.id))


def source_frames(
    sources: Iterable[JobFrame], instrument: Instrument, parameters: Parameters, unit: Unit
) -> list[SourceFrame]:
    """Return frames of other detectors as what leaks, each with how it is corrected.

    Parameters
    ----------
    sources : iterable of JobFrame
        The frames.
    instrument, parameters
        Say how.
    unit : {'electron', 'adu'}
        Of what they leak.

    Raises
    ------
    InputRefused
        What is chosen for the job does not fit one of the detectors, or leaves its electronic level in.
    """
    found = []
    for one in sources:
        try:
            found.append(source_frame(one.opened, instrument, parameters, unit, one.recipe_input.name))
        except ValueError as problem:
            raise InputRefused(f"{one.file_name}, of detector {one.opened.detector}: {problem}") from problem
    return found


def with_others(
    frames: Iterable[JobFrame], sources: Iterable[SourceFrame], detectors: Collection[int]
) -> list[FrameInput]:
    """Return frames as a recipe wants them, each with what those of some other detectors read at the same time.

    Raises
    ------
    InputRefused
        An exposure has two frames of one of them.
    """
    beside = list(sources)
    own = [frame.recipe_input for frame in frames]
    try:
        return [replace(one, others=others_of(beside, one.exposure_id, detectors)) for one in own]
    except ValueError as problem:
        raise InputRefused(str(problem)) from problem


def all_there(frames: Iterable[JobFrame], sources: Iterable[SourceFrame], detectors: Collection[int]) -> bool:
    """Tell whether every exposure of some frames has one of each of some other detectors."""
    there = {(one.exposure_id, one.detector) for one in sources}
    return all((one.opened.facts.exposure_id, detector) in there for one in frames for detector in detectors)


def _load(
    one: JobInput, *, job: CombineJob, instrument: Instrument, workspace: Workspace, opened: ExitStack
) -> JobFrame:
    path = workspace.objects.local_path(one.ref)
    inside = open_source(
        path,
        instrument,
        workspace.scratch,
        named=one.id,
        detector=job.detector,
        file_name=one.file_name or path.name,
    )
    try:
        return JobFrame(one, opened.enter_context(inside))
    except FrameRejected as refusal:
        raise InputRefused(f"frame {one.id}: {refusal}") from refusal
    except ValueError as problem:
        raise InputRefused(str(problem)) from problem
