"""The migrations make exactly the tables that the code maps, and take them away again."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, inspect
from sqlmodel import SQLModel

import calibrant.camera
from calibrant.camera.migrations import camera_0001
from calibrant.camera.store import CAMERA_TABLES
from calibrant.runtime.database import Database


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/camera.sqlite"
    database = Database(url)
    database.migrate([Path(calibrant.camera.__file__).parent / "migrations"])
    database.close()
    return url


def own(_object, name, kind, _reflected, _compare_to):
    return kind != "table" or name in CAMERA_TABLES


def test_migrated_tables_are_the_mapped_ones(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": own, "compare_type": True, "target_metadata": SQLModel.metadata},
        )
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_the_downgrade_leaves_nothing_of_the_camera(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            camera_0001.downgrade()
        assert not set(inspect(connection).get_table_names()) & set(CAMERA_TABLES)
    engine.dispose()
