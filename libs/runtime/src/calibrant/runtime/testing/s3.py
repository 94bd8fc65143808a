"""An S3 service for tests and for trying things out: moto's HTTP server in a process of its own.

Owns that process. It listens on 127.0.0.1 alone and keeps all in memory: what restarts it empties it. In the
foreground, until Ctrl-C: ``python -m calibrant.runtime.testing.s3 [--port 9000] [--bucket calibrant]``.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from calibrant.bus.testing.broker.ports import LOOPBACK, PortTaken, free_ports, require_free
from calibrant.bus.testing.halt import halt
from calibrant.bus.testing.server import Server
from calibrant.runtime.objects.cache import Cache
from calibrant.runtime.objects.s3 import S3Store
from calibrant.runtime.objects.s3_client import Bucket

PATIENCE_S = 60.0
KEY_ID, SECRET = "calibrant", "for-tests-only"


class ServerFailed(RuntimeError):
    """The server does not start; the text ends with the last lines of its log."""


class ObjectServer(Server):
    """An S3 service.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0: any free one, the same after a restart.
    environment : mapping
        Further variables of its process, as moto reads them.
    """

    def __init__(self, *, port: int = 0, environment: Mapping[str, str] | None = None) -> None:
        self.port = port or free_ports(1)[0]
        self._environment = dict(environment or {})
        self._folder = tempfile.TemporaryDirectory(prefix="calibrant-s3-")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """URL of the service."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def _log(self) -> Path:
        return Path(self._folder.name) / "log"

    def bucket(self, name: str, **changed: Any) -> Bucket:
        """Return how a bucket here is reached; it need not exist."""
        return Bucket(name, self.endpoint, KEY_ID, SecretStr(SECRET), **changed)

    def create_bucket(self, name: str = "") -> Bucket:
        """Make an empty bucket, by default under a name of its own."""
        bucket = self.bucket(name or f"test-{uuid4().hex[:12]}")
        with bucket.told("s3:CreateBucket", "make it"):
            bucket.client.create_bucket(Bucket=bucket.name)
        return bucket

    def store(self, cache_dir: Path, prefix: str = "", **changed: Any) -> S3Store:
        """Return an object store in a new bucket."""
        return S3Store(self.create_bucket(), prefix, Cache(cache_dir, 1 << 30), **changed)

    def start(self) -> None:
        """Start, empty, and wait until it answers.

        Raises
        ------
        ServerFailed
            It does not.
        """
        command = [sys.executable, "-m", "calibrant.runtime.testing.s3_process", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  this very module
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=os.environ | self._environment
            )
        until = time.monotonic() + PATIENCE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise ServerFailed(f"moto's server does not start: {self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; its port refuses connections."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop it, and remove the log."""
        self.stop()
        self._folder.cleanup()

    def pause(self) -> None:
        """Make it accept connections and answer nothing (SIGSTOP), until ``resume``."""
        assert self._process is not None
        halt(self._process.pid)

    def resume(self) -> None:
        """Let it answer again, with all that it held."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _listens(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=PATIENCE_S).close()
        except ConnectionRefusedError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        process.wait(PATIENCE_S)
        if process.stdin is not None:
            process.stdin.close()


def main(arguments: Sequence[str]) -> int:
    """Run a server in the foreground until Ctrl-C; return the exit code."""
    parser = argparse.ArgumentParser(description="An S3 service on 127.0.0.1 that keeps all in memory.")
    parser.add_argument("--port", type=int, default=9000, help="its port; 0: any free one (default: 9000)")
    parser.add_argument("--bucket", default="calibrant", help="a bucket to be made (default: calibrant)")
    chosen = parser.parse_args(arguments)
    try:
        require_free(chosen.port)
        with ObjectServer(port=chosen.port) as server:
            bucket = server.create_bucket(chosen.bucket)
            sys.stdout.write(
                "The S3 service is there; Ctrl-C ends it. Where Calibrant is to use it:\n"
                f"export CALIBRANT_OBJECTS=s3://{bucket.name} CALIBRANT_OBJECTS_ENDPOINT={server.endpoint} "
                f"CALIBRANT_OBJECTS_KEY_ID={KEY_ID} CALIBRANT_OBJECTS_SECRET={SECRET}\n"
            )
            sys.stdout.flush()
            signal.pause()
    except (PortTaken, ServerFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    raise SystemExit(main(sys.argv[1:]))
