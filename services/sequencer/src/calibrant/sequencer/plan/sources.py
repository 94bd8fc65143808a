"""Frames of other detectors that go into a job beside its own: those that may leak into them. Knows no recipe's insides."""

from collections.abc import Iterable
from typing import Final

from calibrant.contracts.common.v1 import JobInput
from calibrant.contracts.ingest.v1 import Frame
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Node

CROSSTALK: Final = "crosstalk"
"""The kind that measures what leaks from other detectors; what takes it out of frames has a role of that name."""

SOURCE_IMAGES: Final = 2
"""Images that a job holds of each of them: as it was read, and corrected."""


def frame_input(role: str, frame: Frame) -> JobInput:
    """Return a frame as an input of a job."""
    return JobInput(
        role=role,
        id=frame.frame_id,
        ref=frame.ref,
        exposure_id=frame.exposure_id,
        file_name=frame.file_name,
    )


def sources_of(ground: Ground, head: Node, frame_ids: Iterable[str]) -> list[JobInput]:
    """Return the run's frames of detectors that may leak into a head's, of the exposures of some of its frames.

    Of an exposure that a detector has more than one frame of, the first counts, as it does where sets are made.

    Parameters
    ----------
    ground : Ground
        Has the frames, and says which detectors those are.
    head : Node
        What is built or verified. A crosstalk matrix is measured with them; frames corrected by one have what they leak
        taken out.
    frame_ids : iterable of str
        The frames that a job of it has.
    """
    others = () if head.detector is None else ground.leaking_into(head.detector)
    if not others or CROSSTALK not in {head.kind, *(used.role for used in head.used)}:
        return []
    exposures = {ground.frames[frame_id].exposure_id for frame_id in frame_ids}
    found = [
        frame
        for frame in ground.frames.values()
        if frame.detector in others and frame.exposure_id in exposures
    ]
    found.sort(key=lambda frame: (frame.begin.ns, frame.detector, frame.frame_id))
    first: dict[tuple[str, int], Frame] = {}
    for frame in found:
        first.setdefault((frame.exposure_id, frame.detector), frame)
    return [frame_input("sources", frame) for frame in first.values()]
