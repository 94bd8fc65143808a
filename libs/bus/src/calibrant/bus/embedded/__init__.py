"""The log in one SQLite file: durable, shared by the processes of one machine, nothing to install."""

from calibrant.bus.embedded.bus import EmbeddedBus, open_bus

__all__ = ["EmbeddedBus", "open_bus"]
