"""``calibrant camera`` commands a component on the log of a folder: every command of the contract, every answer shown."""

import asyncio

import pytest
from typer.testing import CliRunner

from calibrant.bus.embedded import open_bus
from calibrant.contracts.camera.v1 import SummaryState, TakeImages
from calibrant.observatory.cli.main import app
from calibrant.runtime.platform import topic_specs
from calibrant.sal import COMMANDS, Controller, own_fields


async def calibrant(folder, *words):
    """Run the command on a thread, while the component runs here; a wide terminal breaks no line."""
    line = ["camera", *words, "--data-dir", str(folder)]
    return await asyncio.to_thread(CliRunner().invoke, app, line)


@pytest.mark.asyncio
async def test_a_command_is_sent_with_its_fields_and_its_answers_are_shown(tmp_path):
    bus = await open_bus(tmp_path / "bus.sqlite", synchronous="OFF")
    await bus.ensure_topics(topic_specs())
    camera, asked = Controller(bus, "camera"), []

    @camera.on(TakeImages, takes_s=60)
    async def take(command, doing):
        asked.append(command)
        await doing.progress("1 of 2", timeout_s=30)
        return "2 images"

    async with camera:
        refused = await calibrant(tmp_path, "takeImages", "--num-images", "2")
        for name in ("start", "enable"):
            assert (await calibrant(tmp_path, name)).exit_code == 0
        words = (
            "--num-images",
            "2",
            "--sensors",
            "3",
            "--sensors",
            "1",
            "--shutter",
            "--exposure-time-s",
            "1.5",
        )
        taken = await calibrant(tmp_path, "takeImages", *words, "--cause", "night 1")
        again = await calibrant(tmp_path, "takeImages", *words, "--cause", "night 1", "--json")
        many = await calibrant(tmp_path, "takeImages", "--num-images", "3000000000")
        endless = await calibrant(tmp_path, "takeImages", "--exposure-time-s", "nan")
        nobody = await calibrant(tmp_path, "start", "--component", "camrea")
        assert camera.state is SummaryState.ENABLED
    await bus.close()
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "takeImages: FAILED (-302): takeImages not allowed in state STANDBY" in refused.stderr
    assert (many.exit_code, endless.exit_code, nobody.exit_code) == (2, 2, 1)
    assert many.stderr == "error: --num-images is 3000000000: give a whole number of 32 bits\n"
    assert endless.stderr == "error: --exposure-time-s is nan: give a finite number\n"
    assert nobody.stderr == "error: the log has heard of no component 'camrea'; did you mean camera?\n"
    assert taken.stdout.splitlines() == [
        "IN_PROGRESS   301  begun (at most 60 s)",
        "IN_PROGRESS   301  1 of 2 (at most 30 s)",
        "COMPLETE      303  2 images",
    ]
    assert '"code": 303' in again.stdout
    (command,) = asked
    assert (command.num_images, command.sensors, command.shutter) == (2, (3, 1), True)
    assert (command.exposure_time_s, command.image_type, command.header.roles) == (1.5, "", ("admin",))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_contract_has_its_fields_as_options(name):
    said = CliRunner().invoke(app, ["camera", name, "--help"], env={"COLUMNS": "200"}).stdout
    for field in own_fields(COMMANDS[name]):
        assert f"--{field.replace('_', '-')}" in said


def test_where_nothing_has_run_it_says_what_to_do(tmp_path):
    ended = CliRunner().invoke(app, ["camera", "start", "--data-dir", str(tmp_path / "none")])
    assert ended.exit_code == 1
    assert "nothing has run in" in ended.stderr


@pytest.mark.parametrize(("said", "meant"), [("takeImage", "'takeImages'"), ("strat", "'start'")])
def test_of_a_command_that_there_is_none_the_nearest_is_named(said, meant):
    ended = CliRunner().invoke(app, ["camera", said])
    assert ended.exit_code == 2
    assert f"No such command '{said}'. Did you mean {meant}" in ended.stderr


@pytest.mark.asyncio
async def test_where_nobody_answers_it_says_so_when_patience_is_over(tmp_path):
    bus = await open_bus(tmp_path / "bus.sqlite", synchronous="OFF")
    await bus.ensure_topics(topic_specs())
    await bus.close()
    ended = await calibrant(tmp_path, "start", "--begin-within", "0.2", "--patience", "0.05")
    assert ended.exit_code == 1
    assert "camera has not answered yet; it may begin within 0.2 s (--begin-within)." in ended.stderr
    assert "NO_ACK (-301)" in ended.stderr
