"""What a broker's folder has before its first start: Kafka's own tool makes it.

Owns these files. The tool is a start of Java for two of them, the same for all brokers that let everybody in: a
process that starts several runs it once.
"""

import secrets
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from calibrant.bus.testing.broker.distribution import run_tool
from calibrant.bus.testing.broker.properties import Ports, properties

_NOWHERE: Final = Ports(client=1, behind_proxy=2, proxy=3, controller=4)
"""Nobody listens while a folder is formatted."""


def lay_out(log: Path, settings: Path, users: Sequence[str]) -> None:
    """Format a broker's folder.

    Parameters
    ----------
    log
        Where its log is to lie.
    settings
        File with the broker's properties.
    users
        Arguments of the tool, one for each user who is there from the start.
    """
    if users:
        _format(settings, users)
        return
    log.mkdir()
    for name, content in _blank().items():
        (log / name).write_bytes(content)


@cache
def _blank() -> Mapping[str, bytes]:
    """Let the tool format a folder, and give the files in it by their names."""
    with tempfile.TemporaryDirectory(prefix="calibrant-kafka-") as folder:
        settings = Path(folder, "server.properties")
        settings.write_text(properties(Path(folder), _NOWHERE, {}))
        _format(settings)
        return {file.name: file.read_bytes() for file in Path(folder, "log").iterdir()}


def _format(settings: Path, users: Sequence[str] = ()) -> None:
    cluster = urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
    run_tool("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(settings), *users)
