"""Real frames: every file of the four sets is taken in, or refused for the reason that its README tells."""

from collections import Counter

import pytest

from calibrant.contracts.ingest.v1 import IngestFile
from calibrant.ingest.listing import list_folder
from calibrant.ingest.reading import INSTRUMENTS, FileFacts, compute
from calibrant.runtime.handlers import Workspace
from calibrant.runtime.objects import FolderStore


@pytest.mark.real_frames
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("newton-du940p", {"bias": 32, "flat": 23, "arc": 1, "unknown-type": 1}),  # the peer's master bias
        ("afosc-ccd42-40", {"bias": 30, "flat": 30, "science": 6}),
        ("st402", {"dark": 7, "flat": 5, "wrong-instrument": 2}),  # the peer's master dark and flat
        ("kast-blue", {"bias": 3, "flat": 3, "arc": 1, "standard": 1, "science": 1}),
    ],
)
def test_a_real_set_is_taken_in(real_data, tmp_path, name, expected) -> None:
    found: Counter[str] = Counter()
    ids = set()
    for number, file in enumerate(list_folder(str(real_data / name)).files):
        scratch = tmp_path / str(number)
        scratch.mkdir()
        job = IngestFile(
            job_id="j", acquisition_id="a", instrument=name, file_name=file.name, uri=f"file:{file.path}"
        )
        workspace = Workspace(
            scratch, FolderStore(tmp_path / "objects"), {INSTRUMENTS: str(tmp_path / "none")}
        )
        facts = FileFacts.model_validate(compute(job, workspace).data)
        found.update([facts.reason] if facts.reason else [frame.image_type for frame in facts.frames])
        ids |= {frame.frame_id for frame in facts.frames}
    assert found == expected
    refused = {"unknown-type", "wrong-instrument"}
    assert len(ids) == sum(count for what, count in expected.items() if what not in refused)
