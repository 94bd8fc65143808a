import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from calibrant.rules.association import FrameFacts, organise
from calibrant.rules.classification import ImageType
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.rulesets import RoleRule, RuleSet, SetRule

BIAS, DEFECTS, DARK, FLAT = map(DEFAULT_RULES.rule_for, ("bias", "defects", "dark", "flat"))


def frame(image_type, number, *, detector=0, night="20260101", **changes):
    facts = {
        "frame_id": f"{image_type}-{night}-{number}-{detector}", "exposure_id": f"{image_type}-{night}-{number}",
        "instrument": "SIM", "detector": detector, "image_type": image_type, "begin_tai_ns": number * 10**9,
        "night": night, **changes,
    }  # fmt: skip
    return FrameFacts(**facts)


def frames(image_type, count, start=0, **changes):
    return [frame(image_type, start + i, **changes) for i in range(count)]


def test_detectors_of_an_exposure_stay_together():
    both = [frame("bias", i, detector=d) for i in range(4) for d in (1, 0)]
    (found,) = organise(both, BIAS).sets
    assert (found.kind, found.key) == ("bias", "20260101")
    assert list(found.frames_by_detector) == [0, 1]
    exposures = [[f.exposure_id for f in found.frames_by_detector[d]] for d in (0, 1)]
    assert exposures == [[f"bias-20260101-{i}" for i in range(4)]] * 2


def test_an_exposure_is_grouped_as_a_whole():
    late = [
        frame("bias", i, detector=1, night="20260102", exposure_id=f"bias-20260101-{i}") for i in range(3)
    ]
    (found,) = organise([*frames("bias", 3), *late], BIAS).sets
    assert found.key == "20260101"
    assert len(found.frames) == 6


def test_nights_apart_or_pooled():
    three = [f for n in ("20220919", "20220921", "20220922") for f in frames("bias", 3, night=n)]
    assert [s.key for s in organise(three, BIAS).sets] == ["20220919", "20220921", "20220922"]
    pooled = BIAS.model_copy(update={"group_by": ()})
    (pool,) = organise(three, pooled).sets
    assert (pool.key, len(pool.frames), len({f.night for f in pool.frames})) == ("all", 9, 3)


def test_flats_by_night_and_filter():
    mixed = [
        *frames("flat", 3, filter="r"),
        *frames("flat", 3, start=10, filter="g"),
        *frames("flat", 3, start=20),
    ]
    keys = [(s.key, s.filter) for s in organise(mixed, FLAT).sets]
    assert keys == [("20260101-r", "r"), ("20260101-g", "g"), ("20260101", None)]


def test_darks_split_by_dark_time_only_without_a_bias():
    two_times = [*frames("dark", 3, dark_time_s=2.0), *frames("dark", 3, start=5, dark_time_s=30.0)]
    (together,) = organise(two_times, DARK).sets
    assert {f.dark_time_s for f in together.frames} == {2.0, 30.0}
    apart = organise(two_times, DARK, without=["bias"]).sets
    times = [(s.key, {f.dark_time_s for f in s.frames}) for s in apart]
    assert times == [("20260101-2s", {2.0}), ("20260101-30s", {30.0})]
    assert organise(together.frames, DARK, without=["bias"]).sets == apart


def test_dark_times_within_a_millisecond_are_the_same():
    times = [2.0, 2.0004, 2.001, 2.0021, 2.0025, 2.003]
    jitter = [frame("dark", i, dark_time_s=t) for i, t in enumerate(times)]
    found = organise(jitter, DARK, without=["bias"]).sets
    assert [(s.key, [f.dark_time_s for f in s.frames]) for s in found] == [
        ("20260101-2s", times[:3]),
        ("20260101-2.002s", times[3:]),
    ]


def test_a_dark_without_a_dark_time_is_left_out_and_named():
    done = organise([*frames("dark", 3, dark_time_s=2.0), frame("dark", 9)], DARK)
    assert len(done.sets[0].frames) == 3
    (left,) = done.left_out
    assert left.frame_ids == ("dark-20260101-9-0",)
    assert "needs dark_time_s" in left.reason


def test_too_few_frames_of_one_detector_leave_the_other_alone():
    some = [*frames("bias", 3), *frames("bias", 2, detector=1)]
    done = organise(some, BIAS)
    assert list(done.sets[0].frames_by_detector) == [0]
    (left,) = done.left_out
    assert (left.set_key, left.detector, len(left.frame_ids)) == ("20260101", 1, 2)
    assert left.reason == "2 bias frames of detector 1, 3 are needed"
    assert organise(frames("bias", 2), BIAS).sets == ()


def test_the_same_exposure_and_detector_twice_is_left_out():
    copy = frame("bias", 0, frame_id="zz-copy")
    done = organise([*frames("bias", 3), copy, copy, frame("bias", 1)], BIAS)
    assert len(done.sets[0].frames) == 3
    told = [(left.set_key, left.frame_ids, "there already" in left.reason) for left in done.left_out]
    assert told == [(None, ("zz-copy",), True)] * 2


def test_other_types_are_not_this_rules_business():
    assert organise([*frames("flat", 5), *frames("arc", 5), *frames("unknown", 3)], BIAS) == organise(
        [], BIAS
    )


def test_wrong_questions_are_refused():
    with pytest.raises(ValueError, match="A and B"):
        organise([frame("bias", 0, instrument="A"), frame("bias", 1, instrument="B")], BIAS)
    with pytest.raises(ValueError, match="no role 'bais'"):
        organise([], DARK, without=["bais"])
    with pytest.raises(ValidationError):
        frame("dark", 0, dark_time_s=float("nan"))


def test_a_set_whose_key_looks_like_a_frame_is_still_a_set():
    """Whether a set or a frame was left out is said, not read out of its name."""
    night = "bias 7"
    done = organise([*frames("bias", 1, night=night), frame("bias", 9, frame_id="bias 20260101")], BIAS)
    assert {left.set_key for left in done.left_out} == {night, "20260101"}


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.sampled_from("gr")), max_size=30),
    st.randoms(),
)
def test_every_frame_is_in_one_set_or_left_out_whatever_the_order(drawn, rng):
    unique = {(n, d): frame("flat", n, detector=d, filter=f) for n, d, f in drawn}
    given_frames = list(unique.values())
    done = organise(given_frames, FLAT)
    placed = [f.frame_id for s in done.sets for f in s.frames] + [
        i for left in done.left_out for i in left.frame_ids
    ]
    assert sorted(placed) == sorted(f.frame_id for f in given_frames)
    rng.shuffle(given_frames)
    assert organise(given_frames, FLAT) == done


def test_rule_sets_are_in_build_order():
    kinds = [rule.kind for rule in DEFAULT_RULES.rules]
    masters = [kind for kind in kinds if not DEFAULT_RULES.rule_for(kind).on_request]
    assert masters == ["bias", "dark", "flat"]
    assert sorted(
        ("bias", "crosstalk", "linearity", "defects", "dark", "gain", "ptc", "flat"), key=kinds.index
    ) == [
        "bias",
        "crosstalk",
        "linearity",
        "defects",
        "dark",
        "gain",
        "ptc",
        "flat",
    ]
    assert DEFAULT_RULES.image_types == (ImageType.BIAS, ImageType.SPOT, ImageType.DARK, ImageType.FLAT)
    assert DEFAULT_RULES.rule_for("dark") is DARK
    assert DEFAULT_RULES.rule_for("fringe") is None
    assert not any(role.required for role in (*DARK.roles, *FLAT.roles))
    for measuring in ("gain", "ptc"):
        assert not {"gain", "ptc"} & {role.kind for role in DEFAULT_RULES.rule_for(measuring).roles}
    with pytest.raises(ValidationError, match="builds dark before its input bias"):
        RuleSet(name="x", version="1", rules=(DARK, BIAS))
    earlier = BIAS.model_copy(
        update={
            "roles": tuple(r.model_copy(update={"kind": "dark", "earlier": True}) for r in DARK.roles[:1])
        }
    )
    assert RuleSet(name="x", version="1", rules=(earlier, DARK)).rule_for("bias") is earlier
    with pytest.raises(ValidationError, match="two rules for one kind"):
        RuleSet(name="x", version="1", rules=(BIAS, BIAS))


def test_an_instrument_replaces_the_rule_of_a_kind():
    pooled = SetRule(kind="bias", image_type=ImageType.BIAS, group_by=())
    mine = DEFAULT_RULES.replaced(pooled, name="newton")
    assert (mine.name, [rule.kind for rule in mine.rules]) == (
        "newton",
        [rule.kind for rule in DEFAULT_RULES.rules],
    )
    assert mine.rule_for("bias") == pooled
    assert DEFAULT_RULES.rule_for("bias") == BIAS


def test_set_rules_refuse_roles_that_are_not_theirs():
    role = RoleRule(role="bias", kind="bias", required=True, because="x")
    with pytest.raises(ValidationError, match="splits without 'dark'"):
        SetRule(kind="dark", image_type="dark", roles=(role,), split_without={"dark": ("night",)})
    with pytest.raises(ValidationError, match="a role twice"):
        SetRule(kind="dark", image_type="dark", roles=(role, role))
