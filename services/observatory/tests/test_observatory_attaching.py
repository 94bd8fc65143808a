"""A run given to services elsewhere: by the sequencer's own use case, its trace begun; told when nobody takes it."""

import asyncio
from importlib.resources import files
from pathlib import Path

import pytest

from calibrant.bus.errors import CalibrantError
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.observatory.attaching import UNSENT_S, Attached, NothingRuns, attached
from calibrant.observatory.composition import PATIENCE_ON_SERVERS_S, PATIENCE_S, observatory, patience_of
from calibrant.observatory.following import ask
from calibrant.observatory.requests import run_request
from calibrant.observatory.settings import ObservatorySettings
from calibrant.observatory.testing import Records, here
from calibrant.runtime.adapters import open_database
from calibrant.runtime.ids import trace_parent
from calibrant.runtime.testing.fakes import FakeClock
from calibrant.runtime.testing.otlp import collector
from calibrant.sequencer.store.tables import CameraRow

BIASES = (ExposureRequest(image_type="BIAS", exposure_times_s=(0.0,) * 3, filter=""),)
SEQUENCE = (
    "{instrument: simcam-tiny, script_mode: BIAS, n_bias: 3, n_discard_bias: 0, generate_calibrations: true}"
)


@pytest.fixture
def running(settings):
    """Attached where a sequencer has run, and none runs now."""
    database = open_database(settings, "sequencer")
    database.migrate([Path(str(files("calibrant.sequencer"))) / "migrations"])
    database.close()
    running = Attached(settings)
    running.clock = FakeClock()
    yield running
    running.close()


def request(settings):
    return run_request(settings, instrument="simcam-tiny", exposures=BIASES)


def test_where_no_sequencer_has_ever_run_there_is_nothing_to_attach_to(settings, tmp_path):
    with pytest.raises(NothingRuns, match="calibrant up"):
        Attached(settings)
    (tmp_path / "biases.yaml").write_text(SEQUENCE)
    said = here("run", tmp_path / "biases.yaml", "--attach", "--data-dir", settings.data_dir, code=1)
    assert said.err.startswith("error: no sequencer has ever run on ")
    assert not settings.data_dir.exists()


def test_a_run_is_accepted_and_announced_by_the_sequencers_own_use_case(running, settings):
    wanted = request(settings)
    asked = ask(running, wanted)
    assert (asked.run_id, asked.resumed) == (wanted.run_id, False)
    records = Records(settings)
    assert records.ask("sequencer", "select run_id, state from sequencer_run") == [(wanted.run_id, "planned")]
    ((topic, body),) = records.ask("sequencer", "select topic, value from outbox")
    assert topic == "runs"
    assert RunRequested.from_json(body).run_id == wanted.run_id


def test_the_same_wish_again_follows_the_run_that_is_there(running, settings):
    first = ask(running, request(settings))
    again = ask(running, request(settings))
    assert (again.run_id, again.resumed) == (first.run_id, True)
    assert Records(settings).ask("sequencer", "select count(*) from outbox") == [(1,)]


def test_a_run_that_cannot_be_begun_is_refused_here_and_leaves_nothing(running, settings):
    wanted = request(settings).model_copy(update={"make": ("dork",)})
    with pytest.raises(CalibrantError, match="'dork' is no kind"):
        ask(running, wanted)
    assert Records(settings).ask("sequencer", "select run_id from sequencer_run") == []


def test_a_run_of_another_camera_than_the_one_that_runs_is_refused_at_once(running, settings):
    with running.database("sequencer").writing() as session:
        session.add(CameraRow(component="camera", summary_state="STANDBY", instrument="simcam"))
    with pytest.raises(
        CalibrantError, match="camera camera is simcam, and the run is of simcam-tiny: ask for simcam"
    ):
        ask(running, request(settings))
    assert Records(settings).ask("sequencer", "select run_id from sequencer_run") == []


def test_a_request_that_nobody_sends_is_told_after_a_while(running, settings):
    assert running.troubles() == {}
    ask(running, request(settings))
    assert running.troubles() == {}
    running.clock.now_ns += round((UNSENT_S + 1) * 1e9)
    assert "none runs" in running.troubles()["sequencer"]


@pytest.mark.asyncio
async def test_a_run_given_to_services_elsewhere_has_the_root_of_its_trace(tmp_path):
    async with observatory(ObservatorySettings(data_dir=tmp_path, instrument="simcam-tiny"), ("sequencer",)):
        pass  # its database is there now
    with collector() as found:
        settings = ObservatorySettings(
            data_dir=tmp_path, instrument="simcam-tiny", otlp_endpoint=found.endpoint
        )
        biases = ExposureRequest(image_type="BIAS", exposure_times_s=(0.0,) * 3, filter="")
        request = run_request(settings, instrument="simcam-tiny", exposures=(biases,))
        async with attached(settings) as running:
            asked = await asyncio.to_thread(ask, running, request)
    _, trace, root, _ = trace_parent(asked.run_id, asked.run_id).split("-")
    spans = {span.name: span for span in found.spans}
    assert spans.keys() == {"run", "emit RunRequested"}
    assert {span.trace for span in spans.values()} == {trace}
    assert (spans["run"].id, spans["run"].parent) == (root, "")
    assert spans["emit RunRequested"].parent == root


@pytest.mark.parametrize(
    ("place", "patience_s"),
    [
        ({}, PATIENCE_S),
        ({"bus": "kafka://127.0.0.1:1"}, PATIENCE_ON_SERVERS_S),
        ({"database": "postgresql://calibrant@127.0.0.1:1/calibrant"}, PATIENCE_ON_SERVERS_S),
        ({"objects": "s3://calibrant"}, PATIENCE_ON_SERVERS_S),
    ],
)
def test_a_server_that_is_restarted_is_waited_for_longer_than_a_disk(place, patience_s):
    assert patience_of(ObservatorySettings(**place)) == patience_s
