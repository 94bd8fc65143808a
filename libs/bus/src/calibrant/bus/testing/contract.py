"""The whole contract of the bus, for an adapter to pass.

Owns the sum of its parts. In the adapter's tests::

    class TestEmbedded(BusContract):
        @pytest.fixture
        def site(self, tmp_path):
            return Site("calibrant.bus.embedded:open_bus", {"path": str(tmp_path / "log.sqlite")})

Several tests may share one log: each names its own topic and groups.
"""

from calibrant.bus.testing.crash import CrashContract
from calibrant.bus.testing.groups import GroupContract
from calibrant.bus.testing.harness import Site
from calibrant.bus.testing.log import LogContract

__all__ = ["BusContract", "Site"]


class BusContract(LogContract, GroupContract, CrashContract):
    """Derive a test class from this and give it a fixture `site`."""
