"""Servers are reached before any work starts; what is wrong with one is told by name, and no text holds a secret."""

import traceback

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from calibrant.bus.errors import AccessDenied, BusRefused, BusUnavailable, CalibrantError
from calibrant.bus.ports import TopicSpec
from calibrant.bus.testing.broker import Broker, Guard
from calibrant.bus.testing.broker.ports import free_ports
from calibrant.runtime.adapters import known_database, known_log, open_database, open_log
from calibrant.runtime.database import DatabaseRefused, DatabaseUnavailable
from calibrant.runtime.objects import open_store
from calibrant.runtime.objects.s3 import S3Store
from calibrant.runtime.platform import open_platform
from calibrant.runtime.reaching import reach
from calibrant.runtime.settings import PlatformSettings

SECRET = "g3h'e%im \"{}\\é"
SECRETS = dict.fromkeys(("bus_password", "database_password", "objects_secret"), SECRET)


@pytest.fixture
def nobody():
    """An address that nobody listens on."""
    (port,) = free_ports(1)
    return f"127.0.0.1:{port}"


@pytest.mark.asyncio
async def test_nothing_is_reached_where_everything_is_embedded(tmp_path):
    assert await reach(PlatformSettings(data_dir=tmp_path / "none"), "archive") == {}
    assert not (tmp_path / "none").exists()


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.asyncio
async def test_servers_that_are_there_are_reached_and_left_as_they_are(tmp_path, broker, postgres_url):
    settings = PlatformSettings(data_dir=tmp_path, bus=f"kafka://{broker.servers}", database=postgres_url)
    assert await reach(settings, "archive") == {"bus": settings.bus, "database": settings.database}
    assert known_database(settings, "archive") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_a_service_that_ran_on_a_server_is_known_there(tmp_path, postgres_url):
    settings = PlatformSettings(data_dir=tmp_path, database=postgres_url)
    database = open_database(settings, "archive")
    database.migrate([])
    database.close()
    known = known_database(settings, "archive")
    assert known is not None
    known.close()
    assert known_database(settings, "certify") is None


@pytest.mark.postgres
@pytest.mark.asyncio
async def test_a_user_who_may_make_no_tables_is_told_which_right_is_missing(tmp_path, postgres, postgres_url):
    name = postgres_url.rpartition("/")[2]
    with postgres.connect() as connection:
        connection.execute("create role guest login")
        connection.execute(sql.SQL("grant connect on database {} to guest").format(sql.Identifier(name)))
    settings = PlatformSettings(data_dir=tmp_path, database=postgres_url.replace("calibrant@", "guest@", 1))
    with pytest.raises(DatabaseRefused, match="grant CREATE"):
        await reach(settings, "archive")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create schema archive authorization guest")
    assert await reach(settings, "archive") == {"database": settings.database}


@pytest.mark.kafka
@pytest.mark.asyncio
async def test_more_copies_of_a_topic_than_there_are_brokers_are_refused(tmp_path, broker):
    settings = PlatformSettings(data_dir=tmp_path, bus=f"kafka://{broker.servers}", bus_replication=3)
    log = await open_log(settings)
    with pytest.raises(BusRefused, match="eplication factor"):
        await log.ensure_topics([TopicSpec("copied-thrice", 1)])
    await log.close()


@pytest.mark.kafka
@pytest.mark.asyncio
async def test_a_service_without_rights_is_told_which_it_lacks_before_it_starts(tmp_path):
    guard = Guard(["combine"])
    with Broker(guard=guard) as guarded:
        settings = PlatformSettings(
            data_dir=tmp_path,
            bus=f"kafka://{guarded.servers}",
            bus_username="combine",
            bus_password=guard.passwords["combine"],
            bus_ca=guard.ca,
        )
        with pytest.raises(AccessDenied) as lacking:
            await reach(settings, "combine")
        async with open_platform(settings, all_topics=False) as platform:
            with pytest.raises(AccessDenied, match=r"topic 'combine-"):
                await platform.admit("combine")
        wrong = settings.model_copy(update={"bus_password": SecretStr(SECRET)})
        with pytest.raises(AccessDenied) as refused:
            await reach(wrong, "combine")
    for right in ("Write on topic 'combine-results'", "Read on topic 'combine-jobs.cpu'"):
        assert right in str(lacking.value)
    assert "g3h" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"bus": "kafka://{}"}, BusUnavailable),
        ({"bus": "kafka://{}", "bus_username": "me"}, BusUnavailable),
        ({"database": "postgresql://me@{}/calibrant"}, DatabaseUnavailable),
        ({"objects": "s3://cal", "objects_endpoint": "http://{}", "objects_key_id": "me"}, CalibrantError),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.__name__,
)
@pytest.mark.asyncio
async def test_a_server_that_is_away_is_named_and_no_secret_is(tmp_path, nobody, settings, error):
    given = {name: text.format(nobody) for name, text in settings.items()}
    with pytest.raises(error) as raised:
        await reach(PlatformSettings(data_dir=tmp_path, **SECRETS, **given), "archive")
    assert nobody in str(raised.value)
    shown = "".join(traceback.format_exception(raised.value))
    assert nobody in shown
    assert SECRET not in shown
    assert "g3h" not in shown


def test_what_is_opened_from_settings_shows_no_secret(tmp_path):
    settings = PlatformSettings(
        data_dir=tmp_path, database="postgresql://me@127.0.0.1:1/cal", objects="s3://cal/site", **SECRETS
    )
    database, store = open_database(settings, "archive"), open_store(settings)
    database.close()
    assert isinstance(store, S3Store)
    for shown in (repr(store), repr(database.backend), database.place, repr(settings)):
        assert "g3h" not in shown


@pytest.mark.asyncio
async def test_an_empty_data_folder_has_no_log_to_look_into(tmp_path):
    assert await known_log(PlatformSettings(data_dir=tmp_path / "none")) is None
    assert not (tmp_path / "none").exists()


@pytest.mark.asyncio
async def test_a_data_folder_is_made_also_where_everything_is_on_servers(tmp_path, nobody):
    folder = tmp_path / "not" / "there"
    settings = PlatformSettings(
        data_dir=folder,
        bus=f"kafka://{nobody}",
        objects="s3://cal",
        objects_endpoint=f"http://{nobody}",
        **SECRETS,
    )
    with pytest.raises(CalibrantError):  # nobody is there, who could have made it
        async with open_platform(settings, all_topics=False):
            pass
    assert list(folder.iterdir()) == []
