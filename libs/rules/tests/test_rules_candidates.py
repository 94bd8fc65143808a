import pytest

from calibrant.rules.association import DetectorFacts
from calibrant.rules.candidates import Candidate, Chosen, Missing, Waiting, associate
from calibrant.rules.rulesets import RoleRule
from calibrant.rules.validity import ValidityRange

NIGHT = 86_400 * 10**9
BIAS = RoleRule(role="bias", kind="bias", required=True, because="levels")
DARK = RoleRule(role="dark", kind="dark", required=False, because="hot pixels")
FLAT = RoleRule(role="flat", kind="flat", required=False, because="response")


def facts(**changes):
    base = {"set_kind": "flat", "set_key": "20260101-r", "detector": 0, "begin_tai_ns": 10 * NIGHT, "filter": "r",
            "dark_times_s": (2.0, 2.0), "unit": "electron", **changes}  # fmt: skip
    return DetectorFacts(**base)


def made(identity="own", **changes):
    base = {
        "id": identity,
        "kind": "bias",
        "detector": 0,
        "source": "run",
        "state": "accepted",
        "unit": "electron",
    }
    return Candidate(**{**base, **changes})


def certified(identity="old", begin=9, end=11, **changes):
    span = ValidityRange(begin_tai_ns=begin * NIGHT, end_tai_ns=end * NIGHT)
    return made(identity, **{"source": "certified", "range": span, **changes})


def dark(identity="dark", **changes):
    return made(identity, **{"kind": "dark", **changes})


def test_the_runs_own_comes_before_a_certified_one():
    answer = associate(facts(), BIAS, [certified(), made()])
    assert isinstance(answer, Chosen)
    assert (answer.candidate.id, answer.role, answer.skipped) == ("own", "bias", ())


def test_the_runs_own_is_waited_for():
    answer = associate(facts(), BIAS, [certified(), made("bias-node", state="expected")])
    assert isinstance(answer, Waiting)
    assert answer.candidate.id == "bias-node"


def test_a_rejected_one_is_skipped_with_its_reason():
    answer = associate(facts(), BIAS, [made(state="rejected", reason="NOISE fails"), certified()])
    assert isinstance(answer, Chosen)
    assert answer.candidate.id == "old"
    assert answer.skipped == ("own: rejected: NOISE fails",)


def test_missing_says_everything_and_whether_the_branch_stops():
    answer = associate(
        facts(), BIAS, [made(state="rejected", reason="NOISE fails"), certified(begin=1, end=10)]
    )
    assert isinstance(answer, Missing)
    assert answer.required
    assert "NOISE fails" in answer.because
    assert "old: is valid from 1970-01-02" in answer.because
    nothing = associate(facts(), DARK, [])
    assert (nothing.required, nothing.because) == (
        False,
        "no dark for detector 0 of flat 20260101-r: this run makes none and none is certified",
    )


@pytest.mark.parametrize(("begin", "end", "applies"), [(10, 11, True), (9, 10, False), (11, 12, False)])
def test_a_certified_one_must_be_valid_at_the_first_frame(begin, end, applies):
    assert isinstance(associate(facts(), BIAS, [certified(begin=begin, end=end)]), Chosen) is applies


def test_a_certified_one_without_a_range_does_not_apply():
    assert "has no validity range" in associate(facts(), BIAS, [certified(range=None)]).because


def test_the_first_certified_one_given_is_taken():
    assert associate(facts(), BIAS, [certified("new"), certified("old")]).candidate.id == "new"


def test_of_the_runs_own_the_nearest_in_time():
    nights = [made(f"night{n}", range=ValidityRange(begin_tai_ns=n * NIGHT)) for n in (8, 11, 13)]
    assert associate(facts(), BIAS, nights).candidate.id == "night11"
    assert associate(facts(begin_tai_ns=9 * NIGHT), BIAS, nights[::-1]).candidate.id == "night8"


def test_other_detectors_and_kinds_are_not_asked():
    others = [made(detector=1), dark(per_second=True)]
    assert associate(facts(), BIAS, others).skipped == ()


@pytest.mark.parametrize(
    ("candidate", "needed", "why"),
    [
        (dark(per_second=True), (2.0, 30.0), None),
        (dark(per_second=False, dark_time_s=2.0), (2.0, 2.001), None),
        (
            dark(per_second=False, dark_time_s=2.0),
            (2.0, 2.0011),
            "for a dark time of 2 s, the set has 2.0011 s",
        ),
        (dark(per_second=False, dark_time_s=2.0), (2.0, 30.0), "the set has 30 s"),
        (dark(per_second=False), (2.0,), "without its dark time"),
        (dark(), (2.0,), "does not say whether"),
        (dark(per_second=True), (2.0, None), "has no dark time"),
    ],
)
def test_an_unscaled_dark_serves_its_own_dark_time_only(candidate, needed, why):
    answer = associate(facts(dark_times_s=needed), DARK, [candidate])
    if why is None:
        assert isinstance(answer, Chosen)
    else:
        assert isinstance(answer, Missing)
        assert why in answer.because


def test_an_expected_dark_of_unknown_kind_is_waited_for_but_one_that_cannot_fit_is_not():
    assert isinstance(associate(facts(), DARK, [dark(state="expected")]), Waiting)
    unfit = dark(state="expected", per_second=False, dark_time_s=30.0)
    assert isinstance(associate(facts(), DARK, [unfit]), Missing)


def test_flats_of_the_same_filter_only():
    red, plain = made("red", kind="flat", filter="r"), made("plain", kind="flat")
    assert associate(facts(), FLAT, [plain, red]).candidate.id == "red"
    assert associate(facts(filter=None), FLAT, [red, plain]).candidate.id == "plain"
    assert associate(facts(filter="g"), FLAT, [red]).skipped == ("red: filter r, the set has g",)
    assert isinstance(associate(facts(filter="g"), BIAS, [made(filter="r")]), Chosen)


def test_units_must_agree():
    answer = associate(facts(unit="adu"), BIAS, [made(), certified(unit="adu")])
    assert answer.candidate.id == "old"
    assert answer.skipped == ("own: made in electron, the set is processed in adu",)
