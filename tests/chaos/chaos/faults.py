"""How each kind of fault is brought about, and taken back when its time is over.

Owns the threads in which lasting faults wait for their end. What comes when is ``schedule``'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from calibrant.bus.errors import CalibrantError
from calibrant.bus.kafka import open_bus
from calibrant.bus.ports import Message
from calibrant.bus.testing.broker import BrokerFailed
from calibrant.contracts.flow import topics
from calibrant.observatory.testing import Site, UnitEnded
from calibrant.runtime.testing.postgres import ServerFailed
from chaos.disk import SmallDisk
from chaos.keeper import Keeper
from chaos.schedule import OF_UNITS, Fault, Kind
from chaos.servers import Servers

Way = Callable[[], object]
COPIES = 20
"""Most records delivered again at once."""
_AT_ONCE = 12
_RETRY_S = 1.0
_STARTS = 5
_RESEND_S = 120.0


@dataclass(slots=True)
class Faults:
    """Brings faults about.

    Parameters
    ----------
    site : Site
        The processes.
    servers : Servers
        What they stand on.
    disk : SmallDisk
        Where their data folders are.
    keeper : Keeper
        Starts again what was ended.
    counts : Counter
        How many faults there were, by kind.
    impossible : Counter
        How many could not be brought about, by kind.
    copies : int
        How many records were delivered again.
    """

    site: Site
    servers: Servers
    disk: SmallDisk
    keeper: Keeper
    counts: Counter[Kind] = field(default_factory=Counter)
    impossible: Counter[Kind] = field(default_factory=Counter)
    copies: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_AT_ONCE))
    _lasting: list[Future[None]] = field(default_factory=list)
    _busy: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def bring(self, fault: Fault) -> None:
        """Begin a fault, and return; one that lasts is taken back in its time."""
        self.note(str(fault))
        self.counts[fault.kind] += 1
        if fault.kind in OF_UNITS:
            self._unit(fault)
        else:
            self._shared(fault)

    def end(self) -> None:
        """Take back what still lasts, now, and wait until that is done."""
        self._over.set()
        for lasting in self._lasting:
            lasting.result()
        self._threads.shutdown()

    def note(self, what: str) -> None:
        """Write down what happens now, beside what the processes say."""
        with (self.site.folder / "faults").open("a") as told:
            told.write(f"{datetime.now(UTC):%H:%M:%S.%f} {what}\n")

    def _unit(self, fault: Fault) -> None:
        unit = self.site[fault.target]
        if not unit.runs:
            unit.start()
        if fault.kind in {Kind.FREEZE, Kind.FREEZE_LONG}:
            self._last(fault.target, fault.lasts_s, unit.suspend, unit.resume)
            return
        self.keeper.expect(fault.target, leaves=fault.kind is Kind.RESTART)
        if fault.kind is Kind.RESTART:
            unit.ask_to_leave()
            return
        unit.resume()  # a frozen child would not notice that its parent is gone
        try:
            unit.kill(children=fault.kind is Kind.KILL_TREE)
        except UnitEnded:  # it was quicker: started again like any other
            self.impossible[fault.kind] += 1
        except TimeoutError as error:
            self.keeper.broken.append(str(error))

    def _shared(self, fault: Fault) -> None:
        if fault.kind is Kind.DUPLICATES:
            self._lasting.append(self._threads.submit(self._resend, random.Random(fault.seed)))
        elif fault.kind is Kind.FULL_DISK and not self.disk.small:
            self.impossible[fault.kind] += 1
        else:
            what, begin, end = self._ways()[fault.kind]
            self._last(what, fault.lasts_s, begin, end)

    def _ways(self) -> dict[Kind, tuple[str, Way, Way]]:
        """Return what is out of order, how that begins and how it ends, for each kind."""
        broker, database, objects = self.servers.broker, self.servers.database, self.servers.objects
        lines = self.servers.lines
        cut, mend = lines.cut, lines.mend
        broker_up, database_up = partial(_until_up, broker.start), partial(_until_up, database.start)
        return {
            Kind.BROKER_KILL: ("broker", broker.kill, broker_up),
            Kind.BROKER_RESTART: ("broker", broker.stop, broker_up),
            Kind.DATABASE_KILL: ("database", database.kill, database_up),
            Kind.DATABASE_RESTART: ("database", database.stop, database_up),
            Kind.OBJECTS_PAUSE: ("objects", objects.pause, objects.resume),
            Kind.SLOW_BROKER: ("slow line", partial(lines.slow, "broker"), partial(lines.quicken, "broker")),
            Kind.CUT_BROKER: ("broker's line", partial(cut, "broker"), partial(mend, "broker")),
            Kind.CUT_DATABASE: ("database's line", partial(cut, "database"), partial(mend, "database")),
            Kind.CUT_OBJECTS: ("objects' line", partial(cut, "objects"), partial(mend, "objects")),
            Kind.FULL_DISK: ("disk", self.disk.fill, self.disk.free),
        }

    def _last(self, what: str, lasts_s: float, begin: Way, end: Way) -> None:
        """Let something be out of order for a time, beside other things, one fault of it after the other."""

        def work() -> None:
            with self._busy[what]:
                self.note(f"out of order: {what}")
                begin()
                try:
                    self._over.wait(lasts_s)
                finally:
                    end()
                self.note(f"in order again: {what}")

        self._lasting.append(self._threads.submit(work))

    def _resend(self, chance: random.Random) -> None:
        """Send copies of some records of some topic once more, as soon as the broker is there."""
        until_s = time.monotonic() + _RESEND_S
        while True:
            try:
                self.copies += asyncio.run(self._copied(chance))
            except CalibrantError:
                if time.monotonic() > until_s:
                    self.impossible[Kind.DUPLICATES] += 1
                    return
                time.sleep(_RETRY_S)
            else:
                return

    async def _copied(self, chance: random.Random) -> int:
        bus = await open_bus(self.servers.broker.servers)
        try:
            durable = sorted(topic.name for topic in topics().values() if not topic.lossy)
            chance.shuffle(durable)
            for topic in durable:
                records = await bus.read(topic, from_start=True, limit=100_000)
                if not records:
                    continue
                chosen = chance.sample(records, min(len(records), COPIES))
                async with bus.producer() as producer:
                    await producer.send([Message(r.topic, r.key, r.value, r.headers) for r in chosen])
                return len(chosen)
            return 0
        finally:
            await bus.close()


def _until_up(start: Way) -> None:
    """Start a server; on a machine with much else to do that may take longer than it is waited for at once."""
    for _ in range(_STARTS - 1):
        with contextlib.suppress(BrokerFailed, ServerFailed):
            start()
            return
    start()
