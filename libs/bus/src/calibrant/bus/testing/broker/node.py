"""One broker as a process: formatted, started, stopped, killed, suspended, started again on what it had.

Owns the process and its data folder. The settings are in `properties`, the command lines in `distribution`.
"""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from calibrant.bus.testing.broker.distribution import java
from calibrant.bus.testing.broker.formatting import lay_out
from calibrant.bus.testing.broker.guard import Guard
from calibrant.bus.testing.broker.leash import Leash
from calibrant.bus.testing.broker.ports import LOOPBACK, free_ports
from calibrant.bus.testing.broker.properties import STEADY, Ports, properties
from calibrant.bus.testing.halt import halt
from calibrant.bus.testing.server import Server

_STARTED: Final = "Kafka Server started"
_PATIENCE_S: Final = 60.0


class BrokerFailed(RuntimeError):
    """The broker ended or did not come up; the text has the lines of its log that say why."""


class Broker(Server):
    """A broker on the loopback, as a context manager or by hand.

    Parameters
    ----------
    data
        Its folder, created if need be and kept at the end. None: a temporary one, removed at the end.
    port
        Where clients connect; 0: any free one.
    guard
        Who is let in, over TLS with a password; None: everybody, in plain text.
    steady
        Nobody is going to kill it: it need not be quick to come back, and takes less of the processor.

    Attributes
    ----------
    ports : Ports
        Where it listens, the same after each restart.
    """

    def __init__(
        self, data: Path | None = None, *, port: int = 0, guard: Guard | None = None, steady: bool = False
    ) -> None:
        self._guard, self._steady = guard, steady
        self._temporary = data is None
        self._data = Path(tempfile.mkdtemp(prefix="calibrant-kafka-")) if data is None else data.absolute()
        client, behind_proxy, proxy, controller = free_ports(4)
        self.ports = Ports(port or client, behind_proxy, proxy, controller)
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None

    @property
    def servers(self) -> str:
        """Where clients connect, as ``host:port``."""
        return f"{LOOPBACK}:{self.ports.client}"

    @property
    def servers_behind_proxy(self) -> str:
        """Where clients connect that are to go through a proxy, as ``host:port``; see `Ports`."""
        return f"{LOOPBACK}:{self.ports.proxy}"

    def start(self) -> None:
        """Start it on its folder, and wait until it serves; formats a new folder.

        Raises
        ------
        BrokerFailed
            It did not come up.
        """
        self._data.mkdir(parents=True, exist_ok=True)
        more = dict(STEADY) if self._steady else {}
        if self._guard is not None:
            more |= self._guard.prepare(self._data)
        settings = self._data / "server.properties"
        settings.write_text(properties(self._data, self.ports, more))
        if not (self._data / "log" / "meta.properties").exists():
            lay_out(self._data / "log", settings, () if self._guard is None else self._guard.scram)
        with self.log.open("ab") as log:
            before = log.tell()
            self._process = subprocess.Popen(  # noqa: S603  the command line is our own
                java("kafka.Kafka", str(settings), log_level="INFO"), stdout=log, stderr=log
            )
        self._leash = Leash(self._process.pid)
        self._wait_until_it_serves(self._process, before)

    def stop(self) -> None:
        """Stop it in order (SIGTERM) and wait; does nothing when it is down."""
        self.resume()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it at once (SIGKILL) and wait; does nothing when it is down."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Freeze it (SIGSTOP): connections stay, nothing is answered once this has returned."""
        if self._process is not None:
            halt(self._process.pid)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good; a second call does nothing."""
        if self._temporary:
            self.kill()  # an orderly end of thousands of partitions takes minutes, for what is removed
            shutil.rmtree(self._data, ignore_errors=True)
        else:
            self.stop()

    def wait(self) -> int:
        """Wait until it ends by itself; give its exit status."""
        return 0 if self._process is None else self._process.wait()

    @property
    def log(self) -> Path:
        """File with what it says, one start after the other."""
        return self._data / "broker.log"

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        leash, self._leash = self._leash, None
        if leash is not None:
            leash.release()
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait_until_it_serves(self, process: subprocess.Popen[bytes], before: int) -> None:
        end_s = time.monotonic() + _PATIENCE_S
        while _STARTED not in (said := self.log.read_bytes()[before:].decode(errors="replace")):
            if process.poll() is not None or time.monotonic() > end_s:
                self.kill()
                raise BrokerFailed(f"Kafka did not come up; its log: {self.log}\n{_reason(said)}")
            time.sleep(0.05)


def _reason(log: str) -> str:
    """Give the lines of a log that tell what went wrong, or the last ones."""
    said = log.splitlines()
    wrong = [line for line in said if " ERROR " in line or " FATAL " in line or "Caused by: " in line]
    return "\n".join((wrong or said)[:15])
