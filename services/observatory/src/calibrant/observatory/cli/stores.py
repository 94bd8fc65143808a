"""Reading the services' databases from the command line, through the services' own queries.

Owns nothing: a service that never ran in the data folder has no database, and so nothing to list.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calibrant.runtime.database import Database


def database_of(data_dir: Path, service: str) -> Database | None:
    """Return a service's database, or None when it has none yet."""
    from calibrant.runtime.database import Database  # noqa: PLC0415
    from calibrant.runtime.platform import database_url  # noqa: PLC0415

    url = database_url(data_dir.absolute(), service)
    return Database(url) if Path(url.removeprefix("sqlite:///")).exists() else None


@contextmanager
def queries(data_dir: Path, service: str, *arguments: Any) -> Iterator[Any | None]:
    """Open a service's query class on its database; None when the service never ran here.

    Parameters
    ----------
    data_dir : Path
        The data folder.
    service : str
        Name of the service.
    arguments
        What its query class takes beside the session.
    """
    database = database_of(data_dir, service)
    if database is None:
        yield None
        return
    query_class = getattr(import_module(f"calibrant.{service}.store"), f"{service.capitalize()}Queries")
    try:
        with database.reading() as session:
            yield query_class(session, *arguments)
    finally:
        database.close()
