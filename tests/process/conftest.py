"""Sites of services as processes, on a Kafka, a PostgreSQL and an S3 service of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from calibrant.bus.testing.broker import Broker
from calibrant.observatory.testing import Calibrant, Records, Site
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.s3 import KEY_ID, SECRET, ObjectServer

SEQUENCE = """
instrument: simcam-tiny
script_mode: BIAS_DARK_FLAT
n_bias: 5
n_dark: 3
exp_times_dark: 30
n_flat: 5
exp_times_flat: 5
filter: r
generate_calibrations: true
"""
CAMERA = {"CALIBRANT_INSTRUMENT": "simcam-tiny", "CALIBRANT_FLAWS": '["light-leak"]'}


@pytest.fixture(scope="session")
def sequence(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sequence") / "sequence.yaml"
    path.write_text(SEQUENCE)
    return path


@pytest.fixture(scope="session")
def embedded(once, sequence) -> tuple[dict, Records]:
    """The same sequence in one process with all that is embedded: what it said and what it left."""

    def make(folder: Path) -> str:
        command = Calibrant(folder, **CAMERA, CALIBRANT_DATA_DIR=str(folder / "data"))
        return command("run", sequence, "--flaw", "light-leak", "--json").out

    data, said = once("embedded", make)
    return said, Records(PlatformSettings(data_dir=data))


@pytest.fixture
def servers(postgres_url) -> Iterator[dict[str, str]]:
    """Variables of servers that nobody else uses: topics have the same names everywhere."""
    with Broker() as broker, ObjectServer() as store:
        bucket = store.create_bucket()
        yield {
            "CALIBRANT_BUS": f"kafka://{broker.servers}",
            "CALIBRANT_DATABASE": postgres_url,
            "CALIBRANT_OBJECTS": f"s3://{bucket.name}/site",
            "CALIBRANT_OBJECTS_ENDPOINT": store.endpoint,
            "CALIBRANT_OBJECTS_KEY_ID": KEY_ID,
            "CALIBRANT_OBJECTS_SECRET": SECRET,
        }


@pytest.fixture
def site(tmp_path, servers) -> Iterator[Site]:
    """All services, one process each, not started; killed at the end."""
    with Site(tmp_path, servers, **CAMERA) as site:
        yield site
