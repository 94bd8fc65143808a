"""One storm from its beginning to the judgement: servers, processes, sequences, faults, quiet, checks.

Owns the order of these and their bounds in time. What a fault does, and what must hold, others know.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from calibrant.bus.errors import CalibrantError
from calibrant.observatory.composition import SERVICES
from calibrant.observatory.testing import Records, Site
from calibrant.runtime.objects import open_store
from calibrant.runtime.settings import PlatformSettings
from chaos.checked import Checked, checked
from chaos.checks import CHECKS
from chaos.disk import SmallDisk
from chaos.faults import Faults
from chaos.keeper import Keeper
from chaos.left import look, waiting
from chaos.schedule import KILLS, UNITS, Fault
from chaos.sequences import FLAW, INSTRUMENT, Sequences
from chaos.servers import Servers
from chaos.undisturbed import compute, copy_frames, same_products

TICK_S = 0.1
LOOK_S = 2.0
SAY_S = 10.0
START_S = 180.0
"""How long it may take until all take on work for the first time."""
VARIABLES = {
    "CALIBRANT_INSTRUMENT": INSTRUMENT,
    "CALIBRANT_FLAWS": f'["{FLAW}"]',
    "CALIBRANT_ATTEMPTS": "20",
    "CALIBRANT_CAMERA_WAIT_S": "600",
    "CALIBRANT_STALL_FREE_BYTES": str(64 << 20),
}
"""An exposure that a killed camera lost is asked for again, more often than a site at peace would; the disk is small."""


class Unbounded(AssertionError):
    """Something did not come to its end in its time; the text names it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Parameters
    ----------
    folder : Path
        Where processes have their folders and say what they do.
    faults : sequence of Fault
        The schedule.
    in_flight : int
        Sequences that are under way at a time.
    settle_s : float
        How long it may take until all is done when the faults are over, in seconds.
    """

    folder: Path
    faults: tuple[Fault, ...]
    in_flight: int = 2
    settle_s: float = 600.0


@dataclass(slots=True)
class Result:
    """What came of it: durations in seconds, counts, and the answers of all checks."""

    seconds: dict[str, float] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    impossible: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    away_s: list[float] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    checks: list[Checked] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all holds."""
        return bool(self.checks) and not any(check.wrong for check in self.checks)


class Storm:
    """A storm.

    Parameters
    ----------
    plan : Plan
        What is to be done.
    say : callable
        Is told how far it is, in a line.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None] | None = None) -> None:
        self._plan = plan
        self._say = say or (lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
        self._said_s = 0.0
        self._looked_s = 0.0
        self.result = Result()

    def run(self) -> Result:
        """Carry it out.

        Raises
        ------
        Unbounded
            Something did not come to its end.
        """
        plan = self._plan
        with Servers() as servers, SmallDisk(plan.folder / "disk") as disk:
            with Site(plan.folder, servers.behind_lines, (), **VARIABLES) as site:
                for name in UNITS:
                    _add(site, name, disk)
                direct = servers.direct(plan.folder / "look")
                keeper, sequences = Keeper(site), Sequences(direct)
                faults = Faults(site, servers, disk, keeper)
                self._timed("start", lambda: self._start(keeper))
                try:
                    self._timed("faults", lambda: self._rain(keeper, sequences, faults))
                finally:
                    self._timed("mend", faults.end)
                self._timed("settle", lambda: self._settle(keeper, sequences, direct))
                self._timed("stop", lambda: _stop(site, keeper))
                self._count(keeper, sequences, faults)
            self._timed("check", lambda: self._judge(direct, sequences, disk, keeper))
        return self.result

    def _start(self, keeper: Keeper) -> None:
        keeper.begin()
        try:
            self._until(keeper.settle, "all services take on work", START_S)
        except Unbounded as error:
            raise Unbounded("\n".join([str(error), *keeper.lacking()])) from None

    def _rain(self, keeper: Keeper, sequences: Sequences, faults: Faults) -> None:
        begun_s, left = time.monotonic(), list(self._plan.faults)
        while left:
            now_s = time.monotonic() - begun_s
            while left and left[0].at_s <= now_s:
                faults.bring(left.pop(0))
            if sequences.unfinished < self._plan.in_flight:
                sequences.ask()
            kills = sum(faults.counts[kind] for kind in KILLS)
            done = f"{faults.counts.total()} of {len(self._plan.faults)} faults, {kills} kills"
            self._turn(keeper, sequences, done)

    def _settle(self, keeper: Keeper, sequences: Sequences, direct: PlatformSettings) -> None:
        def quiet() -> bool:
            ready = keeper.settle()
            self._turn(keeper, sequences, "no more faults")
            return ready and not sequences.unfinished and _nothing_waits(direct)

        self._until(quiet, "all sequences have ended and nothing waits", self._plan.settle_s)

    def _turn(self, keeper: Keeper, sequences: Sequences, what: str) -> None:
        keeper.tick()
        now_s = time.monotonic()
        if now_s - self._looked_s > LOOK_S:
            sequences.look()
            self._looked_s = time.monotonic()
        if now_s - self._said_s > SAY_S:
            done = f"{len(sequences.finished)} of {len(sequences.asked)} sequences done"
            self._say(f"{what}, {keeper.starts} starts of processes, {keeper.away} away, {done}")
            self._said_s = now_s
        time.sleep(TICK_S)

    def _judge(self, direct: PlatformSettings, sequences: Sequences, disk: SmallDisk, keeper: Keeper) -> None:
        self._say("reading what is left")
        left = look(direct, [disk.folder / name for name in UNITS])
        self.result.checks = [check(left) for check in CHECKS]
        self.result.checks.append(checked("no process broken", len(UNITS), keeper.broken))
        self._say(f"{len(sequences.asked)} sequences again, on their frames, without faults")
        place = self._plan.folder / "undisturbed"
        copy_frames(left, open_store(direct), sequences.asked, place / "frames")
        names = compute(place / "frames", place / "data", len(sequences.asked))
        reference = look(PlatformSettings(data_dir=place / "data"), [])
        self.result.checks.append(same_products(left, sequences.asked, reference, names))

    def _count(self, keeper: Keeper, sequences: Sequences, faults: Faults) -> None:
        self.result.faults = {str(kind): count for kind, count in sorted(faults.counts.items())}
        self.result.impossible = {str(kind): count for kind, count in faults.impossible.items()}
        self.result.counts = {
            "kills (SIGKILL)": sum(faults.counts[kind] for kind in KILLS),
            "records delivered again": faults.copies,
            "starts of processes": keeper.starts,
            "ended by themselves, started again": keeper.ended.total(),
            "sequences": len(sequences.asked),
        }
        self.result.away_s = keeper.away_s
        self.result.ended = {f"{who}: {why}": count for (who, why), count in keeper.ended.most_common()}

    def _until(self, condition: Callable[[], object], what: str, patience_s: float) -> None:
        end_s = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > end_s:
                raise Unbounded(f"waited {patience_s:g} s until {what}")
            time.sleep(TICK_S)

    def _timed(self, what: str, work: Callable[[], None]) -> None:
        begun_s = time.monotonic()
        try:
            work()
        finally:
            self.result.seconds[what] = round(time.monotonic() - begun_s, 1)


def _add(site: Site, name: str, disk: SmallDisk) -> None:
    """Add a process whose data folder and temporary files are on the small disk."""
    unit = site.add(name.partition("-")[0], name)
    place = disk.folder / name
    (place / "tmp").mkdir(parents=True)
    unit.environment |= {"CALIBRANT_DATA_DIR": str(place), "TMPDIR": str(place / "tmp")}


def _stop(site: Site, keeper: Keeper) -> None:
    """Ask all to leave, and wait until they have, in order."""
    for unit in site:
        unit.ask_to_leave()
    for name, unit in site.units.items():
        try:
            unit.see_off()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            keeper.broken.append(f"{name} did not leave in order: {error}")


def _nothing_waits(settings: PlatformSettings) -> bool:
    records = Records(settings)
    try:
        if any(records.ask(service, "select number from outbox limit 1") for service in SERVICES):
            return False
        return not asyncio.run(waiting(settings))
    except (CalibrantError, SQLAlchemyError):
        return False
