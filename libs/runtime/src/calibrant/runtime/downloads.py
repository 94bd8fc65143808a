"""Serving an object over HTTP, with ranges, its hash checked first. Must not know what the object is."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import HTTPException
from fastapi.responses import FileResponse

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import ObjectStore

log = logging.getLogger(__name__)


def download(
    objects: ObjectStore, ref: DataRef, name: str, headers: Mapping[str, str] | None = None
) -> FileResponse:
    """Return the answer that sends an object; for a worker thread, since a large one takes a while to check.

    Parameters
    ----------
    objects : ObjectStore
        Where it is.
    ref : DataRef
        The object.
    name : str
        What the file is called at the client's.
    headers : mapping or None
        Further headers.

    Raises
    ------
    HTTPException
        503: it is missing or damaged, or the store refuses it; the log says which.
    StoreUnavailable
        The store is away.
    """
    try:
        path = objects.local_path(ref)
    except PermanentError as problem:
        log.error("%s cannot be served: %s", name, problem)  # noqa: TRY400  its text says all
        raise HTTPException(503, f"the copy of {name} is missing or damaged; tell its keeper") from problem
    return FileResponse(path, media_type=ref.media_type, filename=name, headers=headers)
