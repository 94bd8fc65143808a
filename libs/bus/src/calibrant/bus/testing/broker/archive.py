"""The broker's classes laid out in a file, once: with it each process of Java comes up in half the time.

Owns the making of that file, beside the jars; ``.ci/servers`` asks for it by ``python -m``. Nothing needs it.
"""

import os
import tempfile
from pathlib import Path

from calibrant.bus.testing.broker.distribution import archive, missing
from calibrant.bus.testing.broker.node import Broker


def make() -> None:
    """Let a broker come up and leave, and Java write down what it loaded; does nothing where the file is there."""
    if missing() or archive().is_file():
        return
    unfinished = archive().with_suffix(f".{os.getpid()}")
    os.environ["JDK_JAVA_OPTIONS"] = f'"-XX:ArchiveClassesAtExit={unfinished}"'
    try:
        with tempfile.TemporaryDirectory(prefix="calibrant-kafka-") as data, Broker(Path(data)):
            pass
        unfinished.replace(archive())
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    make()
