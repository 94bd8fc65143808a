"""What all tests share: where the real frames are, and what is said of tests that could not run.

A test that needs something which not every machine has carries a marker of ``PREREQUISITES``. Where that thing
is missing the test is skipped, and the last lines say how to enable it; ``CALIBRANT_REQUIRE=real_frames`` makes
it fail instead.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from calibrant.bus.testing import broker as kafka
from calibrant.bus.testing.memory import lie_in_memory

if TYPE_CHECKING:
    from calibrant.runtime.testing.databases import DatabaseSite
    from calibrant.runtime.testing.postgres import Cluster
    from calibrant.runtime.testing.s3 import ObjectServer

ROOT = Path(__file__).parent
SERVERS = ("kafka", "postgres")
GARBAGE = 20_000
"""Objects after which Python looks for garbage; of its own accord it does so after 700."""


def _real_data() -> Path:
    return Path(os.environ.get("CALIBRANT_REAL_DATA") or ROOT.parent / "shared" / "data")


def _without_postgres() -> str:
    from calibrant.runtime.testing.postgres import missing  # noqa: PLC0415  most tests need no driver

    return missing()


def _without_compiler() -> str:
    named = os.environ.get("CC", "").split()[:1] or ["cc", "gcc", "clang"]
    return "" if any(map(shutil.which, named)) else f"no C compiler: none of {', '.join(named)} is there"


def _without_gpu() -> str:
    from calibrant.pixels import why_not  # noqa: PLC0415  CuPy, where it is there, takes a second to import

    return why_not("cupy")


def _without_nvrtc() -> str:
    return "" if importlib.util.find_spec("nvidia.cuda_nvrtc") else "nvidia-cuda-nvrtc-cu12 is not installed"


def _without_real_frames() -> str:
    folder = _real_data()
    return "" if folder.is_dir() else f"no real frames: there is no folder {folder}"


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """Something that tests with a marker need.

    Parameters
    ----------
    missing : callable
        Gives what is missing, in one line; empty when it is there.
    remedy : str
        How to enable the tests.
    """

    missing: Callable[[], str]
    remedy: str


PREREQUISITES = {
    "compiler": Prerequisite(_without_compiler, "install one, or name it: CC=/path/to/gcc"),
    "gpu": Prerequisite(_without_gpu, "it takes an NVIDIA GPU and a driver for CUDA 12, too"),
    "nvrtc": Prerequisite(_without_nvrtc, "run .ci/setup dev, on Linux"),
    "postgres": Prerequisite(
        _without_postgres,
        "install Debian's postgresql (apt-get install postgresql), or run .ci/servers",
    ),
    "real_frames": Prerequisite(
        _without_real_frames, "set CALIBRANT_REAL_DATA to the folder with newton-du940p, st402 and the others"
    ),
    "kafka": Prerequisite(kafka.missing, "install Java 17 and Maven, then run .ci/servers"),
}


def _required() -> set[str]:
    return {name.strip() for name in os.environ.get("CALIBRANT_REQUIRE", "").split(",") if name.strip()}


def pytest_configure() -> None:
    """Refuse a word in CALIBRANT_REQUIRE that is no prerequisite; let temporary files lie in memory.

    Tests make thousands of small files, and databases that wait for the disk at each commit. TMPDIR says otherwise.
    """
    gc.set_threshold(GARBAGE, 20, 20)
    lie_in_memory()
    unknown = _required() - PREREQUISITES.keys()
    if unknown:
        raise pytest.UsageError(
            f"CALIBRANT_REQUIRE: unknown {', '.join(sorted(unknown))}; there are {', '.join(PREREQUISITES)}"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the first worker begin with all tests that need servers, and the others with those that last.

    So servers run once, what waits for them waits beside what computes, and whoever is the last to end ends alone. A share is
    what xdist gives a worker at the start; who has done his takes from the end of another's.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    items.sort(key=_seconds, reverse=True)
    served = [item for item in items if _served(item)]
    lasting = [item for item in items if _seconds(item) and not _served(item)]
    others = iter([item for item in items if not _seconds(item) and not _served(item)])
    first = [served, *(lasting[n :: workers - 1] for n in range(workers - 1))]
    shares = [[*mine, *islice(others, max(0, len(items) // workers - len(mine)))] for mine in first]
    items[:] = [*chain.from_iterable(shares), *others]


def _served(item: pytest.Item) -> bool:
    """Tell whether a test needs a server that lasts longer than itself."""
    return any(item.get_closest_marker(name) for name in SERVERS)


def _seconds(item: pytest.Item) -> float:
    """Give how long a test may take, where it says so itself; else 0."""
    own = item.get_closest_marker("timeout")
    return float(own.args[0]) if own else 0.0


def pytest_collection_finish() -> None:
    """Spare Python looking through all tests and modules whenever it looks for garbage."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose prerequisite is missing, or fail it where the prerequisite is required."""
    for name, prerequisite in PREREQUISITES.items():
        if item.get_closest_marker(name) is None:
            continue
        missing = prerequisite.missing()
        if missing and name in _required():
            pytest.fail(f"{missing}; {prerequisite.remedy} (CALIBRANT_REQUIRE names {name})", pytrace=False)
        if missing:
            pytest.skip(f"{missing}; {prerequisite.remedy}")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder with the real frames; only for tests with the marker ``real_frames``."""
    folder = _real_data()
    assert folder.is_dir(), "this test needs the marker real_frames"
    return folder


@pytest.fixture(scope="session")
def broker() -> Iterator[kafka.Broker]:
    """Run a real Kafka, one for each test process; only for tests with the marker ``kafka``."""
    with kafka.Broker(steady=True) as running:
        yield running


@pytest.fixture(scope="session")
def s3() -> Iterator[ObjectServer]:
    """Run an S3 service, started for the first test that wants one; each test makes a bucket of its own."""
    from calibrant.runtime.testing.s3 import ObjectServer  # noqa: PLC0415  most tests need none

    with ObjectServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Return a PostgreSQL server, started for the first test that wants one; marker ``postgres``."""
    from calibrant.runtime.testing.postgres import Cluster  # noqa: PLC0415  most tests need no driver

    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def reused_database(postgres: Cluster) -> str:
    """Return the address of the database that one test after the other has for itself; marker ``postgres``."""
    return postgres.create_database()


@pytest.fixture
def postgres_url(postgres: Cluster, reused_database: str) -> Iterator[str]:
    """Return the address of a database of the test's own, empty; marker ``postgres``."""
    yield reused_database
    postgres.empty_database(reused_database)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_site(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSite:
    """Return where a database may be made; a test that uses it runs on both databases."""
    from calibrant.runtime.testing.databases import DatabaseSite  # noqa: PLC0415  most tests need none

    if request.param == "sqlite":
        return DatabaseSite(f"sqlite:///{tmp_path}/x.sqlite")
    return DatabaseSite(request.getfixturevalue("postgres_url"))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in the last lines what was skipped, why, and how to enable it."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    skipped = Counter(_reason(report) for report in reporter.stats.get("skipped", []))
    for reason, count in skipped.most_common():
        reporter.write_line(f"skipped {count} test{'s' if count > 1 else ''}: {reason}", yellow=True)
    if not skipped and reporter.stats.get("passed"):
        reporter.write_line("skipped nothing")


def _reason(report: pytest.TestReport) -> str:
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")
