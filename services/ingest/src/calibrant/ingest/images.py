"""What is told of images that a camera took: one acknowledgement for each detector, as SAL's imageInOODS. Pure.

Must not know how a file is read, nor what a frame is.
"""

from __future__ import annotations

from calibrant.contracts.ingest.v1 import ImageInOODS, IngestFile
from calibrant.ingest.reading import FileFacts

INGESTED, REFUSED = 0, 1


def ingested_images(job: IngestFile) -> list[ImageInOODS]:
    """Return that the file of a detector has been taken in; nothing where no camera told of the file."""
    return _told(job, INGESTED, "ingested")


def refused_images(job: IngestFile, facts: FileFacts) -> list[ImageInOODS]:
    """Return that the file of a detector is refused, and why; nothing where no camera told of the file."""
    return _told(job, REFUSED, f"{facts.reason}: {facts.message}")


def given_up_images(job: IngestFile, why: str) -> list[ImageInOODS]:
    """Return that the file of a detector could not be looked at, and why; nothing where no camera told of the file.

    Where the job is done after all, that is told then.
    """
    return _told(job, REFUSED, f"given up: {why}")


def _told(job: IngestFile, status: int, description: str) -> list[ImageInOODS]:
    image = job.image
    if image is None:
        return []
    raft, _, sensor = image.detector_name.rpartition("_")
    told = ImageInOODS(
        camera=image.camera,
        obsid=image.image_name,
        raft=raft,
        sensor=sensor,
        status_code=status,
        description=description,
        acquisition_id=job.acquisition_id,
    )
    return [told]
