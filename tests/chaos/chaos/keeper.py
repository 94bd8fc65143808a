"""Whoever runs the processes in earnest: starts again what has ended, and what says that it is broken.

Owns the restarts and their count. Knows neither faults nor what a service does.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import cycle
from typing import Any

from calibrant.observatory.testing import Site, Unit

BACK_OFF_S = (2.0, 30.0)
"""How long it waits before a process that has ended by itself is started again: at first, and at most."""
SETTLED_S = 20.0
"""A process that ran so long begins with the first wait again."""
LEAVES_S = 90.0
"""How long a process may take to leave, once asked; then it is killed."""
_STRIKES = 3


@dataclass(slots=True)
class Care:
    """What the keeper knows of one process."""

    name: str
    unit: Unit
    started_s: float = 0.0
    wait_s: float = BACK_OFF_S[0]
    due_s: float = 0.0
    expected: bool = True
    away_since_s: float | None = None
    leaves_by_s: float | None = None
    strikes: int = 0


@dataclass(slots=True)
class Keeper:
    """Keeps the processes of a site running.

    Parameters
    ----------
    site : Site
        The processes.
    ended : Counter
        How often a process ended by itself, by service and the last line it said.
    broken : list of str
        What processes said that were not live, and which did not end in order.
    away_s : list of float
        How long each process that was away took to take on work again, in seconds.
    starts : int
        How often a process was started.
    """

    site: Site
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    away_s: list[float] = field(default_factory=list)
    starts: int = 0
    _cares: dict[str, Care] = field(default_factory=dict)
    _turn: Any = None

    @property
    def away(self) -> int:
        """How many processes are away: ended, and not at work again."""
        return sum(care.away_since_s is not None for care in self._cares.values())

    def begin(self) -> None:
        """Take all processes of the site into care, and start them."""
        self._cares = {name: Care(name, unit) for name, unit in self.site.units.items()}
        self._turn = cycle(self._cares.values())
        for care in self._cares.values():
            self._start(care)

    def expect(self, name: str, *, leaves: bool = False) -> None:
        """Be told that a process ends, or leaves, because we want it to: it is started again at once."""
        care = self._cares[name]
        care.leaves_by_s = time.monotonic() + LEAVES_S if leaves else None
        care.expected, care.due_s, care.wait_s = True, 0.0, BACK_OFF_S[0]
        care.away_since_s = care.away_since_s or time.monotonic()

    def tick(self) -> None:
        """Look after all once: start what has ended and whose time has come, ask one whether it is well."""
        now_s = time.monotonic()
        for care in self._cares.values():
            if not care.unit.runs:
                self._mend(care, now_s)
            elif care.leaves_by_s is not None and now_s > care.leaves_by_s:
                self.broken.append(f"{care.name} stayed for {LEAVES_S:g} s after it was asked to leave")
                self._kill(care)
            elif care.leaves_by_s is None and care.away_since_s is not None:
                self._welcome(care, now_s)
        self._ask(next(self._turn))

    def settle(self) -> bool:
        """Look after all once; tell whether everyone takes on work."""
        self.tick()
        return all(care.unit.runs and _answer(care.unit, "ready")[0] for care in self._cares.values())

    def lacking(self) -> list[str]:
        """Tell of each that does not take on work what it answers, and the last line it said."""
        told = []
        for care in self._cares.values():
            ready, answer = _answer(care.unit, "ready") if care.unit.runs else (None, "has ended")
            if not ready:
                said = care.unit.said.strip().splitlines() or [""]
                told.append(f"{care.name}: {answer or 'no answer'}; it said last: {said[-1][-300:]}")
        return told

    def _mend(self, care: Care, now_s: float) -> None:
        if not care.due_s:
            self._note_end(care, now_s)
        if now_s >= care.due_s:
            self._start(care)

    def _note_end(self, care: Care, now_s: float) -> None:
        care.due_s = now_s
        care.away_since_s = care.away_since_s or now_s
        if care.expected:
            return
        said = care.unit.said.strip().splitlines() or [""]
        self.ended[care.unit.service, said[-1][-160:]] += 1
        if now_s - care.started_s > SETTLED_S:
            care.wait_s = BACK_OFF_S[0]
        care.due_s = now_s + care.wait_s
        care.wait_s = min(2 * care.wait_s, BACK_OFF_S[1])

    def _start(self, care: Care) -> None:
        care.unit.start()
        self.starts += 1
        care.started_s, care.due_s, care.expected = time.monotonic(), 0.0, False
        care.leaves_by_s, care.strikes = None, 0

    def _welcome(self, care: Care, now_s: float) -> None:
        if _answer(care.unit, "ready")[0]:
            self.away_s.append(now_s - (care.away_since_s or now_s))
            care.away_since_s = None

    def _ask(self, care: Care) -> None:
        """Ask a process whether it is broken; end one that says so again and again."""
        live, said = _answer(care.unit, "live") if care.unit.runs else (None, "")
        care.strikes = care.strikes + 1 if live is False else 0
        if care.strikes == _STRIKES:
            self.broken.append(f"{care.name} was not live: {said}")
            self._kill(care)

    def _kill(self, care: Care) -> None:
        self.expect(care.name)
        care.unit.resume()
        care.unit.kill()


def _answer(unit: Unit, probe: str) -> tuple[bool | None, str]:
    """Ask a probe: whether it says yes, and what it says; None when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{unit.ops_port}/{probe}", timeout=0.5) as answer:
            return answer.status == 200, ""
    except urllib.error.HTTPError as error:
        return False, _body(error)
    except (OSError, HTTPException):
        return None, ""


def _body(error: urllib.error.HTTPError) -> str:
    try:
        return error.read().decode()
    except (OSError, HTTPException):  # frozen or killed in the middle of it
        return ""
