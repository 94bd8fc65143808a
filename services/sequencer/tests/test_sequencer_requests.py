"""Requests for runs: what cannot be carried out is refused in words, and the same request is the same run."""

import pytest
from sequencer_world import folder_world

from calibrant.contracts.camera.v1 import SummaryState, SummaryStateChanged
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import TaiTime, TimeRange
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.runtime.access.callers import LOCAL
from calibrant.sequencer.api import RunOrder
from calibrant.sequencer.checking import RunRefused
from calibrant.sequencer.possible import check_counts
from calibrant.sequencer.queue.desk import Desk
from calibrant.sequencer.queue.schedules import Plan, set_schedule
from calibrant.sequencer.service import request_key


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"instrument": "nope"}, "no such instrument"),
        ({"folder": "/nowhere/at/all"}, "folder /nowhere/at/all does not exist"),
        ({"folder": ""}, "give one of the two"),
        ({"strict": True}, "strict: there is nothing to be strict about"),
        ({"make": ("fringe",)}, "'fringe' is no kind of calibration"),
        ({"build": ("fringe",)}, "build: 'fringe' is no kind"),
        ({"input_collections": {"fringe": "c"}}, "input_collections: 'fringe' is no kind"),
        ({"valid_for_s": 0.0}, "valid_for_s: 0 s is no time of 1 to"),
        ({"frames_within_s": 0.0}, "frames_within_s: 0 s is no time of 1 to"),
        ({"finish_within_s": 1e9}, "finish_within_s: .* is no time of 1 to 604800 s"),
        ({"wait_between_exposures_s": -1.0}, "wait_between_exposures_s: -1 s is no time of 0 to 86400 s"),
        ({"min_frames": {"fringe": 3}}, "min_frames: 'fringe' is no kind"),
        ({"min_frames": {"bias": 0}}, "min_frames: 0 frames make no bias: give at least 1"),
        ({"image_keys": {"imageType": "BIAS"}}, "'imageType' is no key of yours"),
        ({"image_keys": {"a: b, c": "d"}}, "'a: b, c' is no key of yours; use letters and digits"),
        ({"image_keys": {"note": "x" * 201}}, "image_keys: note: give up to 200 characters"),
        ({"detectors": (0, 7)}, "simcam-tiny has no detector 7; it has 0 to 1"),
        ({"parameters": {"bias": "1"}}, "write recipe.parameter"),
        ({"parameters": {"fringe.sigma": "1"}}, "write recipe.parameter"),
        ({"parameters": {"bias.sigma": "median"}}, "is not JSON"),
        ({"parameters": {"bias.sigma": "NaN"}}, "NaN is no number"),
        ({"parameters": {"ptc.hold_out": "2"}}, "a ptc is verified by its own frames"),
    ],
)
def test_a_run_that_cannot_begin_is_refused(kit, fields, said):
    world = kit.world()
    with pytest.raises(RunRefused, match=said):
        world.request(kit.request(**({"folder": kit.folder} | fields)))
    assert world.sent == []


@pytest.mark.parametrize("door", ["run", "message", "queue", "schedule"])
def test_a_filter_that_the_camera_does_not_have_is_refused_at_every_door_before_anything_is_taken(kit, door):
    world = kit.world()
    flats = kit.exposures("FLAT", *(2.0,) * 3).model_copy(update={"filter": "SDSSx"})
    request = kit.request(exposures=(flats,), make=("flat",))
    doors = {
        "run": lambda _: world.request(request),
        "message": lambda desk: world.service.accept(desk.session, request, world.clock.tai_ns()),
        "queue": lambda desk: desk.add(request),
        "schedule": lambda desk: set_schedule(desk, Plan("nightly", "18:00"), request),
    }
    said = "filter: simcam-tiny has no filter 'SDSSx'; it has u, g, r, i, z, y"
    with world.database.writing() as session, pytest.raises(RunRefused, match=said):
        doors[door](Desk(session, world.service, "camera", LOCAL))
    assert world.sent == []


@pytest.mark.parametrize(
    ("counts", "fields", "said"),
    [
        (
            {"BIAS": 2},
            {"make": ("bias",)},
            "2 BIAS would be used, and a bias needs 3: ask for more exposures",
        ),
        ({"BIAS": 3}, {"min_frames": {"bias": 30}}, "3 BIAS would be used, and a bias needs 30"),
        ({"BIAS": 3, "DARK": 2}, {"make": ("bias", "dark")}, "2 DARK would be used, and a dark needs 3"),
        ({"BIAS": 3}, {"make": ("bias", "flat")}, "0 FLAT would be used, and a flat needs 3"),
        ({"FLAT": 2}, {"make": ("flat",), "generate": False}, "2 FLAT in filter r would be used"),
        ({"DARK": 2, "FLAT": 1}, {"make": ("defects",)}, "2 DARK and 1 FLAT and 0 BIAS would be used"),
        ({"BIAS": 2, "DARK": 3}, {"stop_on_failure": True}, "2 BIAS would be used, and a bias needs 3"),
        ({"BIAS": 3}, {"stop_on_failure": True}, ""),
        ({"BIAS": 3, "DARK": 2}, {}, ""),  # all that the frames allow
        ({"BIAS": 2}, {"min_frames": {"bias": 2}}, ""),
        ({"BIAS": 1}, {"generate": False, "skip_verification": True}, ""),
        ({"DARK": 2, "FLAT": 3}, {"make": ("defects",)}, ""),  # one type of them is enough
    ],
)
def test_too_few_exposures_for_what_is_asked_are_refused_before_they_are_taken(kit, counts, fields, said):
    asked = tuple(kit.exposures(one, *(0.0 if one == "BIAS" else 2.0,) * n) for one, n in counts.items())
    request, world = kit.request(exposures=asked, **fields), kit.world()
    if not said:
        world.request(request)
        return
    with pytest.raises(RunRefused, match=said):
        world.request(request)


@pytest.mark.parametrize(
    ("filters", "discard", "said"),
    [
        (("r", "g"), None, ""),
        (("r", "g"), 1, "2 FLAT in filter g would be used"),
        (("r", ""), 2, "2 FLAT would be used"),  # r may be the one that is there
    ],
)
def test_discarded_exposures_do_not_count_and_every_filter_has_its_own_set(kit, filters, discard, said):
    flats = kit.exposures("FLAT", 2.0, 2.0, 2.0).model_copy(update={"discard": discard})
    asked = tuple(flats.model_copy(update={"filter": name}) for name in filters)
    request = kit.request(exposures=asked, make=("flat",))
    if not said:
        check_counts(request, DEFAULT_RULES)
        return
    with pytest.raises(RunRefused, match=said):
        check_counts(request, DEFAULT_RULES)


def test_all_that_is_wrong_with_a_run_is_told_at_once(kit):
    flats = kit.exposures("FLAT", 2.0).model_copy(update={"filter": "SDSSx"})
    with pytest.raises(RunRefused) as caught:
        kit.world().request(kit.request(exposures=(flats,), make=("flat",), detectors=(99,)))
    assert str(caught.value) == (
        "exposures: 1 FLAT in filter SDSSx would be used, and a flat needs 3: ask for more exposures, or for a smaller "
        "min_frames; detectors: simcam-tiny has no detector 99; it has 0 to 1; filter: simcam-tiny has no filter "
        "'SDSSx'; it has u, g, r, i, z, y"
    )


def test_a_folder_has_frames_of_whatever_filter(kit):
    flats = kit.exposures("FLAT", 2.0).model_copy(update={"filter": "SDSSx"})
    kit.world().request(kit.request(folder=kit.folder, exposures=(flats,)))


def test_an_order_over_http_may_say_all_that_a_request_says_but_who_asks():
    assert RunOrder.model_fields.keys() == RunRequested.model_fields.keys() - {"requested_by"}


def test_an_empty_folder_is_refused(kit, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunRefused, match="is empty"):
        kit.world().request(kit.request(folder=str(tmp_path / "empty")))


def test_a_run_that_commands_another_camera_than_there_is_is_refused(kit):
    world = kit.world()
    state = {"component": "camera", "summary_state": SummaryState.STANDBY, "reason": ""}
    world.say("camera", SummaryStateChanged(**state, instrument="simcam"))
    world.play()
    exposures, folder = (
        kit.request(exposures=(kit.exposures("BIAS", 0.0, 0.0, 0.0),)),
        kit.request(folder=kit.folder),
    )
    with world.database.writing() as session:
        with pytest.raises(RunRefused, match="camera camera is simcam, and the run is of simcam-tiny"):
            world.service.accept(session, exposures, world.clock.tai_ns())
        world.service.accept(session, folder.model_copy(update={"run_id": "run-2"}), world.clock.tai_ns())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"run_id": "a/b"}, "run_id: 'a/b' is no name of a run"),
        ({"run_id": ""}, "run_id: '' is no name"),
        ({"run_id": "r" * 65}, "use up to 64"),
        ({"instrument": "/tmp/simcam-tiny.yaml"}, "is no name of an instrument"),
        ({"instrument": "../simcam-tiny"}, "is no name of an instrument"),
        ({"requested_by": "me\n"}, r"request\.requested_by: holds the control character U\+000A"),
        ({"parameters": {"bias.\ud800": "1"}}, r"a name in it: holds the control character U\+D800"),
        ({"make": ("bias\x00",)}, r"request\.make\[0\]: holds the control character U\+0000"),
    ],
)
def test_names_that_are_none_are_refused_also_in_messages(kit, changed, said):
    world = kit.world()
    request = kit.request(folder=kit.folder).model_copy(update=changed)
    with pytest.raises(RunRefused, match=said):
        world.request(request)
    with world.database.writing() as session, pytest.raises(RunRefused, match=said):
        world.service.accept(session, request, world.clock.tai_ns())


@pytest.mark.parametrize(
    ("asked", "said"),
    [(("ARC", 1.0), "'ARC' is unknown"), (("BIAS",), "no exposure"), (("BIAS", -1.0), "is negative")],
)
def test_impossible_exposures_are_refused(kit, asked, said):
    with pytest.raises(RunRefused, match=said):
        kit.world().request(kit.request(exposures=(kit.exposures(*asked),)))


def test_a_validity_that_ends_before_it_begins_is_refused(kit):
    backwards = TimeRange(begin=TaiTime.from_ns(2), end=TaiTime.from_ns(1))
    with pytest.raises(RunRefused, match="ends before it begins"):
        kit.world().request(kit.request(folder=kit.folder, validity=backwards))


def test_an_unfinished_run_is_found_by_what_was_asked(kit):
    world = folder_world(kit, bias=3)
    request = kit.request(folder=kit.folder)
    world.request(request)
    key = request_key(request.model_copy(update={"run_id": "another", "requested_by": "me"}))
    assert world.service.unfinished(key) == "run-1"
    world.play()
    assert world.service.unfinished(key) is None


def test_asking_twice_changes_nothing_but_another_wish_needs_another_name(kit):
    world = folder_world(kit, bias=3)
    for _ in range(2):
        world.request(kit.request(folder=kit.folder))
    assert len(world.of(RunRequested)) == 1
    with pytest.raises(RunRefused, match="asks for something else"):
        world.request(kit.request(folder=kit.folder, make=("bias",)))


@pytest.mark.parametrize("strict", [True, None])
def test_a_folder_is_taken_as_a_sequence_asks_or_refused_where_it_is_to_be_strict(kit, strict):
    world = folder_world(kit, bias=5)
    asked = (kit.exposures("BIAS", 0.0, 0.0, 0.0), kit.exposures("DARK", 30.0))
    world.request(kit.request(folder=kit.folder, exposures=asked, strict=strict))
    world.play()
    view = world.view()
    assert "DARK: 0 of 1 exposures are there" in view.run.message
    if strict:
        assert (view.run.state, world.of(CombineJob)) == ("failed", [])
        assert view.run.message.startswith("nothing was made: ")
        assert "the frames are not what was asked for" in view.run.message
    else:
        assert [sum(one.role == "frames" for one in job.inputs) for job in world.of(CombineJob)] == [3, 3]
        assert "4 bias frames" in view.run.message
        assert "the sequence does not ask for them" in view.run.message
