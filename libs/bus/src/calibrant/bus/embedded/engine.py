"""What the parts of one embedded bus share.

Owns nothing but the bundle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from calibrant.bus.embedded import groups
from calibrant.bus.embedded.database import Database
from calibrant.bus.embedded.wakeups import Wakeups
from calibrant.bus.process import Process


@dataclass(frozen=True, slots=True)
class Engine:
    """An open log.

    Parameters
    ----------
    database, wakeups
        Its file, and those who wait on it.
    clock_ns
        Gives POSIX time in nanoseconds.
    session_ns
        A member not heard of for longer is expired, in nanoseconds.
    process
        Who we are.
    """

    database: Database
    wakeups: Wakeups
    clock_ns: Callable[[], int]
    session_ns: int
    process: Process

    def presence(self, group: str) -> groups.Presence:
        """Say who takes part in a group from here, now."""
        return groups.Presence(group, self.process, self.clock_ns(), self.session_ns)

    async def leave(self, group: str, member_id: int) -> None:
        """Take a member out of its group, and let the others know."""
        await self.database.write(partial(groups.leave, group=group, member_id=member_id), durable=False)
        self.wakeups.wake()
