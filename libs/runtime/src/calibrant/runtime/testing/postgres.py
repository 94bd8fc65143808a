"""A PostgreSQL server for tests and for trying things out: Debian's, with a data folder of its own.

Owns the server's processes. Knows no table. It listens on 127.0.0.1 alone. In the foreground, until Ctrl-C:
``python -m calibrant.runtime.testing.postgres [--port 5432] [--data DIR]``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from calibrant.bus.testing.broker.leash import Leash
from calibrant.bus.testing.broker.ports import LOOPBACK, PortTaken, free_ports, require_free
from calibrant.bus.testing.halt import halt
from calibrant.bus.testing.server import Server

USER = "calibrant"
"""The cluster's superuser; its databases belong to it."""
PATIENCE_S = 60.0
_STILL_THERE = "shared memory block"
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
_SCHEMAS = (
    r"SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'"
)
_PLACES = "/usr/lib/postgresql"
_OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "log_checkpoints": "off",
}


class ServerFailed(RuntimeError):
    """The server does not start or stop; the text ends with the last lines of its log."""


def missing() -> str:
    """Say in one line what is missing to start a server; empty when nothing is."""
    return "" if _programs() else f"no PostgreSQL: neither below {_PLACES} nor on PATH is there an initdb"


class Cluster(Server):
    """A PostgreSQL server with its data.

    Parameters
    ----------
    data : Path or None
        Its folder, made when it is missing; None: a temporary one that ``close`` removes.
    port : int
        Port on 127.0.0.1; 0: any free one.
    password : str
        Password of the user ``calibrant``, asked for by SCRAM; empty: none is asked for.
    durable : bool
        Whether commits survive a power cut (fsync). A killed server loses nothing either way.

    Raises
    ------
    ServerFailed
        PostgreSQL's programs are missing.
    """

    def __init__(
        self, data: Path | None = None, *, port: int = 0, password: str = "", durable: bool = False
    ) -> None:
        programs = _programs()
        if programs is None:
            raise ServerFailed(missing())
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="calibrant-postgres-")) if data is None else None
        self.data = data or Path(self._folder or "") / "data"
        self.port = port or free_ports(1)[0]
        self.password = password
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: Leash | None = None
        self._owner = _owner()

    @property
    def log(self) -> Path:
        """File with what the server says."""
        return self.data.with_name(f"{self.data.name}.log")

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database; without the password."""
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str = "") -> str:
        """Make an empty database, by default under a name of its own; return its address."""
        chosen = name or f"test_{uuid4().hex[:12]}"
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(chosen)))
        return self.url(chosen)

    def empty_database(self, url: str) -> None:
        """Remove all that is in a database with all connections to it: a tenth of the work of making another."""
        with self.connect(url.rpartition("/")[2]) as connection:
            connection.execute(_END_OTHERS)
            for (schema,) in connection.execute(_SCHEMAS).fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            connection.execute("CREATE SCHEMA public")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Open a plain connection that commits each statement."""
        return psycopg.connect(
            self.url(database), password=self.password or None, autocommit=True, connect_timeout=10
        )

    def start(self) -> None:
        """Start, on the data of before if there is any, and wait until it answers.

        Raises
        ------
        ServerFailed
            It does not.
        """
        if not (self.data / "PG_VERSION").exists():
            self._make()
        options = [f"--{name}={value}" for name, value in self._options().items()]
        command = [str(self._programs / "postgres"), "-D", str(self.data), *options]
        end_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._launch(command)
            except ServerFailed as error:
                # Processes of a server that was killed take a moment to notice it.
                if _STILL_THERE not in str(error) or time.monotonic() > end_s:
                    raise
                time.sleep(0.2)
            else:
                return

    def _launch(self, command: Sequence[str]) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  programs of the system's package
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **self._owner
            )
        self._leash = Leash(self._process.pid, signal.SIGQUIT)
        self._await_answer(self._process)

    def stop(self) -> None:
        """Stop in order: connections are ended, everything is on disk."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the server at once (SIGKILL)."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Let every process of the server stand still (SIGSTOP), connections open."""
        if self._process is not None:
            halt(self._process.pid)  # from here on it makes no further children
            halt(*_children(self._process.pid))

    def resume(self) -> None:
        """Let a suspended server go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop, and remove the data if their folder is a temporary one."""
        self.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _options(self) -> dict[str, str]:
        durability = {} if self._durable else {"fsync": "off", "full_page_writes": "off"}
        return _OPTIONS | durability | {"port": str(self.port)}

    def _make(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        command = [str(self._programs / "initdb"), "-D", str(self.data), "-U", USER, "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write(self.password)
            secret.flush()
            command += (
                ["--auth=scram-sha-256", f"--pwfile={secret.name}"] if self.password else ["--auth=trust"]
            )
            for place in {self.data, self._folder or self.data, Path(secret.name)}:
                self._hand_over(place)
            made = subprocess.run(  # noqa: S603  programs of the system's package
                command, capture_output=True, text=True, check=False, cwd="/", **self._owner
            )
        if made.returncode:
            raise ServerFailed(f"initdb in {self.data}: {made.stderr.strip()}")

    def _hand_over(self, place: Path) -> None:
        if self._owner:
            os.chown(place, self._owner["user"], self._owner["group"])

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return
            if process.poll() is not None or time.monotonic() > end_s:
                self._end(signal.SIGKILL)
                raise ServerFailed(f"PostgreSQL on port {self.port} does not start: {self._last_words()}")
            time.sleep(0.05)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._leash is not None:
            self._leash.release()
        self._signal(number)
        if number is not signal.SIGKILL:
            self._signal(signal.SIGCONT)  # a suspended one would not hear it
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
            raise ServerFailed(f"PostgreSQL had to be killed: {self._last_words()}") from None
        finally:
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        """Signal the server; its children too, unless it tells them itself."""
        if self._process is None or self._process.poll() is not None:
            return
        whole = number in {signal.SIGKILL, signal.SIGCONT}
        for child in [self._process.pid, *(_children(self._process.pid) if whole else ())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-5:])


def _programs() -> Path | None:
    """Return the folder with PostgreSQL's programs, the newest there is."""
    numbers = sorted(
        (int(found.parent.parent.name), found.parent)
        for found in Path(_PLACES).glob("*/bin/initdb")
        if found.parent.parent.name.isdigit()
    )
    if numbers:
        return numbers[-1][1]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _owner() -> dict[str, Any]:
    """Return who the server runs as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _children(process: int) -> list[int]:
    told = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in told.read_text("ascii").split()] if told.exists() else []


def main(arguments: Sequence[str]) -> int:
    """Run a server in the foreground; return the exit code."""
    parser = argparse.ArgumentParser(description="A PostgreSQL server on 127.0.0.1, until Ctrl-C.")
    parser.add_argument("--port", type=int, default=5432, help="0: any free one")
    parser.add_argument("--data", type=Path, help="folder with its data; by default a temporary one")
    chosen = parser.parse_args(arguments)
    try:
        require_free(chosen.port)
        with Cluster(chosen.data and chosen.data.absolute(), port=chosen.port, durable=True) as cluster:
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                cluster.create_database("calibrant")
            sys.stdout.write("PostgreSQL is there; Ctrl-C ends it. Where Calibrant is to use it:\n")
            sys.stdout.write(f"export CALIBRANT_DATABASE={cluster.url('calibrant')}\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except (PortTaken, ServerFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    raise SystemExit(main(sys.argv[1:]))
