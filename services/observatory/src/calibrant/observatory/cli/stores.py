"""Reading the services' databases from the command line, through the services' own queries.

Owns nothing: a service that never ran in the place has no database, and so nothing to list.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calibrant.observatory.cli.options import Place
    from calibrant.runtime.database import Database
    from calibrant.runtime.objects import ObjectStore


def database_of(place: Place, service: str) -> Database | None:
    """Return a service's database, or None when it has none yet."""
    from calibrant.runtime.adapters import known_database  # noqa: PLC0415

    return known_database(place.settings(), service)


def databases_of(place: Place) -> list[tuple[str, Database]]:
    """Return the databases of the services that ever ran in the place, with the services' names."""
    from calibrant.observatory.composition import SERVICES  # noqa: PLC0415

    found = [(service, database_of(place, service)) for service in sorted(SERVICES)]
    return [(service, database) for service, database in found if database is not None]


def objects(place: Place) -> ObjectStore:
    """Return the object store."""
    from calibrant.runtime.objects import open_store  # noqa: PLC0415

    return open_store(place.settings())


@contextmanager
def prepared(place: Place, service: str) -> Iterator[Database]:
    """Open a service's database, made when it is not there, with its tables as they are now."""
    from calibrant.runtime.adapters import open_database  # noqa: PLC0415

    package = import_module(f"calibrant.{service}.migrations")
    database = open_database(place.settings(), service)
    try:
        database.migrate([Path(folder) for folder in package.__path__])
        yield database
    finally:
        database.close()


@contextmanager
def queries(place: Place, service: str, *arguments: Any) -> Iterator[Any | None]:
    """Open a service's query class on its database; None when the service never ran here.

    Parameters
    ----------
    place : Place
        Where things are kept.
    service : str
        Name of the service.
    arguments
        What its query class takes beside the session.
    """
    database = database_of(place, service)
    if database is None:
        yield None
        return
    query_class = getattr(import_module(f"calibrant.{service}.store"), f"{service.capitalize()}Queries")
    try:
        with database.reading() as session:
            yield query_class(session, *arguments)
    finally:
        database.close()
