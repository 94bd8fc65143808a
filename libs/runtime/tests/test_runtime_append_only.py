"""A table that only grows refuses every other change, on either database."""

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.exc import IntegrityError

from calibrant.runtime.append_only import drop_append_only, make_append_only


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request, tmp_path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/x.sqlite"
    else:
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    engine = sa.create_engine(url)
    with (
        engine.begin() as connection,
        Operations.context(MigrationContext.configure(connection)) as operations,
    ):
        operations.create_table(
            "ledger",
            sa.Column("number", sa.Integer, primary_key=True),
            sa.Column("name", sa.String, unique=True),
            sa.Column("code", sa.String),
        )
        operations.create_index("ix_code", "ledger", ["code"], unique=True)
        make_append_only("ledger", "the ledger's rows stay: write a new one")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO ledger VALUES (1, 'one', 'A'), (2, 'two', 'B')")
    yield engine
    engine.dispose()


CHANGES = [
    "UPDATE ledger SET name = 'other' WHERE number = 1",
    "DELETE FROM ledger",
    "INSERT INTO ledger VALUES (1, 'three', 'C') ON CONFLICT (number) DO UPDATE SET name = 'x'",
]
ONLY = {
    "sqlite": [
        "INSERT OR REPLACE INTO ledger VALUES (1, 'three', 'C')",
        "INSERT OR REPLACE INTO ledger VALUES (3, 'one', 'C')",
        "INSERT OR REPLACE INTO ledger VALUES (3, 'three', 'A')",
    ],
    "postgresql": ["TRUNCATE ledger"],
}


def rows(engine):
    with engine.begin() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM ledger ORDER BY number")]


def test_whatever_is_not_an_insertion_is_refused(engine):
    for change in [*CHANGES, *ONLY[engine.dialect.name]]:
        with pytest.raises(IntegrityError, match="the ledger's rows stay"), engine.begin() as connection:
            connection.exec_driver_sql(change)
    assert rows(engine) == [(1, "one", "A"), (2, "two", "B")]


def test_it_grows_and_can_be_dropped_and_made_again(engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO ledger VALUES (3, 'three', 'C')")
    assert len(rows(engine)) == 3
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        drop_append_only("ledger")
        assert sa.inspect(connection).get_table_names() == []
        if engine.dialect.name == "postgresql":
            left = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            assert connection.exec_driver_sql(left).scalar_one() == 0
