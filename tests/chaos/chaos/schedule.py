"""What goes wrong, with whom and when: a pure function of a seed.

Owns the mixture of faults. Must not know how a fault is brought about.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

UNITS = (
    "camera",
    "sequencer",
    "sequencer-2",
    "ingest",
    "ingest-2",
    "combine",
    "combine-2",
    "verify",
    "verify-2",
    "certify",
    "certify-2",
    "archive",
)
"""The processes: each service once, those that may have replicas twice."""
GAP_S = 4.5
"""Mean time from one fault to the next."""
SESSION_S = 10.0
"""How long a member of a group may be silent; see ``calibrant.bus.kafka.open_bus``."""


class Kind(StrEnum):
    """Kinds of faults."""

    KILL = "kill a service"
    KILL_TREE = "kill a service with its children"
    RESTART = "restart a service"
    FREEZE = "freeze a service"
    FREEZE_LONG = "freeze a service past its session"
    BROKER_KILL = "kill the broker"
    BROKER_RESTART = "restart the broker"
    DATABASE_KILL = "kill the database"
    DATABASE_RESTART = "restart the database"
    OBJECTS_PAUSE = "pause the object store"
    DUPLICATES = "deliver records again"
    SLOW_BROKER = "slow the line to the broker"
    CUT_BROKER = "cut the lines to the broker"
    CUT_DATABASE = "cut the lines to the database"
    CUT_OBJECTS = "cut the lines to the object store"
    FULL_DISK = "fill the disk"


KILLS = (Kind.KILL, Kind.KILL_TREE, Kind.BROKER_KILL, Kind.DATABASE_KILL)
"""What ends by SIGKILL."""
OF_UNITS = (Kind.KILL, Kind.KILL_TREE, Kind.RESTART, Kind.FREEZE, Kind.FREEZE_LONG)
_LASTS_S = {
    Kind.FREEZE: (1.0, 4.0),
    Kind.FREEZE_LONG: (1.3 * SESSION_S, 2.0 * SESSION_S),
    Kind.BROKER_KILL: (0.0, 6.0),
    Kind.DATABASE_KILL: (0.0, 6.0),
    Kind.OBJECTS_PAUSE: (2.0, 8.0),
    Kind.SLOW_BROKER: (4.0, 10.0),
    Kind.CUT_BROKER: (0.0, 4.0),
    Kind.CUT_DATABASE: (0.0, 4.0),
    Kind.CUT_OBJECTS: (0.0, 4.0),
    Kind.FULL_DISK: (4.0, 12.0),
}
"""From and to how long a fault lasts, in seconds; others are over at once."""
_SERVER = {Kind.BROKER_RESTART: Kind.BROKER_KILL, Kind.DATABASE_RESTART: Kind.DATABASE_KILL}
_FEWEST = 1
_ONE_IN = {
    Kind.BROKER_KILL: 30,
    Kind.DATABASE_KILL: 20,
    Kind.RESTART: 8,
    Kind.FREEZE: 10,
    Kind.FREEZE_LONG: 25,
    Kind.BROKER_RESTART: 100,
    Kind.DATABASE_RESTART: 50,
    Kind.OBJECTS_PAUSE: 25,
    Kind.DUPLICATES: 8,
    Kind.SLOW_BROKER: 25,
    Kind.CUT_BROKER: 20,
    Kind.CUT_DATABASE: 20,
    Kind.CUT_OBJECTS: 40,
    Kind.FULL_DISK: 25,
}
"""Of each of these kinds there is one for so many kills, and at least one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Parameters
    ----------
    number : int
        Its place in the schedule, from 1.
    at_s : float
        When it begins, in seconds after the first run was asked for.
    kind : Kind
        What happens.
    target : str
        Which process; empty: the kind says it.
    lasts_s : float
        How long it lasts, in seconds.
    seed : int
        Decides what is left to chance in it.
    """

    number: int
    at_s: float
    kind: Kind
    target: str
    lasts_s: float
    seed: int

    def __str__(self) -> str:
        """Tell it in a line."""
        lasts = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.number:4} {self.at_s:7.1f} s  {self.kind}{f': {self.target}' if self.target else ''}{lasts}"


def schedule(seed: int, kills: int, gap_s: float = GAP_S) -> tuple[Fault, ...]:
    """Return the faults in the order of their beginnings: the same for the same arguments, always.

    Parameters
    ----------
    seed : int
        Decides all that is left to chance.
    kills : int
        How many processes end by SIGKILL; at least 3, a broker and a database among them.
    gap_s : float
        Mean time from one fault to the next, in seconds.

    Raises
    ------
    ValueError
        There are fewer kills.
    """
    chance = random.Random(seed)
    faults, at_s = [], 0.0
    for number, kind in enumerate(_in_order(_kinds(kills), chance), 1):
        at_s += chance.uniform(0.5, 1.5) * gap_s
        target = chance.choice(UNITS) if kind in OF_UNITS else ""
        lasts_s = chance.uniform(*_LASTS_S.get(kind, (0.0, 0.0)))
        faults.append(Fault(number, round(at_s, 2), kind, target, round(lasts_s, 2), chance.getrandbits(32)))
    return tuple(faults)


def _in_order(kinds: Iterable[Kind], chance: random.Random) -> list[Kind]:
    """Mix faults so that those of one server come about evenly: it takes a while to be back."""
    of_servers = defaultdict(list)
    for kind in kinds:
        of_servers[_SERVER.get(kind, kind)].append(kind)
    placed = []
    for alike in of_servers.values():
        chance.shuffle(alike)
        placed += [((i + chance.uniform(0.1, 0.9)) / len(alike), kind) for i, kind in enumerate(alike)]
    return [kind for _, kind in sorted(placed)]


def _kinds(kills: int) -> Iterator[Kind]:
    if kills < 3:
        raise ValueError(f"{kills} kill(s): give at least 3, for one is the broker's and one the database's")
    counts = {kind: max(_FEWEST, kills // one_in) for kind, one_in in _ONE_IN.items()}
    for kind, count in counts.items():
        yield from [kind] * count
    of_services = kills - counts[Kind.BROKER_KILL] - counts[Kind.DATABASE_KILL]
    for number in range(of_services):
        yield (Kind.KILL, Kind.KILL_TREE)[number % 2]
