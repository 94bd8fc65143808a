"""Free ports of the loopback.

Owns whether one is free, and the choice: below the range that outgoing connections are given, so that a port stays free while its server is
down, and nobody who knocks meanwhile is connected to himself.
"""

import random
import socket
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_RANGE: Final = range(20000, 32000)


class PortTaken(RuntimeError):
    """Somebody listens on the port; the text says what to do."""


def require_free(port: int) -> None:
    """Make sure that nobody listens on a port, so that no stranger is taken for one's own server; 0 is free.

    Raises
    ------
    PortTaken
        Somebody does.
    """
    if not _is_free(port):
        raise PortTaken(f"port {port} is in use: stop what listens there, or give --port")


def free_ports(count: int) -> list[int]:
    """Give so many ports that nobody listens on now.

    Raises
    ------
    OSError
        There are not so many.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(_RANGE, k=len(_RANGE)):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"there are no {count} free ports between {_RANGE.start} and {_RANGE.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
