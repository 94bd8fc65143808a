"""A broker that has just come up keeps no groups yet, and says so: a start waits for it, longer than for an answer."""

from types import SimpleNamespace

import pytest
from aiokafka import errors as kafka
from aiokafka.protocol.coordination import FindCoordinatorRequest

from calibrant.bus.errors import BusUnavailable
from calibrant.bus.kafka.access import check_access
from calibrant.bus.kafka.link import Link
from calibrant.bus.kafka.options import Options
from calibrant.bus.kafka.security import KafkaSecurity

READ = 1 << 3
GROUPS = {"produces": [], "consumes": [], "groups": ["combine"]}
NOT_YET = [
    kafka.GroupCoordinatorNotAvailableError,
    kafka.GroupLoadInProgressError,
    kafka.NotCoordinatorForGroupError,
]


class ColdLink(Link):
    """Answers as a broker does: so many times with an error, then with the right to read.

    The first answers of a group come from whoever knows its coordinator, the others from that one.
    """

    def __init__(self, errors, *, asks_coordinator=False, **patience):
        given = dict.fromkeys(("session_timeout_s", "rebalance_timeout_s", "max_poll_interval_s"), 1.0)
        times = {"request_timeout_s": 0.0, "delivery_timeout_s": 1.0, "cold_start_s": 60.0} | patience
        super().__init__(Options("nowhere:1", KafkaSecurity(), "test", **given, **times, replication=None))
        self.errors = list(errors)
        self.of_coordinator = asks_coordinator

    async def ask(self, request, _node=None):
        finds = isinstance(request, FindCoordinatorRequest)
        error = self.errors.pop(0) if self.errors and finds != self.of_coordinator else kafka.NoError
        if finds:
            return SimpleNamespace(error_code=error.errno, coordinator_id=1)
        return SimpleNamespace(groups=[(error.errno, READ)])


@pytest.mark.parametrize("error", NOT_YET)
@pytest.mark.parametrize("of_coordinator", [False, True])
@pytest.mark.asyncio
async def test_a_start_waits_for_groups_to_be_kept_though_a_request_would_have_ended(error, of_coordinator):
    link = ColdLink([error, error], asks_coordinator=of_coordinator)
    await check_access(link, **GROUPS)
    assert link.errors == []


@pytest.mark.asyncio
async def test_it_does_not_wait_for_ever():
    link = ColdLink(NOT_YET, cold_start_s=0.0)
    with pytest.raises(BusUnavailable, match=r"group 'combine' now: .*GroupCoordinatorNotAvailable"):
        await check_access(link, **GROUPS)


@pytest.mark.asyncio
async def test_what_has_nothing_to_do_with_groups_is_not_waited_for():
    link = ColdLink([kafka.RequestTimedOutError])
    with pytest.raises(BusUnavailable, match="RequestTimedOut"):
        await check_access(link, **GROUPS)
