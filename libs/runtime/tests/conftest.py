import pytest

from calibrant.bus.errors import Backoff
from calibrant.runtime.database import Database
from calibrant.runtime.desk import Desk
from calibrant.runtime.health import Health
from calibrant.runtime.probe import Probe
from calibrant.runtime.testing.fakes import FakeClock
from calibrant.runtime.testing.probe_service import MIGRATIONS


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.sqlite", busy_timeout_s=0.05)
    database.migrate([MIGRATIONS])
    yield database
    database.close()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sleeps():
    return []


@pytest.fixture
def make_desk(database, clock, sleeps):
    """Make a service's desk whose waits are written down instead of waited for."""

    def make(name="sequencer", *, woken=None, on_sleep=None):
        async def sleep(seconds):
            sleeps.append(seconds)
            if on_sleep is not None:
                on_sleep()

        return Desk(
            name,
            "the use cases",
            database,
            clock,
            Health(),
            Probe(),
            woken or (lambda: None),
            backoff=Backoff(initial_s=1.0, factor=2.0, max_s=30.0, attempts=3, jitter=0.0),
            sleep=sleep,
            random=lambda: 0.5,
        )

    return make
