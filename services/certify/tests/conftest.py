"""Fixtures of the certify tests: a ledger, products, and a way to ask for certifications."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from certify_register import Register
from sqlmodel import Session

import calibrant.certify
from calibrant.bus.cloudevents import Envelope
from calibrant.certify import handlers
from calibrant.certify.ledger import EntryRow
from calibrant.certify.service import CertifyService
from calibrant.contracts.archive.v1 import ProductPublished
from calibrant.contracts.base import Message
from calibrant.contracts.certify.v1 import CertifyJob
from calibrant.contracts.common.v1 import DataRef, JobDone, Product, TaiTime, TimeRange
from calibrant.contracts.verify.v1 import (
    DetectorDecision,
    Gate,
    VerificationCompleted,
)
from calibrant.rules.thresholds import GateThresholds
from calibrant.runtime.database import Database
from calibrant.runtime.handlers import Context
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.testing.reports import verification_completed

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
    decisions = (
        DetectorDecision(
            detector=one.detector, product_id=one.product_id, accepted=accepted, reason="too noisy"
        )
        for one in products
    )
    gate = Gate(**GateThresholds().model_dump())
    names = {"report_id": report_id, "job_id": f"decide-{report_id}"}
    return verification_completed(*decisions, gate=gate, **names | changed)


def entry_row(number: int, name: str, begin: int | None, end: int | None, **changed) -> EntryRow:
    """A line of the ledger as it is, whether certify would write it or not; certifies unless it says otherwise."""
    given = {
        "certification_id": f"cert-{number}",
        "action": "certify",
        "product_id": name,
        "product": product(name).to_json().decode(),
        "collection": "simcam/calib/daily",
        "kind": "bias",
        "instrument": "simcam",
        "detector": 3,
        "begin_tai_ns": begin,
        "end_tai_ns": end,
        "recorded_tai_ns": 1000 + number,
        "report_id": "r1",
        "requested_by": "ana",
        "reason": "nightly",
        "job_id": "j1",
        "run_id": "run-1",
    }
    return EntryRow(**(given | changed))


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

    def hear(
        self, session: Session, message: VerificationCompleted | JobDone | ProductPublished
    ) -> list[Message]:
        """Tell certify of a report, or of what a run has made, in a transaction that is open."""
        handle = {
            JobDone: handlers.take_products,
            ProductPublished: handlers.take_publication,
            VerificationCompleted: handlers.take_report,
        }[type(message)]
        return list(handle(message, self._context(session)))

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


@pytest.fixture(scope="session")
def server_url(postgres) -> str:
    """One database for all tests: each has a schema of its own, which is made faster."""
    return postgres.create_database()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_site(request, tmp_path) -> DatabaseSite:
    if request.param == "sqlite":
        return DatabaseSite(f"sqlite:///{tmp_path}/certify.sqlite")
    return DatabaseSite(request.getfixturevalue("server_url"), f"certify_{uuid4().hex[:12]}")


@pytest.fixture
def database(database_site) -> Iterator[Database]:
    with database_site.opened(MIGRATIONS) as opened:
        yield opened


@pytest.fixture
def ledger(database) -> Ledger:
    return Ledger(database)


@pytest.fixture
def line() -> Callable[..., EntryRow]:
    return entry_row


@pytest.fixture
def make() -> Callable[..., Product]:
    return product


@pytest.fixture
def asked() -> Callable[..., CertifyJob]:
    return job


@pytest.fixture
def report() -> Callable[..., VerificationCompleted]:
    return completed


@pytest.fixture
def told() -> Callable[..., JobDone]:
    """Combine tells of products that a run has made."""
    return lambda *products: JobDone(job_id="b1", execution_id="e1", products=products)


@pytest.fixture
def register(ledger, make, report, told):
    """The register with two biases of one detector, built and accepted, the first certified over [0, 100)."""
    with ledger.database.writing() as session:
        every = [make(), make("bias-2"), make("bias-4", detector=4), make("flat-r", kind="flat", filter="r")]
        ledger.hear(session, told(*every))
        ledger.hear(session, report("r1", *every))
    register = Register(ledger)
    register.wish("certify", products=["bias-1"], begin=0, end=100)
    register.events()
    return register
