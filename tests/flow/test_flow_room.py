"""A camera without room for images: the run waits and says why, gives nothing up, and goes on when there is room."""

import pytest

from calibrant.camera.room import Room
from calibrant.contracts.sequencer.v1 import ExposureRequest
from calibrant.observatory.composition import observatory
from calibrant.observatory.following import ask
from calibrant.observatory.requests import run_request
from calibrant.observatory.settings import ObservatorySettings
from calibrant.observatory.testing import DataFolder, asked
from calibrant.runtime.testing.services import until
from calibrant.sequencer.states import ENDED
from calibrant.sequencer.store.queries import SequencerQueries

SEQUENCE = (
    "{instrument: simcam-tiny, script_mode: BIAS, n_bias: 3, n_discard_bias: 0, generate_calibrations: true}"
)
MORE_THAN_THERE_IS = str(1 << 60)
SAYS = "(CALIBRANT_STALL_FREE_BYTES): free some space"
TIMED_OUT = "select count(*) from camera_ack where body like '%ACK_CODE_TIMEOUT%'"


@pytest.fixture
def running(tmp_path, monkeypatch):
    """Everything in one process, its camera without room and its commands soon too late."""
    monkeypatch.setenv("CALIBRANT_COMMAND_S", "0.5")
    monkeypatch.setenv("CALIBRANT_STALL_FREE_BYTES", MORE_THAN_THERE_IS)
    return observatory(
        ObservatorySettings(data_dir=tmp_path / "data", instrument="simcam-tiny", worker_slots=1, port=0)
    )


@pytest.mark.asyncio
async def test_a_run_outlives_the_deadlines_of_commands_that_wait_for_room(running, tmp_path):
    data = DataFolder(tmp_path / "data")
    async with running as services:
        biases = ExposureRequest(image_type="BIAS", exposure_times_s=(0.0,) * 3, filter="")
        request = run_request(services.platform.settings, instrument="simcam-tiny", exposures=(biases,))
        run_id = ask(services, request).run_id

        def view():
            with services.database("sequencer").reading() as session:
                return SequencerQueries(session).run(run_id)

        async def more_commands_were_too_late_than_an_exposure_is_tried():
            return data.ask("camera", TIMED_OUT)[0][0] > services.sequencer.settings.attempts

        async def says_why_it_waits():
            return view().phase == "waiting for the camera" and view().run.message.endswith(SAYS)

        async def ended():
            return view().run.state in ENDED

        await until(more_commands_were_too_late_than_an_exposure_is_tried)
        await until(says_why_it_waits)
        services.service("camera").room = Room(data.path, 0, 0)
        await until(ended)
        assert (view().run.state, view().exposures.done, view().exposures.failed) == ("done", 3, 0)
        assert "no image" not in view().run.message
    assert data.ask("camera", "select state from camera_exposure") == [("stored",)] * 3


def test_the_command_says_what_to_do_and_given_again_goes_on(calibrant, tmp_path):
    (tmp_path / "biases.yaml").write_text(SEQUENCE)
    command = ("run", "biases.yaml", "--json", "--data-dir", "data")
    calibrant.environment["CALIBRANT_STALL_FREE_BYTES"] = MORE_THAN_THERE_IS
    told = calibrant.refused(*command)
    assert f"{SAYS}. Then give the same command again: it goes on from here" in told
    (waiting,) = asked("runs", "list", "--data-dir", tmp_path / "data")
    assert waiting["message"].startswith("camera camera takes no image: the disk of ")
    del calibrant.environment["CALIBRANT_STALL_FREE_BYTES"]
    said = calibrant(*command).json
    assert (said["run"]["run_id"], said["run"]["state"]) == (waiting["run_id"], "done")
    assert DataFolder(tmp_path / "data").unrest() == []
