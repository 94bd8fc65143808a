"""Where a test's database is: a file, or a schema on a real PostgreSQL.

Owns no expectations. The fixture ``database_site`` of the tree's conftest.py gives each test both, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from calibrant.runtime.database import Database


@dataclass(frozen=True, slots=True)
class DatabaseSite:
    """Where a database is.

    Parameters
    ----------
    url : str
        Its address.
    schema : str
        The schema's name on a server.
    """

    url: str
    schema: str = "test"

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite's."""
        return self.url.startswith("sqlite")

    @property
    def setting(self) -> str:
        """What the setting ``database`` is: empty for a file, which is in the data folder then."""
        return "" if self.is_file else self.url

    def open(self, **options: Any) -> Database:
        """Open it, as one process of a service does."""
        return Database(self.url, schema=self.schema, **options)

    @contextmanager
    def opened(self, *migrations: Path, **options: Any) -> Iterator[Database]:
        """Open it for as long as the block lasts, with the runtime's tables and those of these revisions."""
        database = self.open_laid(*migrations, **options)
        try:
            yield database
        finally:
            database.close()

    def open_laid(self, *migrations: Path, **options: Any) -> Database:
        """Open it with the runtime's tables and those of these revisions, made if need be."""
        path = Path(self.url.removeprefix("sqlite:///"))
        if self.is_file and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_file(migrations))
            return self.open(**options)
        database = self.open(**options)
        try:
            database.migrate(migrations)
        except BaseException:
            database.close()
            raise
        return database

    def tables(self) -> set[str]:
        """Return the names of its tables."""
        database = self.open()
        try:
            with database.reading() as session:
                return set(sa.inspect(session.connection()).get_table_names())
        finally:
            database.close()


@cache
def _file(migrations: tuple[Path, ...]) -> bytes:
    """Return the file of an empty database with these tables; it takes as long to make as a test may take."""
    with TemporaryDirectory(prefix="calibrant-tables-") as folder:
        path = Path(folder) / "x.sqlite"
        database = Database(f"sqlite:///{path}")
        try:
            database.migrate(migrations)
        finally:
            database.close()
        return path.read_bytes()
