"""A site for tests: every service as a process of its own, on servers that are there.

Owns the processes, their folders and what they say. Knows neither what they compute nor what they stand on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from calibrant.bus.testing.broker.ports import LOOPBACK, free_ports
from calibrant.bus.testing.halt import halt
from calibrant.observatory.composition import SERVICES
from calibrant.observatory.testing.command import Calibrant, alive, wait_until
from calibrant.observatory.testing.imported import IMPORTED
from calibrant.observatory.testing.records import Records
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.forks import Forked

PATIENCE_S = 180.0
"""How long all services may take to start, on a machine with much else to do."""
DRAIN_PATIENCE_S = 60.0
_SAID = 4000


class UnitEnded(AssertionError):
    """A process has ended that nobody ended; the text has the last it said."""


class Unit:
    """A service's process, and those that follow it under the same name, in the same folder, on the same ports.

    Parameters
    ----------
    service : str
        Name of the service.
    folder : Path
        Its own folder, as on a machine of its own: its data folder, and what it says.
    environment : mapping
        Variables of the process; the folder's and the ports' are added.
    forked : bool
        Whether each process is a fork, not a start by the kernel.
    """

    def __init__(
        self, service: str, folder: Path, environment: Mapping[str, str], *, forked: bool = False
    ) -> None:
        self._started = partial(Forked, modules=IMPORTED) if forked else subprocess.Popen
        self.service = service
        self.folder = folder
        self.port, self.ops_port = free_ports(2)
        own = {"DATA_DIR": str(folder / "data"), "PORT": str(self.port), "OPS_PORT": str(self.ops_port)}
        self.environment = {**environment, **{f"CALIBRANT_{name}": value for name, value in own.items()}}
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = []
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> Path:
        """File with all that its processes said."""
        return self.folder / "log"

    @property
    def said(self) -> str:
        """The last that they said."""
        return self.log.read_text(errors="replace")[-_SAID:] if self.log.exists() else ""

    @property
    def runs(self) -> bool:
        """Whether a process of it is there, suspended or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def peak_bytes(self) -> int:
        """The most memory that each of its processes has held until now, added up."""
        return sum(map(_peak_bytes, alive(self._running().pid)))

    def start(self) -> None:
        """Start it, and return at once."""
        assert not self.runs, f"{self.service} runs"
        with self.log.open("ab") as log:
            self._process = self._started(
                [sys.executable, "-m", f"calibrant.{self.service}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(self._process.pid)

    def ready(self) -> bool:
        """Tell whether it takes on work now.

        Raises
        ------
        UnitEnded
            It has ended.
        """
        self.check()
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.ops_port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def check(self) -> None:
        """Make sure that it has not ended by itself.

        Raises
        ------
        UnitEnded
            It has.
        """
        if self._process is not None and self._process.poll() is not None:
            raise UnitEnded(f"{self.service} ended with {self._process.returncode}:\n{self.said}")

    def stop(self, patience_s: float = DRAIN_PATIENCE_S) -> None:
        """Ask it to leave (SIGTERM), and wait until it has, in order."""
        self.check()
        self.ask_to_leave()
        self.see_off(patience_s)

    def ask_to_leave(self) -> None:
        """Ask it to leave (SIGTERM), and return at once; ``runs`` tells when it has."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def see_off(self, patience_s: float = DRAIN_PATIENCE_S) -> None:
        """Wait until it has left, in order, as it was asked to."""
        process, self._process = self._process, None
        assert process is not None, f"{self.service} does not run"
        code = process.wait(patience_s)
        assert code == 0, f"{self.service} left with {code}:\n{self.said}"

    def kill(self, *, children: bool = False) -> None:
        """Kill it (SIGKILL), with its child processes or without; wait until none is left."""
        process = self._taken()
        (os.killpg if children else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not alive(process.pid), f"the child processes of {self.service} have ended")

    def suspend(self) -> None:
        """Freeze it with its child processes (SIGSTOP)."""
        self._tell_all(signal.SIGSTOP)
        halt(*alive(self._running().pid))

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._tell_all(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kill all that is left of it."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _taken(self) -> subprocess.Popen[bytes]:
        self.check()
        process, self._process = self._running(), None
        return process

    def _tell_all(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running().pid, number)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.service} does not run"
        return self._process


def _peak_bytes(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


class Site:
    """Services as processes, one of each unless told otherwise; a context manager that leaves none behind.

    Parameters
    ----------
    folder : Path
        Where each has a folder of its own, and the command runs.
    servers : mapping
        Variables that say where log, databases and objects are, such as CALIBRANT_BUS.
    services : sequence of str
        Which services; another replica is given by ``add``.
    forked : bool
        Whether processes are forks that are spared their imports, not starts by the kernel; the command's, too.
    variables
        Further variables of all processes, such as CALIBRANT_INSTRUMENT.
    """

    def __init__(
        self,
        folder: Path,
        servers: Mapping[str, str],
        services: Sequence[str] = SERVICES,
        *,
        forked: bool = False,
        **variables: str,
    ) -> None:
        self.folder = folder
        self.calibrant = Calibrant(folder, forked=forked, **servers, **variables)
        self.calibrant.patience_s = PATIENCE_S
        settings: Any = {name.removeprefix("CALIBRANT_").lower(): text for name, text in servers.items()}
        self.records = Records(PlatformSettings(data_dir=folder / "records", **settings))
        self.units: dict[str, Unit] = {}
        self._forked = forked
        for service in services:
            self.add(service, service)

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill what is left."""
        for unit in self.units.values():
            unit.close()

    def __getitem__(self, name: str) -> Unit:
        """Return a unit by its name: the service's, for its first."""
        return self.units[name]

    def __iter__(self) -> Iterator[Unit]:
        """Yield the units."""
        return iter(self.units.values())

    def add(self, service: str, name: str) -> Unit:
        """Have another unit of a service, not started."""
        assert name not in self.units, f"there is a unit {name}"
        self.units[name] = Unit(service, self.folder / name, self.calibrant.environment, forked=self._forked)
        return self.units[name]

    def start(self) -> None:
        """Start what does not run, and wait until all take on work."""
        for unit in self:
            if not unit.runs:
                unit.start()
        self.await_ready()

    def await_ready(self) -> None:
        """Wait until every unit that was started takes on work.

        Raises
        ------
        UnitEnded
            One has ended.
        TimeoutError
            One does not.
        """
        for unit in self:
            if unit.runs:
                self.wait_until(unit.ready, f"{unit.service} takes on work")

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until a condition holds, as long as no unit ends by itself.

        Raises
        ------
        UnitEnded
            One has ended.
        TimeoutError
            The condition did not hold within the patience.
        """

        def holds() -> object:
            for unit in self:
                unit.check()
            return condition()

        wait_until(holds, what, PATIENCE_S)

    def stop(self) -> None:
        """Ask all to leave, and wait until they have, in order."""
        running = [unit for unit in self if unit.runs]
        for unit in running:
            unit.ask_to_leave()
        for unit in running:
            unit.see_off()
