"""Sites of services as processes, on a Kafka, a PostgreSQL and an S3 service of their own."""

from collections.abc import Iterator

import pytest

from calibrant.bus.testing.broker import Broker
from calibrant.observatory.testing import Site
from calibrant.runtime.testing.s3 import KEY_ID, SECRET, ObjectServer


@pytest.fixture
def servers(postgres_url) -> Iterator[dict[str, str]]:
    """Variables of servers that nobody else uses: topics have the same names everywhere."""
    with Broker(steady=True) as broker, ObjectServer() as store:
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
def site(tmp_path, servers, camera) -> Iterator[Site]:
    """All services, one process each, not started; killed at the end."""
    with Site(tmp_path, servers, forked=True, **camera) as site:
        yield site
