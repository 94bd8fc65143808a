"""The embedded log keeps the contract of the bus."""

import pytest

from calibrant.bus.testing.contract import BusContract, Site


class TestEmbedded(BusContract):
    @pytest.fixture
    def site(self, tmp_path):
        return Site("calibrant.bus.embedded:open_bus", {"path": str(tmp_path / "log.sqlite")})
