"""Kafka, a real one, keeps the contract of the bus."""

import pytest

from calibrant.bus.testing.contract import BusContract, Site


@pytest.mark.kafka
class TestKafka(BusContract):
    @pytest.fixture
    def site(self, broker):
        return Site("calibrant.bus.kafka:open_bus", {"servers": broker.servers, "session_timeout_s": 3.0})
