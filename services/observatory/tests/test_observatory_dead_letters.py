"""Malformed and unknown events: the one becomes a dead letter, the other is counted and skipped."""

import asyncio

import pytest

from calibrant.bus.cloudevents import Envelope, to_message
from calibrant.bus.ports import Message
from calibrant.observatory.composition import observatory
from calibrant.observatory.testing import asked, events, here

TOPIC = "certifications"
KNOWN, UNKNOWN = "calibrant.certify.v1.CalibrationCertified", "calibrant.certify.v1.Applauded"


def event(name, type_, body):
    envelope = Envelope(
        id=name, source="/calibrant/certify", type=type_, time_utc="2026-01-01T00:00:00Z", data=body
    )
    return to_message(envelope, TOPIC, "k")


async def work(settings, *messages, letters):
    """Let the archive read these messages; it must end with so many dead letters."""
    async with observatory(settings, ["archive"]) as running:
        archive = running.process("archive")
        async with running.platform.bus.producer() as producer:
            await producer.send(list(messages))
        async with asyncio.timeout(20):
            while True:
                status = await archive.status()
                if not (any(status["lag"].values()) or status["in_hand"] or status["outbox"]):
                    break
                await asyncio.sleep(0.02)
        assert status["dead_letters"] == letters
        return status["counts"]


@pytest.fixture
def planted(settings):
    counts = asyncio.run(
        work(
            settings,
            event("e-broken", KNOWN, b'{"certification_id": 7'),
            event("e-unknown", UNKNOWN, b"{}"),
            Message(TOPIC, "k", b"\xff no event", (("ce_id", b"x"),)),
            letters=2,
        )
    )
    assert counts["skipped"] == 1
    assert counts["dead_letters"] == 2
    return settings.data_dir


def test_malformed_events_are_dead_letters_that_can_be_listed_and_shown(planted):
    rows = asked("dead-letters", "list", "--data-dir", planted)
    assert [(row["service"], row["topic"], row["error"], row["state"]) for row in rows] == [
        ("archive", TOPIC, "poison", "open")
    ] * 2
    assert any("CalibrationCertified" in row["reason"] for row in rows)
    shown = [asked("dead-letters", "show", row["letter_id"], "--data-dir", planted) for row in rows]
    assert any(one["body"] == '{"certification_id": 7' for one in shown)
    assert any("no event" in one["body"] for one in shown)
    table = here("dead-letters", "list", "--data-dir", planted).out
    assert rows[0]["letter_id"] in table
    cut = here("dead-letters", "list", "--limit", 1, "--data-dir", planted)
    assert cut.err == "The oldest 1 are shown, there are more; give a larger --limit.\n"
    assert rows[0]["letter_id"] in cut.out
    assert rows[1]["letter_id"] not in cut.out


def test_a_discarded_letter_is_put_away_for_good(planted):
    first, second = asked("dead-letters", "list", "--data-dir", planted)
    name = first["letter_id"]
    assert (
        f"{name} of archive is discarded" in here("dead-letters", "discard", name, "--data-dir", planted).out
    )
    assert asked("dead-letters", "list", "--data-dir", planted) == [second]
    states = {
        row["letter_id"]: row["state"]
        for row in asked("dead-letters", "list", "--all", "--data-dir", planted)
    }
    assert states == {name: "discarded", second["letter_id"]: "open"}
    (deed,) = asked("audit", "list", "--data-dir", planted)
    assert (deed["service"], deed["what"], deed["about"]) == ("archive", "dead letter", name)
    assert (deed["outcome"], "@" in deed["who"]) == ("discarded", True)
    assert name in here("audit", "list", "--who", deed["who"], "--data-dir", planted).out
    assert "Nobody has done anything yet." in here("audit", "list", "--who", "x", "--data-dir", planted).out
    again = here("dead-letters", "discard", name, "--data-dir", planted, code=1)
    assert f"dead letter {name} was discarded before" in again.err
    assert asked("audit", "list", "--data-dir", planted) == [deed]


def test_a_replayed_letter_is_taken_up_at_the_next_start(planted, settings):
    first, second = asked("dead-letters", "list", "--data-dir", planted)
    said = here("dead-letters", "replay", first["letter_id"], "--data-dir", planted).out
    assert "is sent again" in said
    assert asked("dead-letters", "list", "--data-dir", planted) == [second]
    before = len(events(TOPIC, planted))
    asyncio.run(work(settings, letters=2))  # it is as malformed as it was
    rows = asked("dead-letters", "list", "--data-dir", planted)
    assert first["letter_id"] not in {row["letter_id"] for row in rows}
    assert len(rows) == 2
    assert len(events(TOPIC, planted)) == before + 1


def test_an_unknown_letter_is_named(planted):
    for action in ("show", "replay", "discard"):
        said = here("dead-letters", action, "nothing", "--data-dir", planted, code=1).err
        assert said.startswith("error: no dead letter 'nothing'")


def test_events_that_cannot_be_read_do_not_stop_the_tail(planted):
    lines = here("events", "tail", "--topic", TOPIC, "--data-dir", planted).out
    assert "Applauded" in lines
    assert "unreadable: header ce_specversion is missing" in lines
    found = events(TOPIC, planted)
    assert {one.get("type") for one in found} == {KNOWN, UNKNOWN, None}
    (odd,) = (one for one in found if "unreadable" in one)
    assert "ce_specversion" in odd["unreadable"]
