"""What a computation left in its scratch folder goes into the object store, under the hash of its bytes.

Owns the keys of artifacts. Knows no job and no database.
"""

from __future__ import annotations

from pathlib import Path

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.handlers import Artifact, Outcome
from calibrant.runtime.objects import ObjectStore, file_hash


def put_artifacts(objects: ObjectStore, outcome: Outcome, folder: Path) -> dict[str, DataRef]:
    """Put the artifacts of an outcome; return their references, by name.

    Raises
    ------
    PermanentError
        One does not lie below the scratch folder.
    StoreUnavailable
        The store is full or away; those that are put stay, and are the same when put again.
    """
    refs = {}
    for artifact in outcome.artifacts:
        path = _inside(folder, artifact)
        sha256, _ = file_hash(path)
        key = f"{artifact.prefix}/{sha256[:2]}/{sha256}{''.join(path.suffixes)}"
        refs[artifact.name] = objects.put_if_absent(key, path, artifact.media_type)
    return refs


def _inside(folder: Path, artifact: Artifact) -> Path:
    path = (folder / artifact.path).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise PermanentError(f"artifact {artifact.name}: {artifact.path!r} is not below the scratch folder")
    return path
