"""Kafka with passwords, TLS and rights: a service that lacks something is told what, by name, before it works."""

import re

import pytest
import pytest_asyncio

from calibrant.bus.errors import AccessDenied
from calibrant.bus.kafka import KafkaSecurity, open_bus
from calibrant.bus.ports import Message, TopicSpec
from calibrant.bus.testing.broker import Broker, Guard
from calibrant.bus.testing.broker.guard import ADMIN
from calibrant.bus.testing.harness import collect, ends, send
from calibrant.contracts.access import acl_arguments, consumed_by, groups_of, produced_by, rights_of
from calibrant.contracts.flow import topics

pytestmark = [pytest.mark.asyncio, pytest.mark.kafka]
SPECS = [TopicSpec(topic.name, 1, topic.retention_days * 86400.0) for topic in topics().values()]
OWN = [spec for spec in SPECS if spec.topic in (*produced_by("combine"), *consumed_by("combine"))]
COMBINE = {
    "produces": produced_by("combine"),
    "consumes": consumed_by("combine"),
    "groups": groups_of("combine"),
}


@pytest.fixture(scope="module")
def guard():
    return Guard(["combine", "writer", "reader", "nobody"])


def too(arguments):
    """Who has one of combine's rights as well: each call of Kafka's tool is a start of Java."""
    who = {"Write": "writer", "Read": "reader"}.get(arguments[arguments.index("--operation") + 1])
    return ["--allow-principal", f"User:{who}"] if who and "--topic" in arguments else []


@pytest.fixture(scope="module")
def guarded(guard):
    """A guarded broker where combine has its rights, and two others half of them."""
    with Broker(guard=guard, steady=True) as broker:
        for arguments in acl_arguments(rights_of("combine")):
            guard.grant(broker.servers, [*arguments, *too(arguments)])
        yield broker


@pytest.fixture
def opened(guard, guarded):
    async def opened(user, password=None):
        security = KafkaSecurity(user, password or guard.passwords[user], guard.ca)
        return await open_bus(guarded.servers, security=security, request_timeout_s=30.0)

    return opened


@pytest_asyncio.fixture
async def admin(opened):
    bus = await opened(ADMIN)
    await bus.ensure_topics(SPECS)
    yield bus
    await bus.close()


async def test_a_service_with_the_rights_of_the_flow_does_its_work_and_no_more(admin, opened):
    bus = await opened("combine")
    await bus.ensure_topics(OWN)
    await bus.check_access(**COMBINE)
    await send(admin, [Message("combine-jobs.cpu", "k", b"job")])
    async with bus.consumer("combine-jobs", ["combine-jobs.cpu"]) as consumer:
        await consumer.commit(ends(await collect(consumer, 1)))
    await send(bus, [Message("combine-results", "k", b"result")])
    with pytest.raises(AccessDenied, match="certifications"):
        await send(bus, [Message("certifications", "k", b"forged")])
    with pytest.raises(AccessDenied, match="Describe on topic 'another'"):
        await bus.ensure_topics([TopicSpec("another", 1)])
    await bus.close()


async def test_a_wrong_password_is_not_let_in(opened):
    with pytest.raises(AccessDenied, match="let us in"):
        await opened("combine", "wrong")


async def test_a_broker_without_our_certificate_is_not_believed(guard, guarded, tmp_path):
    other = Guard([])
    other.prepare(tmp_path)
    security = KafkaSecurity("combine", guard.passwords["combine"], other.ca)
    with pytest.raises(AccessDenied, match="CERTIFICATE_VERIFY_FAILED"):
        await open_bus(guarded.servers, security=security)


@pytest.mark.parametrize(
    ("user", "lacks"),
    [
        (
            "writer",
            ["Read on topic 'combine-jobs.cpu'", "Read on group 'combine'", "Read on group 'combine-jobs'"],
        ),
        (
            "reader",
            ["Write on topic 'combine-results'", "Read on group 'combine'", "Read on group 'combine-jobs'"],
        ),
        (
            "nobody",
            [
                "Write on topic 'combine-results'",
                "Read on topic 'combine-jobs.cpu'",
                "Read on group 'combine'",
                "Read on group 'combine-jobs'",
            ],
        ),
    ],
)
async def test_a_missing_right_is_named_with_its_topic_or_group(admin, opened, user, lacks):
    bus = await opened(user)
    said = re.escape(f"{user} lacks these rights on the log: {', '.join(lacks)};")
    with pytest.raises(AccessDenied, match=said):
        await bus.check_access(**COMBINE)
    await bus.close()


async def test_the_password_is_never_shown(guard):
    assert "secret" not in repr(KafkaSecurity("combine", "secret", guard.ca))
