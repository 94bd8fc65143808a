"""The PostgreSQL server for tests: it starts, dies, stands still and comes back with its data."""

import psycopg
import pytest

from calibrant.runtime.testing import postgres
from calibrant.runtime.testing.postgres import Cluster, ServerFailed

pytestmark = pytest.mark.postgres


def remember(cluster, word):
    with cluster.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS said (word text)")
        connection.execute("INSERT INTO said VALUES (%s)", [word])


def remembered(cluster):
    with cluster.connect() as connection:
        return [word for (word,) in connection.execute("SELECT word FROM said ORDER BY word")]


def test_it_comes_back_with_its_data_after_a_kill_and_a_restart_and_leaves_nothing():
    with Cluster() as cluster:
        remember(cluster, "before the kill")
        cluster.kill()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            cluster.connect()
        cluster.start()
        remember(cluster, "after the kill")
        cluster.restart()
        assert remembered(cluster) == ["after the kill", "before the kill"]
        folder = cluster.data.parent
    assert not folder.exists()


def test_one_that_stands_still_answers_nobody_until_it_goes_on():
    with Cluster() as cluster:
        cluster.suspend()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(cluster.url(), connect_timeout=2)
        cluster.resume()
        cluster.connect().close()


def test_it_asks_for_its_password():
    with Cluster(password="a pass phrase") as cluster:
        url = cluster.create_database("own")
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(url)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url, password="another")
        cluster.connect("own").close()


def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "something").write_text("else")
    with pytest.raises(ServerFailed, match=r"initdb in .*data"):
        Cluster(tmp_path / "data").start()


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "_PLACES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no PostgreSQL" in postgres.missing()
    with pytest.raises(ServerFailed, match="no PostgreSQL"):
        Cluster()
