"""Real servers, each behind a line that can be spoilt, and what is said to whom of where they are.

Owns their start and end. Must not know services.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from calibrant.bus.testing.broker import Broker
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.postgres import Cluster
from calibrant.runtime.testing.s3 import KEY_ID, SECRET, ObjectServer
from chaos.lines import Lines

_DATABASE = "chaos"


class Servers:
    """A Kafka, a PostgreSQL and an S3 service that nobody else uses; a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.lines = Lines()
        self.broker = Broker()
        self.database = Cluster()
        self.objects = ObjectServer()
        self.bucket = ""
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Start them, and lay the lines."""
        try:
            for part in (self.broker, self.database, self.objects, self.lines):
                self._stack.enter_context(part)
            self.database.create_database(_DATABASE)
            self.bucket = self.objects.create_bucket().name
            behind = self.broker.ports
            self.lines.open("broker", behind.behind_proxy, behind.proxy)
            self.ports["database"] = self.lines.open("database", self.database.port)
            self.ports["objects"] = self.lines.open("objects", self.objects.port)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop them; what they held is gone."""
        self._stack.close()

    @property
    def behind_lines(self) -> dict[str, str]:
        """Variables of processes: every server through its line."""
        return {
            "CALIBRANT_BUS": f"kafka://{self.broker.servers_behind_proxy}",
            "CALIBRANT_DATABASE": self.database.url(_DATABASE).replace(
                f":{self.database.port}/", f":{self.ports['database']}/"
            ),
            "CALIBRANT_OBJECTS": f"s3://{self.bucket}/site",
            "CALIBRANT_OBJECTS_ENDPOINT": f"http://127.0.0.1:{self.ports['objects']}",
            "CALIBRANT_OBJECTS_KEY_ID": KEY_ID,
            "CALIBRANT_OBJECTS_SECRET": SECRET,
        }

    def direct(self, data_dir: Path) -> PlatformSettings:
        """Return how we reach them ourselves, by no line."""
        return PlatformSettings(
            data_dir=data_dir,
            bus=f"kafka://{self.broker.servers}",
            database=self.database.url(_DATABASE),
            objects=f"s3://{self.bucket}/site",
            objects_endpoint=self.objects.endpoint,
            objects_key_id=KEY_ID,
            objects_secret=SecretStr(SECRET),
        )
