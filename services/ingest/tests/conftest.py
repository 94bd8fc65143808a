"""Fixtures of the ingest tests: a database, a context for handlers, a folder of frames."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import Session

import calibrant.ingest
from calibrant.bus.cloudevents import Envelope
from calibrant.frames.instrument import Instrument, load_instrument
from calibrant.frames.testing import good_bytes
from calibrant.ingest.service import IngestService
from calibrant.runtime.database import Database
from calibrant.runtime.handlers import Context
from calibrant.runtime.objects import FrameFolders

MIGRATIONS = Path(calibrant.ingest.__file__).parent / "migrations"


@dataclass
class StandingClock:
    now: int = 1_800_000_000_000_000_000

    def tai_ns(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture(scope="session")
def tiny() -> Instrument:
    return load_instrument("simcam-tiny")


@pytest.fixture
def database(database_site) -> Iterator[Database]:
    with database_site.opened(MIGRATIONS) as database:
        yield database


@pytest.fixture
def context_of(tmp_path) -> Callable[[Session], Context[IngestService]]:
    def build(session: Session) -> Context[IngestService]:
        envelope = Envelope(
            id="event-1",
            source="/test",
            type="t",
            time_utc="2026-01-01T00:00:00Z",
            data=b"",
            correlation_id="run-1",
        )
        return Context(
            IngestService(tmp_path / "instruments", FrameFolders()), session, envelope, StandingClock()
        )

    return build


@pytest.fixture
def folder(tmp_path, tiny) -> Path:
    """Two good frames, one of them again under another name and gzipped, and things that are no frames."""
    top = tmp_path / "night"
    (top / "sub").mkdir(parents=True)
    (top / "b.fits").write_bytes(good_bytes(tiny, EXPID="e2"))
    (top / "a.FIT").write_bytes(good_bytes(tiny, EXPID="e1"))
    (top / "sub" / "copy.fts.gz").write_bytes(gzip.compress(good_bytes(tiny, EXPID="e1"), mtime=0))
    (top / "notes.txt").write_text("clear sky")
    (top / ".hidden.fits").write_bytes(b"")
    return top
