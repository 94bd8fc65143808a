"""Fixtures of the certify tests: a ledger, products, and a way to ask for certifications."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import Session

import calibrant.certify
from calibrant.bus.cloudevents import Envelope
from calibrant.certify import handlers
from calibrant.certify.service import CertifyService
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.common.v1 import DataRef, Product, TaiTime, TimeRange
from calibrant.contracts.verify.v1 import DetectorDecision, VerificationCompleted, VerificationMode
from calibrant.runtime.database import Database
from calibrant.runtime.handlers import Context

MIGRATIONS = Path(calibrant.certify.__file__).parent / "migrations"


def product(name: str = "bias-1", **changed) -> Product:
    ref = DataRef(
        uri=f"objects:products/{name}.fits", sha256=f"sha-{name}", size_bytes=1, media_type="image/fits"
    )
    given = {
        "product_id": name,
        "kind": "bias",
        "instrument": "simcam",
        "detector": 3,
        "ref": ref,
        "unit": "electron",
        "per_second": False,
        "inputs": 10,
        "observed": TimeRange(),
    }
    return Product(**(given | changed))


def span(begin: int | None, end: int | None) -> TimeRange:
    return TimeRange(
        begin=None if begin is None else TaiTime.from_ns(begin),
        end=None if end is None else TaiTime.from_ns(end),
    )


def job(*products: Product, begin: int | None = 0, end: int | None = 100, **changed) -> CertifyJob:
    given = {
        "job_id": "j1",
        "products": products,
        "report_id": "r1",
        "collection": "simcam/calib/daily",
        "validity": span(begin, end),
        "requested_by": "ana",
        "reason": "nightly",
    }
    return CertifyJob(**(given | changed))


def completed(report_id: str, *products: Product, accepted: bool = True, **changed) -> VerificationCompleted:
    """A report on products of any detectors."""
    given = {
        "job_id": f"decide-{report_id}",
        "report_id": report_id,
        "kind": "bias",
        "mode": VerificationMode.INTERNAL,
        "instrument": "simcam",
        "set_key": "20260101",
        "outcome": "certified",
        "decisions": tuple(
            DetectorDecision(
                detector=one.detector, product_id=one.product_id, accepted=accepted, reason="too noisy"
            )
            for one in products
        ),
        "report": DataRef(uri="objects:reports/r.json", sha256="x", size_bytes=1, media_type="t"),
    }
    return VerificationCompleted(**(given | changed))


@dataclass
class SetClock:
    now: int = 1_000

    def tai_ns(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return 0.0


@dataclass
class Ledger:
    """Asks for certifications, each as an event of its own, of products that their reports accept."""

    database: Database
    clock: SetClock = field(default_factory=SetClock)
    events: int = 0

    def ask(self, message: CertifyJob):
        with self.database.writing() as session:
            return self.within(session, message)

    def tell(self, message: VerificationCompleted) -> None:
        """Tell certify of a report."""
        with self.database.writing() as session:
            assert list(handlers.take_report(message, self._context(session))) == []

    def within(self, session: Session, message: CertifyJob):
        handlers.take_report(completed(message.report_id, *message.products), self._context(session))
        return self.alone(session, message)

    def alone(self, session: Session, message: CertifyJob):
        """Ask without telling of a report first."""
        return list(handlers.certify_products(message, self._context(session)))

    def _context(self, session: Session) -> Context[CertifyService]:
        self.events += 1
        envelope = Envelope(
            id=f"event-{self.events}",
            source="/test",
            type="t",
            time_utc="2026-01-01T00:00:00Z",
            data=b"",
            correlation_id="run-1",
        )
        return Context(CertifyService(), session, envelope, self.clock)


@pytest.fixture
def database(tmp_path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/certify.sqlite")
    opened.migrate([MIGRATIONS])
    yield opened
    opened.close()


@pytest.fixture
def ledger(database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def make() -> Callable[..., Product]:
    return product


@pytest.fixture
def asked() -> Callable[..., CertifyJob]:
    return job


@pytest.fixture
def report() -> Callable[..., VerificationCompleted]:
    return completed
