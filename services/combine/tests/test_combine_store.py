"""Recording products and asking for them; the schema."""

from pathlib import Path

import pytest

from calibrant.bus.cloudevents import Envelope
from calibrant.combine.building import compute
from calibrant.combine.handlers import record_product
from calibrant.combine.service import CombineService
from calibrant.combine.store import CombineQueries
from calibrant.contracts.common.v1 import JobDone
from calibrant.pixels import backend_in_use
from calibrant.runtime.clock import SystemClock
from calibrant.runtime.handlers import Context, JobResult


@pytest.fixture
def recorded(bench, database):
    """A bias, computed and recorded: its job, the result, and what was told."""
    job = bench.job("bias", bench.biases(3))
    workspace = bench.workspace("job")
    outcome = compute(job, workspace)
    ref = bench.objects.put_if_absent(
        "products/aa/bias.fits", workspace.scratch / "product.fits", "image/fits"
    )
    result = JobResult(execution_id="run-1", artifacts={"product": ref}, data=outcome.data)
    assert outcome.backend == backend_in_use()
    return job, result, tell(database, bench, job, result)


def tell(database, bench, job, result):
    service = CombineService(bench.objects)
    envelope = Envelope(
        id="event-1",
        source="/calibrant/sequencer",
        type=job.message_type,
        time_utc="2026-01-01T00:00:00Z",
        data=b"{}",
    )
    with database.writing() as session:
        return list(record_product(job, result, Context(service, session, envelope, SystemClock())))


def test_a_recorded_product_is_told_as_the_contract_has_it(recorded):
    job, result, (done,) = recorded
    assert isinstance(done, JobDone)
    assert (done.job_id, done.execution_id) == (job.job_id, "run-1")
    (product,) = done.products
    assert product.ref == result.artifacts["product"]
    assert (product.kind, product.unit, product.inputs) == ("bias", "electron", 3)
    assert product.observed.begin is not None
    assert JobDone.from_json(done.to_json()) == done


def test_recording_again_changes_nothing_and_tells_the_same(recorded, bench, database):
    job, result, told = recorded
    assert tell(database, bench, job, result) == told
    with database.reading() as session:
        assert len(CombineQueries(session).products()) == 1


def test_products_are_listed_and_shown(recorded, bench, database):
    job, result, (done,) = recorded
    name = done.products[0].product_id
    with database.reading() as session:
        queries = CombineQueries(session, bench.objects)
        (line,) = queries.products(kind="bias", instrument="simcam-tiny", detector=0)
        assert queries.products(detector=1) == []
        shown = queries.product(name)
        assert queries.product("bias-0") is None
        assert queries.file(name) == result.artifacts["product"]
    assert line["id"] == name
    assert line["state"] == "built"
    assert Path(line["path"]).is_file()
    assert line["inputs"] == [one.id for one in job.inputs]
    assert [one["file_name"] for one in shown["inputs"]] == [one.file_name for one in job.inputs]
    assert shown["parameters"]["sigma"] == 3.0
    assert shown["sha256"] == result.artifacts["product"].sha256
