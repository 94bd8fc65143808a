"""Whether servers that the settings name can be reached, and do what will be asked of them.

Owns the questions. Changes nothing: no topic is made, no table, no object.
"""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from calibrant.bus.errors import UnknownTopic
from calibrant.bus.ports import Bus
from calibrant.contracts.access import consumed_by, groups_of, produced_by
from calibrant.runtime.adapters import open_database, open_log
from calibrant.runtime.database import DatabaseRefused
from calibrant.runtime.objects import open_store
from calibrant.runtime.settings import PlatformSettings

_MAY_MAKE_TABLES = text(
    "select case when exists (select from pg_namespace where nspname = :schema)"
    " then has_schema_privilege(:schema, 'CREATE')"
    " else has_database_privilege(current_database(), 'CREATE') end"
)


async def reach(settings: PlatformSettings, service: str = "") -> dict[str, str]:
    """Reach every server that is named; return the addresses, by setting.

    Parameters
    ----------
    settings : PlatformSettings
        Where they are; what is embedded is passed over.
    service : str
        The service whose rights are to be checked; empty: none.

    Raises
    ------
    CalibrantError
        One cannot be reached, or does not do what the service will ask; the text names it.
    """
    if settings.bus:
        await reach_log(settings, service)
    if settings.database:
        await asyncio.to_thread(reach_database, settings, service)
    if settings.objects:
        await asyncio.to_thread(open_store(settings).check)
    found = {"bus": settings.bus, "database": settings.database, "objects": settings.objects}
    return {name: address for name, address in found.items() if address}


async def reach_log(settings: PlatformSettings, service: str = "") -> None:
    """Reach the log, and check a service's rights on its topics and groups as far as these exist.

    Raises
    ------
    BusUnavailable
        It cannot be reached.
    AccessDenied
        It does not let us in, or rights are missing; the text names them.
    """
    bus = await open_log(settings)
    try:
        if service:
            await check_rights(bus, service)
    except UnknownTopic:
        pass  # it is made at the first start
    finally:
        await bus.close()


async def check_rights(bus: Bus, service: str) -> None:
    """Check that a service may write, read and join what the data flow gives it.

    Raises
    ------
    AccessDenied
        The text names every right that is missing, and on what.
    UnknownTopic
        A topic was not made yet.
    """
    await bus.check_access(
        produces=produced_by(service), consumes=consumed_by(service), groups=groups_of(service)
    )


def reach_database(settings: PlatformSettings, service: str = "") -> None:
    """Reach the database, and make sure that a service may make its tables there.

    Raises
    ------
    DatabaseUnavailable
        It cannot be reached.
    DatabaseRefused
        The user may not make tables, or there is no such user or database.
    """
    database = open_database(settings, service or "calibrant")
    try:
        with database.reading() as session:
            if service and not session.execute(_MAY_MAKE_TABLES, {"schema": service}).scalar_one():
                raise DatabaseRefused(
                    f"database {database.place}: its user may not make tables there; grant CREATE on the "
                    "database, or on the schema if it exists"
                )
            session.execute(text("select 1"))
    finally:
        database.close()
