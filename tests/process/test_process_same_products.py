"""Every service as a process of its own, on Kafka, PostgreSQL and S3: the same products as in one process."""

import pytest

from calibrant.observatory.testing import asked, here
from calibrant.sequencer.states import ENDED

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(500)]
MINE = ("run_id", "begun_tai_ns", "ended_tai_ns")
"""What differs between two runs of the same sequence."""


def outcome(said):
    run = {name: value for name, value in said["run"].items() if name not in MINE}
    return run, said["calibrations"], said["rejected"]


def certified(records):
    """Every certification announced: the product with the hash of its file, where, and for when."""
    return sorted(
        (
            event["product"]["product_id"],
            event["product"]["ref"]["sha256"],
            event["collection"],
            *(str(event["validity"][side]) for side in ("begin", "end")),
        )
        for event in records.announced("certifications", "CalibrationCertified")
    )


def published(records):
    """Every announcement to the world: the product, its version, the hash of the archive's copy."""
    return sorted(
        (event["product_id"], event["version"], event["ref"]["sha256"], event["ref"]["uri"])
        for event in records.announced("publications")
    )


def check_the_same(said, records, embedded):
    """Compare what a run said and left with the embedded one, file by file and announcement by announcement."""
    expected, reference = embedded
    assert outcome(said) == outcome(expected)
    for part in ("raw", "products", "archive"):
        digests = records.digests(part)
        assert digests
        assert digests == reference.digests(part), part
    assert len(certified(records)) == len(published(records)) == 5
    assert certified(records) == certified(reference)
    assert published(records) == published(reference)
    assert records.unrest() == []


def test_one_process_on_servers_makes_them_too_and_every_listing_shows_them(
    site, sequence, embedded, servers
):
    places = {"--bus": "BUS", "--database": "DATABASE", "--objects": "OBJECTS"}
    places["--objects-endpoint"] = "OBJECTS_ENDPOINT"
    options = [word for option, name in places.items() for word in (option, servers[f"CALIBRANT_{name}"])]
    for name in places.values():
        del site.calibrant.environment[f"CALIBRANT_{name}"]
    site.calibrant.forked = False
    said = site.calibrant("run", sequence, *options, "--flaw", "light-leak", "--json", code=3).json
    check_the_same(said, site.records, embedded)
    numbers = {"frames": 18, "products": 6, "reports": 6, "calibrations": 5, "publications": 5, "runs": 1}
    for what, number in numbers.items():
        assert len(asked(what, "list", environment=servers)) == number, what
    assert len(here("events", "tail", "--topic", "publications", environment=servers).out.splitlines()) == 5
    site.calibrant.environment.update(servers)
    assert site.calibrant("dead-letters", "list", "--json").json == []
    found = {row["what"]: row["state"] for row in site.calibrant("doctor", "--json").json}
    assert found["log"] == found["database"] == found["objects"] == "good"


def test_seven_processes_make_what_one_does_though_some_are_restarted_in_mid_sequence(
    site, sequence, embedded
):
    site.start()
    run = site.calibrant.begin("run", sequence, "--attach", "--json")
    site.wait_until(lambda: site.records.announced("frames"), "the first frame is taken in")
    site["camera"].stop()  # a drain: the images of its command are taken, those of the next wait for it
    for name in ("ingest", "combine", "sequencer"):
        site[name].restart()
        site.await_ready()
    assert site.records.ask("sequencer", "select state from sequencer_run") not in [
        [(state,)] for state in ENDED
    ]
    site["camera"].start()
    said = site.calibrant.finish(run, code=3).json
    second = site.calibrant("run", sequence, code=1).err
    assert "camera camera runs already on this database" in second
    assert "--attach" in second
    site.stop()
    check_the_same(said, site.records, embedded)
