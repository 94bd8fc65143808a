"""What every server for tests is: started and stopped by hand, or there for a block.

Owns the order of these. Knows no server.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Server(ABC):
    """A server in a process of its own; as a context manager it is started, and closed whatever happens."""

    def __enter__(self) -> Self:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it serves."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it in order, and wait; does nothing when it is down."""

    @abstractmethod
    def close(self) -> None:
        """Stop it for good, and remove what is temporary; a second call does nothing."""

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port."""
        self.stop()
        self.start()
