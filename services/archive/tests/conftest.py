"""Fixtures of the archive tests: an archive that is not started, products in its store, certifications."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import Session, select

from calibrant.archive import handlers
from calibrant.archive.app import create_app
from calibrant.archive.publishing import Publisher
from calibrant.archive.settings import ArchiveSettings
from calibrant.archive.store import ArchiveQueries
from calibrant.bus.cloudevents import Envelope
from calibrant.contracts.archive.v1 import ProductPublished, ProductWithdrawn
from calibrant.contracts.certify.v1 import CalibrationCertified, CalibrationWithdrawn
from calibrant.contracts.common.v1 import Product, TaiTime, TimeRange
from calibrant.contracts.generated.registry import MESSAGES
from calibrant.runtime.handlers import Context
from calibrant.runtime.health import Phase
from calibrant.runtime.objects import FolderStore, open_store
from calibrant.runtime.platform import Platform
from calibrant.runtime.process import ServiceProcess
from calibrant.runtime.tables import OutboxRow

BEGIN = 1_767_225_637_000_000_000  # 2026-01-01T00:00:00 UTC
DAY = 86_400_000_000_000


@dataclass
class StandingClock:
    now: int = BEGIN

    def tai_ns(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return 0.0


def stored_product(objects: FolderStore, tmp_path: Path, name: str = "bias-1", **changed) -> Product:
    """Put a file into the store, as combine does, and return its product."""
    (tmp_path / "file").write_bytes(name.encode() * 300)
    ref = objects.put_if_absent(f"products/{name}.fits", tmp_path / "file", "image/fits")
    given = {
        "product_id": name,
        "kind": "bias",
        "instrument": "simcam",
        "detector": 3,
        "ref": ref,
        "unit": "electron",
        "per_second": False,
        "inputs": 10,
        "observed": TimeRange(begin=TaiTime.from_ns(BEGIN), end=TaiTime.from_ns(BEGIN + DAY // 2)),
    }
    return Product(**(given | changed))


def certification(product: Product, number: int = 1, **changed) -> CalibrationCertified:
    given = {
        "certification_id": f"cert-{number}",
        "job_id": "j",
        "product": product,
        "collection": "simcam/calib/daily",
        "validity": TimeRange(begin=TaiTime.from_ns(BEGIN), end=TaiTime.from_ns(BEGIN + DAY)),
        "report_id": "r1",
        "recorded": TaiTime.from_ns(BEGIN),
        "requested_by": "ana",
        "unchanged": False,
    }
    return CalibrationCertified(**(given | changed))


@dataclass
class Archive:
    """The service, built and migrated but not started: every step is taken by the test."""

    app: object
    tmp_path: Path
    clock: StandingClock
    events: int = field(default=0)

    @property
    def process(self) -> ServiceProcess:
        return self.app.state.process

    @property
    def service(self):
        return self.process.spec.service

    @property
    def objects(self) -> FolderStore:
        return self.process.platform.objects

    def product(self, name: str = "bias-1", **changed) -> Product:
        return stored_product(self.objects, self.tmp_path, name, **changed)

    def certify(self, product: Product, number: int = 1, **changed) -> None:
        """Deal with a certification, as the dispatcher does."""
        with self.process.database.writing() as session:
            handlers.take_in_certification(certification(product, number, **changed), self._context(session))

    def withdraw(self, product: Product, validity: TimeRange, **changed) -> list[ProductWithdrawn]:
        """Deal with a withdrawal, as the dispatcher does."""
        given = {
            "change_id": f"chg-{self.events}",
            "product": product,
            "collection": "simcam/calib/daily",
            "validity": validity,
            "recorded": TaiTime.from_ns(BEGIN),
            "requested_by": "ben",
            "reason": "light leak",
            "superseded_by": "",
        }
        with self.process.database.writing() as session:
            message = CalibrationWithdrawn(**(given | changed))
            return list(handlers.take_in_withdrawal(message, self._context(session)))

    def _context(self, session: Session) -> Context:
        self.events += 1
        self.clock.now += 1
        envelope = Envelope(
            id=f"event-{self.events}",
            source="/test",
            type="t",
            time_utc="2026-01-01T00:00:00Z",
            data=b"",
            correlation_id="run-1",
        )
        return Context(self.service, session, envelope, self.clock)

    async def step(self) -> None:
        """Let a newly started publisher publish what is pending."""
        await Publisher(self.service).step(self.process)

    def listed(self, **wanted) -> list[dict]:
        with self.process.database.reading() as session:
            return ArchiveQueries(session).publications(**wanted)

    def shown(self, publication_id: str) -> dict:
        with self.process.database.reading() as session:
            return ArchiveQueries(session).publication(publication_id)

    def announced(self) -> list[ProductPublished | ProductWithdrawn]:
        with self.process.database.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(OutboxRow.number)).all()
        return [MESSAGES[dict(json.loads(row.headers))["ce_type"]].from_json(row.value) for row in rows]


@pytest.fixture
def archive(tmp_path, database_site) -> Iterator[Archive]:
    clock = StandingClock()
    data_dir = tmp_path / "data"
    settings = ArchiveSettings(data_dir=data_dir, authority="test.archive", database=database_site.setting)
    platform = Platform(settings, None, open_store(settings), None, clock=clock)
    app = create_app(settings, platform)
    built = Archive(app, tmp_path, clock)
    built.process.prepare()
    built.process.health.phase = Phase.RUNNING
    yield built
    built.process.database.close()


@pytest.fixture
def make_product():
    return stored_product


@pytest.fixture
def make_certification():
    return certification
