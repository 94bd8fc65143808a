"""Secrets come from files, work, and stand in nothing that services and commands say, whatever goes wrong."""

import base64
import json
import urllib.request
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from calibrant.bus.testing.broker.ports import free_ports
from calibrant.observatory.testing import Site
from calibrant.runtime.testing.postgres import Cluster
from calibrant.runtime.testing.s3 import KEY_ID, ObjectServer

SECRET = "g3h'e%im \"{}\\$é@:/-x"
"""A password with everything that is quoted somewhere."""
FORMS = {
    SECRET,
    repr(SECRET)[1:-1],
    ascii(SECRET)[1:-1],
    json.dumps(SECRET)[1:-1],
    quote(SECRET),
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    base64.b64encode(SECRET.encode()).decode(),
    "g3h",
}
NAMES = ("CALIBRANT_BUS_PASSWORD", "CALIBRANT_DATABASE_PASSWORD", "CALIBRANT_OBJECTS_SECRET")


@pytest.fixture
def secrets(tmp_path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(f"{SECRET}\n")
    return folder


def asked(unit, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{unit.ops_port}{path}", timeout=10) as answer:
        return answer.read().decode()


@pytest.mark.postgres
@pytest.mark.timeout(300)
def test_what_services_and_commands_say_holds_no_secret_though_servers_come_and_go(tmp_path, secrets):
    with Cluster(password=SECRET) as cluster, ObjectServer() as store:
        servers = {
            "CALIBRANT_DATABASE": cluster.create_database(),
            "CALIBRANT_OBJECTS": f"s3://{store.create_bucket().name}",
            "CALIBRANT_OBJECTS_ENDPOINT": store.endpoint,
            "CALIBRANT_OBJECTS_KEY_ID": KEY_ID,
        }
        with Site(tmp_path, servers, ["certify"], forked=True, CALIBRANT_SECRETS_DIR=str(secrets)) as site:
            site.start()
            told = [asked(site["certify"], path) for path in ("/ready", "/metrics")]
            assert site.calibrant("-v", "calibrations", "list", "--json").json == []
            cluster.stop()
            site.wait_until(lambda: not site["certify"].ready(), "the database is missed")
            gone = ("--bus", f"kafka://127.0.0.1:{free_ports(1)[0]}")
            site.calibrant.environment["CALIBRANT_BUS_USERNAME"] = "me"
            ended = [
                site.calibrant("-v", *words, code=1)
                for words in (("calibrations", "list"), ("doctor", *gone), ("events", "tail", *gone))
            ]
            cluster.start()
            site.await_ready()
            site.stop()
            told += [text for end in ended for text in (end.out, end.err)] + [site["certify"].log.read_text()]
    assert "cannot be reached" in ended[0].err
    assert ended[1].out.count("bad ") == 2
    said = "\n".join(told)
    assert "cannot be reached" in site["certify"].log.read_text()
    assert [form for form in FORMS if form in said] == []
