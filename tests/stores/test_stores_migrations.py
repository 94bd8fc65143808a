"""Every service's migrations on either database: up, rows in, down to nothing, up again, and the tables as mapped."""

from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

SERVICES = ("archive", "camera", "certify", "combine", "ingest", "sequencer", "verify")
VERSIONS = "alembic_version"
SAMPLES = ((sa.Integer, 1), (sa.Float, 0.5), (sa.LargeBinary, b"x"), (sa.Boolean, True), (sa.JSON, {}))


def migrations(service):
    module = import_module(f"calibrant.{service}.app")  # with it come the tables
    return Path(module.__file__).parent / "migrations"


def mapped(site):
    """The tables that are there, as the code maps them, those first that others refer to."""
    there = site.tables() - {VERSIONS}
    assert there <= SQLModel.metadata.tables.keys()
    return [table for table in SQLModel.metadata.sorted_tables if table.name in there]


def fill(database, tables):
    """Put a row into each table; return how many rows each has then."""
    with database.writing() as session:
        for table in tables:
            if not session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
                session.execute(table.insert(), _row(table))
    with database.reading() as session:
        counts = {
            t.name: session.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables
        }
    assert all(counts.values())
    return counts


def _row(table):
    return {
        column.name: None if column.nullable else _sample(column.type)
        for column in table.columns
        if not column.computed and column is not table.autoincrement_column
    }


def _sample(kind):
    return next((sample for own, sample in SAMPLES if isinstance(kind, own)), "x")


def differences(database, tables):
    names = {table.name for table in tables}
    metadata = sa.MetaData()
    for table in tables:
        table.to_metadata(metadata)

    def own(name, kind, _parents):
        return kind != "table" or name in names

    def mappable(thing, _name, kind, reflected, _other):
        """Whether the code can map it; what one database alone computes for itself it does not."""
        return not (kind == "column" and reflected and thing.computed is not None)

    with database.reading() as session:
        opts = {"compare_type": True, "include_name": own, "include_object": mappable}
        return compare_metadata(MigrationContext.configure(session.connection(), opts=opts), metadata)


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # SQLite does not tell of them
@pytest.mark.parametrize("service", SERVICES)
def test_migrations_go_up_and_down_on_data_and_make_the_tables_that_are_mapped(database_site, service):
    place = migrations(service)
    with closing(database_site.open()) as database:
        database.migrate([place])
        tables = mapped(database_site)
        assert any(table.name.startswith(f"{service}_") for table in tables)
        assert differences(database, tables) == []
        counts = fill(database, tables)
        database.migrate([place])
        assert fill(database, tables) == counts  # it has left them alone
        database.downgrade([place], f"{service}@base")
        assert not [name for name in database_site.tables() if name.startswith(f"{service}_")]
        database.downgrade([place], "runtime@base")
        assert database_site.tables() == {VERSIONS}
        database.migrate([place])
        assert differences(database, mapped(database_site)) == []


def test_every_service_is_here():
    folder = Path(__file__).parents[2] / "services"
    with_tables = {path.parents[3].name for path in folder.glob("*/src/calibrant/*/migrations")}
    assert with_tables == set(SERVICES)
