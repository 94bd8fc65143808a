"""From settings to adapters of the log and of the databases: embedded, or on servers.

The only place, beside tests, that names adapters of the log. The object store's are chosen in ``objects``.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect

from calibrant.bus.embedded import open_bus
from calibrant.bus.ports import Bus
from calibrant.runtime import addresses
from calibrant.runtime.database import Database
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.tables import InboxRow


async def open_log(settings: PlatformSettings) -> Bus:
    """Open the log: on brokers, or in a file of the data folder.

    Raises
    ------
    BusUnavailable
        It cannot be reached, or its file cannot be made or written.
    AccessDenied
        The brokers do not let us in.
    BusCorrupt
        Its file is damaged.
    """
    if not settings.bus:
        return await open_bus(_log_file(settings))
    from calibrant.bus import kafka  # noqa: PLC0415  whoever has files needs no client

    password = settings.bus_password.get_secret_value()
    return await kafka.open_bus(
        addresses.brokers(settings.bus),
        security=kafka.KafkaSecurity(settings.bus_username, password, settings.bus_ca),
        replication=settings.bus_replication,
    )


async def known_log(settings: PlatformSettings) -> Bus | None:
    """Open the log to look into it; None when nothing has ever run in the data folder."""
    return await open_log(settings) if settings.bus or _log_file(settings).exists() else None


def open_database(settings: PlatformSettings, service: str) -> Database:
    """Open a service's own database: a schema of its own on the server, or a file of its own."""
    if settings.database:
        password = settings.database_password.get_secret_value()
        return Database(settings.database, schema=service, password=password)
    return Database(f"sqlite:///{_database_file(settings, service)}")


def known_database(settings: PlatformSettings, service: str) -> Database | None:
    """Open a service's database to look into it; None when the service never ran there.

    Raises
    ------
    DatabaseUnavailable
        The server is away.
    """
    if not settings.database:
        return open_database(settings, service) if _database_file(settings, service).exists() else None
    database = open_database(settings, service)
    with database.reading() as session:
        known = inspect(session.connection()).has_table(str(InboxRow.__tablename__), schema=service)
    if not known:
        database.close()
    return database if known else None


def _log_file(settings: PlatformSettings) -> Path:
    return settings.data_dir.absolute() / "bus.sqlite"


def _database_file(settings: PlatformSettings, service: str) -> Path:
    return settings.data_dir.absolute() / "db" / f"{service}.sqlite"
