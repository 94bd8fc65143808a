"""The 26 cases of reference 6.2: what Rubin's gate makes of them, and what ours must."""

import json

import pytest
import upstream_gate
from gate_sets import CERTIFIED, REFUSED, WITH_FAILURES, build, noise

from calibrant.rules import gate
from calibrant.rules.decision import GateThresholds
from calibrant.rules.verification import Verdict


def flat_fails_everything(detectors):
    return [
        *noise(20, detectors),
        {"test": "SCATTER", "level": "detector", "exposures": 20, "detectors": detectors},
        {"test": "SCATTER", "level": "exposure", "exposures": 20},
    ]


MEAN_IN_OTHERS = {
    "test": "MEAN", "level": "amplifier", "exposures": 5, "detectors": 1, "amplifiers": 16, "other_exposures": True,
}  # fmt: skip

# name: exposures, detectors, failing, what Rubin's gate gives, what ours does, detectors withheld
CASES = {
    "G1": (20, 1, noise(20), REFUSED, REFUSED, 1),
    "G2": (1, 1, noise(1), WITH_FAILURES, REFUSED, 1),
    "G3": (3, 1, noise(3), REFUSED, REFUSED, 1),
    "G4": (3, 1, noise(2), WITH_FAILURES, REFUSED, 1),
    "G5": (5, 1, noise(3), WITH_FAILURES, REFUSED, 1),
    "G6": (5, 1, noise(4), REFUSED, REFUSED, 1),
    "G7": (2, 1, noise(1), WITH_FAILURES, WITH_FAILURES, 0),
    "G8": (4, 1, noise(2), WITH_FAILURES, WITH_FAILURES, 0),
    "G9": (4, 1, noise(3), REFUSED, REFUSED, 1),
    "G10": (20, 1, noise(10), WITH_FAILURES, WITH_FAILURES, 0),
    "G11": (20, 1, noise(11), REFUSED, REFUSED, 1),
    "G12": (20, 1, [*noise(6), MEAN_IN_OTHERS], REFUSED, WITH_FAILURES, 0),
    "G13": (20, 1, noise(20, amplifiers=7), WITH_FAILURES, WITH_FAILURES, 0),
    "G14": (20, 1, noise(20, amplifiers=8), REFUSED, REFUSED, 1),
    "G15": (20, 9, noise(20, 2), WITH_FAILURES, WITH_FAILURES, 2),
    "G16": (20, 9, noise(20, 3), REFUSED, WITH_FAILURES, 3),
    "G17": (20, 9, noise(20, 4), REFUSED, WITH_FAILURES, 4),
    "G18": (20, 9, noise(20, 5, 8), REFUSED, REFUSED, 9),
    "G19": (20, 9, noise(20, 9, 5), REFUSED, WITH_FAILURES, 0),
    "G20": (20, 9, noise(20, 9, 4), WITH_FAILURES, WITH_FAILURES, 0),
    "G21": (20, 9, noise(20, 9), REFUSED, REFUSED, 9),
    "G22": (20, 197, noise(20, 49), WITH_FAILURES, WITH_FAILURES, 49),
    "G23": (20, 197, noise(20, 50), REFUSED, WITH_FAILURES, 50),
    "G24": (20, 1, flat_fails_everything(1), WITH_FAILURES, REFUSED, 1),
    "G25": (20, 9, flat_fails_everything(9), WITH_FAILURES, REFUSED, 9),
    "G26": (20, 1, [], CERTIFIED, CERTIFIED, 0),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """The name of a case, and its results: built once for all that is asked of it, as some are of 60 000 results."""
    return request.param, build(*CASES[request.param][:3])


def test_r17_case_of_the_reference(case):
    name, built = case
    *_, failing, _, outcome, withheld = CASES[name]
    decision = gate.decide(*built)
    assert decision.outcome is outcome
    assert len(decision.withheld) == withheld
    assert all(decision.withheld.values())
    bad = max((f.get("detectors", 0) for f in failing), default=0)
    assert set(decision.withheld) <= set(range(bad)) or outcome is REFUSED


def decided(case):
    return gate.decide(*build(*CASES[case][:3]))


def test_d1_bad_detectors_are_withheld_and_their_failures_are_not_added_up():
    """Rubin's sum over nine detectors refuses six good ones for three that are bad, and all for a few amplifiers each."""
    assert (decided("G16").outcome, set(decided("G16").withheld)) == (WITH_FAILURES, {0, 1, 2})
    assert decided("G19").withheld == {}


def test_d2_different_tests_in_different_exposures_do_not_count_together():
    assert decided("G12").outcome is WITH_FAILURES


def test_d3_a_majority_is_that_of_the_exposures_also_of_one_or_of_an_odd_number():
    assert {case: decided(case).outcome for case in ("G2", "G4", "G5")} == dict.fromkeys(
        ("G2", "G4", "G5"), REFUSED
    )


def test_d4_a_flat_is_refused_for_what_fails_in_its_amplifiers_and_detectors():
    assert decided("G24").outcome is REFUSED
    assert gate.decide(*build(20, 1, noise(20))).outcome is REFUSED


def upstream(built, failing, threshold=8):
    results, names, detectors = built
    failures = [
        (r.exposure_id, r.level, f"D{r.detector} {r.amplifier} {r.test}")
        for r in results
        if r.verdict is Verdict.FAIL
    ]
    flat = any(f["test"] == "SCATTER" for f in failing)
    stats = upstream_gate.run_statistics(names, failures, "flat" if flat else "bias")
    return upstream_gate.outcome(stats, len(detectors), threshold)


def test_what_the_original_formula_makes_of_it(case):
    name, built = case
    _, _, failing, theirs, *_ = CASES[name]
    assert upstream(built, failing) == theirs


def test_where_the_two_differ():
    differ = {case for case, (*_, theirs, ours, _) in CASES.items() if theirs is not ours}
    assert differ == {"G2", "G4", "G5", "G12", "G16", "G17", "G19", "G23", "G24", "G25"}


def test_any_failure_withholds_its_detector(case):
    name, built = case
    _, detectors, failing, *_ = CASES[name]
    decision = gate.decide(*built, GateThresholds(rule="any"))
    bad = max((f.get("detectors", 0) for f in failing), default=0)
    of_an_exposure = any(f["level"] == "exposure" for f in failing)
    everything = bad == detectors or of_an_exposure
    assert decision.outcome is (CERTIFIED if not failing else REFUSED if everything else WITH_FAILURES)
    assert set(decision.withheld) == set(range(detectors if everything and failing else bad))


@pytest.mark.real_frames
def test_published_vectors(real_data):
    path = real_data.parent / "vectors" / "gate" / "cases.json"
    cases = json.loads(path.read_text())["cases"]
    assert [case["id"] for case in cases] == list(CASES)
    for case in cases:
        failing = case["failing"]
        built = build(case["exposures"], case["detectors"], failing, case["amplifiers"])
        decision = gate.decide(*built, GateThresholds(failed_tests=case["threshold"]))
        found = (decision.outcome, len(decision.withheld), upstream(built, failing, case["threshold"]))
        assert found == (case["majority"], case["withhold_detectors"], case["rubin"]), case
