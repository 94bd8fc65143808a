"""What only one process may have, among all that share a server: refused to a second, watched, taken again or given up."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from calibrant.runtime import sole
from calibrant.runtime.health import Health
from calibrant.runtime.sole import HeldByAnother, Sole
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.testing.lanes import until
from calibrant.runtime.testing.postgres import Cluster

pytestmark = [pytest.mark.postgres, pytest.mark.asyncio]


@pytest.fixture
def cluster():
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def site(cluster):
    return DatabaseSite(cluster.create_database())


@pytest.fixture
def make(site, tmp_path):
    def make(name="camera main", health=None):
        return Sole(name, site.open(), tmp_path / "locks", health or Health())

    return make


async def test_a_second_process_is_refused_and_told_who_has_it(make, tmp_path):
    async with make():
        with pytest.raises(
            HeldByAnother, match=r"camera main runs already .* in calibrant test .*/\d+ at 127\.0\.0\.1"
        ):
            await make().__aenter__()
        async with make("camera other"):
            pass
    async with make():
        pass
    assert not (tmp_path / "locks").exists()


async def test_after_a_restart_of_the_server_it_is_taken_again(make, cluster, monkeypatch):
    monkeypatch.setattr(sole, "LOOK_S", 0.02)
    health, told = Health(), []
    trouble = health.trouble
    monkeypatch.setattr(health, "trouble", lambda part, what: (told.append(what), trouble(part, what)))
    async with make(health=health) as mine:
        watching = asyncio.create_task(mine.watch())
        await asyncio.to_thread(cluster.kill)
        await until(lambda: "sole" in health.troubles)
        await asyncio.to_thread(cluster.start)
        await until(lambda: not health.troubles)
        assert "camera main: the database has lost the lock" in told[0]
        with pytest.raises(HeldByAnother):
            await make().__aenter__()
        watching.cancel()


async def test_who_finds_it_taken_after_a_restart_of_the_server_ends(make, cluster, monkeypatch):
    monkeypatch.setattr(sole, "LOOK_S", 0.02)
    async with make() as mine:
        await asyncio.to_thread(cluster.restart)
        async with make():
            with pytest.raises(HeldByAnother, match="camera main runs already"):
                await mine.watch()


async def test_a_lost_session_that_the_server_still_keeps_is_ended_and_the_lock_taken_again(
    make, monkeypatch
):
    monkeypatch.setattr(sole, "LOOK_S", 0.02)
    health = Health()
    async with make(health=health) as mine:
        lost, mine._lock._session = mine._lock._session, None  # as where the network fails
        watching = asyncio.create_task(mine.watch())
        await until(lambda: mine._lock._session is not None and not health.troubles)
        assert not watching.done()
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            lost.execute("SELECT 1")
        watching.cancel()


async def test_a_server_notices_soon_that_a_machine_has_gone(site, make):
    database = site.open()
    with database.reading() as session:
        assert session.execute(text("SHOW tcp_keepalives_idle")).scalar_one() == "10"
    database.close()
    async with make() as mine:
        (idle,) = mine._lock._session.execute("SHOW tcp_keepalives_idle").fetchone()
        assert idle == "10"
