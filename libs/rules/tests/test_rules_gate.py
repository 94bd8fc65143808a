"""The gate against its own words."""

import pytest
from gate_sets import CERTIFIED, REFUSED, WITH_FAILURES, build, noise, result

from calibrant.rules import gate
from calibrant.rules.decision import GateThresholds, ProcessingError
from calibrant.rules.verification import ALL_EXPOSURES, Verdict


@pytest.mark.parametrize(
    ("tests", "threshold", "needed"),
    [(16, 8, 8), (8, 8, 8), (7, 8, 4), (4, 8, 3), (2, 8, 2), (1, 8, 1), (16, 1, 1), (16, 20, 9)],
)
def test_threshold_or_the_majority_of_fewer_tests(tests, threshold, needed):
    assert GateThresholds(failed_tests=threshold).tests_needed(tests) == needed


def test_four_amplifiers_fail_by_their_majority():
    results, exposures, detectors = build(3, 1, noise(2, amplifiers=2), amplifiers=4)
    assert gate.decide(results, exposures, detectors).outcome is WITH_FAILURES
    results, exposures, detectors = build(3, 1, noise(2, amplifiers=3), amplifiers=4)
    assert gate.decide(results, exposures, detectors).outcome is REFUSED


@pytest.mark.parametrize(
    ("fraction", "count", "needed"),
    [(0.5, 9, 5), (0.5, 20, 11), (0.29, 100, 30), (0.0, 20, 1), (0.9, 10, 10), (0.95, 10, 10), (0.5, 0, 1)],
)
def test_more_than_a_fraction_as_it_is_written(fraction, count, needed):
    gate_of = GateThresholds(exposures_fraction=fraction, detectors_fraction=fraction)
    assert gate_of.exposures_needed(count) == gate_of.detectors_needed(count) == needed


def test_fractions_are_settings():
    verified = build(20, 9, noise(5, 3))
    assert gate.decide(*verified).outcome is WITH_FAILURES
    fewer = GateThresholds(exposures_fraction=0.2, detectors_fraction=0.3)
    decision = gate.decide(*verified, fewer)
    assert decision.outcome is REFUSED
    assert (decision.counts.detectors_needed, decision.counts.exposures_needed) == (3, 5)
    assert decision.thresholds == fewer
    withheld = gate.decide(*verified, GateThresholds(exposures_fraction=0.2)).withheld
    assert withheld.keys() == {0, 1, 2}


def test_a_gate_is_replaced_by_known_fields_within_their_range():
    assert GateThresholds().replaced({"rule": "any"}).rule == "any"
    with pytest.raises(ValueError, match="the gate has no 'failed_test'; do you mean 'failed_tests'"):
        GateThresholds().replaced({"failed_test": 3})
    with pytest.raises(ValueError, match="the gate's exposures_fraction: 1"):
        GateThresholds().replaced({"exposures_fraction": 1.0})
    with pytest.raises(ValueError, match="the gate's rule: 'most'"):
        GateThresholds().replaced({"rule": "most"})


def test_any_withholds_for_one_test_and_refuses_for_one_of_an_exposure():
    strict = GateThresholds(rule="any")
    decision = gate.decide(*build(20, 3, noise(1, 1, 1)), strict)
    assert (decision.outcome, decision.counts.detectors_needed) == (WITH_FAILURES, None)
    assert decision.withheld == {0: "NOISE (amplifier) fails in 1 of 20 exposures"}
    failing = [{"test": "SCATTER", "level": "exposure", "exposures": 1}]
    decision = gate.decide(*build(20, 3, failing), strict)
    assert decision.outcome is REFUSED
    assert (
        decision.reasons[0] == "SCATTER (exposure) fails in 1 of 20 exposures; 1 is enough to refuse the set"
    )
    assert gate.decide(*build(20, 3, failing)).outcome is WITH_FAILURES


def test_a_test_of_all_exposures_counts_in_each_of_them():
    results, exposures, detectors = build(4, 2, [])
    split = [
        result(
            "SPLIT", "amplifier", ALL_EXPOSURES, d, f"C{a:02d}", verdict=Verdict.FAIL if d else Verdict.PASS
        )
        for d in detectors
        for a in range(16)
    ]
    decision = gate.decide([*results, *split], exposures, detectors)
    assert decision.withheld == {1: "SPLIT (amplifier) fails in 4 of 4 exposures"}
    assert decision.outcome is WITH_FAILURES
    unmeasured = gate.decide(split, exposures, detectors)
    assert unmeasured.outcome is REFUSED


def test_types_with_one_name_at_two_levels_do_not_add_up():
    failing = [
        {"test": "SCATTER", "level": "detector", "exposures": 2, "detectors": 1},
        {"test": "SCATTER", "level": "exposure", "exposures": 2, "other_exposures": True},
    ]
    decision = gate.decide(*build(4, 1, failing))
    assert decision.outcome is WITH_FAILURES
    assert decision.withheld == {}


def test_a_failing_test_of_the_exposure_refuses_every_detector():
    decision = gate.decide(*build(4, 3, [{"test": "SCATTER", "level": "exposure", "exposures": 3}]))
    assert decision.outcome is REFUSED
    assert set(decision.withheld) == {0, 1, 2}
    assert "SCATTER (exposure)" in decision.withheld[0]


def test_counts_and_thresholds_are_kept():
    counts = gate.decide(*build(20, 9, noise(11, 5, 8))).counts
    assert (counts.exposures, counts.detectors, counts.failed_tests_threshold) == (20, 9, 8)
    assert (counts.detectors_needed, counts.exposures_needed) == (5, 11)
    assert counts.failed == 11 * 5 * 8
    assert counts.passed == 20 * 9 * 16 - counts.failed
    assert {(c.tests, c.failed, c.needed, c.fails) for c in counts.cells} == {(16, 8, 8, True)}
    (kind,) = [t for t in counts.types if t.test == "NOISE"]
    assert kind.failed_exposures == tuple(f"e{i:02d}" for i in range(11))
    assert kind.fails
    assert {d.detector: len(d.failed_exposures) for d in counts.by_detector} == dict.fromkeys(range(5), 11)


def test_advisory_and_not_applicable_results_never_count():
    results = [result("MEAN", "amplifier", "e", 0, "A")]
    results += [result("NOISE", "amplifier", "e", 0, "A", verdict=Verdict.FAIL, advisory=True)]
    results += [result("CR_NOISE", "amplifier", "e", 0, "A", verdict=Verdict.NOT_APPLICABLE)]
    decision = gate.decide(results, ["e"], [0])
    assert decision.outcome is CERTIFIED
    assert (decision.counts.advisory_failed, decision.counts.not_applicable) == (1, 1)


@pytest.mark.parametrize(
    "only",
    [
        [],
        [result("NOISE", "amplifier", "e", 0, "A", advisory=True)],
        [result("NOISE", "amplifier", "e", 0, "A", verdict=Verdict.NOT_APPLICABLE)],
        [result("SCATTER", "exposure", "e")],
    ],
)
def test_no_deciding_result_is_never_a_pass(only):
    decision = gate.decide(only, ["e"], [0])
    assert decision.outcome is REFUSED
    assert decision.withheld.keys() == {0}
    assert decision.counts.unmeasured == (("e", 0),)


@pytest.mark.parametrize(("exposures", "detectors"), [([], []), ([], [0]), (["e"], [])])
def test_an_empty_set_is_never_a_pass(exposures, detectors):
    decision = gate.decide([], exposures, detectors)
    assert decision.outcome is REFUSED
    assert decision.reasons
    assert set(decision.withheld) == set(detectors)


def test_a_detector_missing_in_some_exposures_is_no_clean_pass():
    results, exposures, detectors = build(4, 3, [])
    seen = [r for r in results if (r.exposure_id, r.detector) != ("e01", 2)]
    decision = gate.decide(seen, exposures, detectors)
    assert decision.outcome is WITH_FAILURES
    assert decision.withheld == {}
    seen = [r for r in seen if r.detector != 2 or r.exposure_id == "e00"]
    decision = gate.decide(seen, exposures, detectors)
    assert decision.withheld == {2: "no deciding result in 3 of 4 exposures"}


def planned_for(counts):
    return {detector: [f"e{i:02d}" for i in range(count)] for detector, count in counts.items()}


def test_a_detector_is_not_withheld_for_exposures_it_was_never_planned_in():
    """Frames of detector 0 were refused in 6 of 10 exposures; all that are left of it passes."""
    results, exposures, detectors = build(10, 2, [])
    seen = [r for r in results if r.detector == 1 or r.exposure_id < "e04"]
    decision = gate.decide(seen, exposures, detectors, planned=planned_for({0: 4}))
    assert (decision.outcome, decision.withheld, decision.counts.unmeasured) == (CERTIFIED, {}, ())
    assert decision.counts.planned == {0: 4, 1: 10}
    assert gate.decide(seen, exposures, detectors).withheld == {0: "no deciding result in 6 of 10 exposures"}


def test_a_detector_is_judged_by_the_majority_of_its_own_exposures():
    results, exposures, detectors = build(10, 2, noise(3))
    seen = [r for r in results if r.detector == 1 or r.exposure_id < "e04"]
    decision = gate.decide(seen, exposures, detectors, planned=planned_for({0: 4}))
    assert decision.withheld == {0: "NOISE (amplifier) fails in 3 of 4 exposures"}
    fewer = [r for r in seen if (r.exposure_id, r.detector) not in {("e00", 0), ("e01", 0), ("e02", 0)}]
    decision = gate.decide(fewer, exposures, detectors, planned=planned_for({0: 4}))
    assert decision.withheld == {0: "no deciding result in 3 of 4 exposures"}


def test_an_exposure_is_judged_by_the_detectors_planned_in_it():
    results, exposures, detectors = build(4, 3, noise(4))
    seen = [r for r in results if r.detector == 0 or r.exposure_id == "e00"]
    planned = planned_for({1: 1, 2: 1})
    assert gate.decide(results, exposures, detectors).outcome is WITH_FAILURES
    assert gate.decide(seen, exposures, detectors, planned=planned).outcome is REFUSED


@pytest.mark.parametrize(
    ("planned", "says"),
    [
        ({0: []}, "no exposure is planned for detector 0"),
        ({7: ["e00"]}, "detector 7, which is not in the set"),
        ({0: ["x"]}, "exposure x is planned for detector 0 but is not in the set"),
        ({0: ["e00"]}, "a result of exposure e01, detector 0, which was not planned"),
    ],
)
def test_a_plan_from_outside_the_set_is_refused(planned, says):
    with pytest.raises(ValueError, match=says):
        gate.decide(*build(2, 1, []), planned=planned)


def test_missing_and_failed_exposures_add_up_within_one_type():
    results, exposures, detectors = build(4, 1, noise(2))
    seen = [r for r in results if r.exposure_id != "e03"]
    assert gate.decide(results, exposures, detectors).outcome is WITH_FAILURES
    assert gate.decide(seen, exposures, detectors).outcome is REFUSED


def test_a_processing_error_fails_its_exposure():
    clean = build(3, 2, [])
    one = [ProcessingError(exposure_id="e00", reason="out of memory")]
    assert gate.decide(*clean, errors=one).outcome is WITH_FAILURES
    two = [*one, ProcessingError(exposure_id="e01", reason="out of memory")]
    assert gate.decide(*clean, errors=two).outcome is REFUSED
    only_detector_1 = [error.model_copy(update={"detector": 1}) for error in two]
    decision = gate.decide(*clean, errors=only_detector_1)
    assert decision.outcome is WITH_FAILURES
    assert decision.withheld == {1: "no deciding result in 2 of 3 exposures: out of memory"}


def test_every_detector_withheld_in_different_exposures_leaves_nothing_to_certify():
    results, exposures, detectors = build(3, 2, [], amplifiers=1)
    fail = {("e00", 0), ("e00", 1), ("e01", 0), ("e02", 1)}
    results = [
        r.model_copy(update={"verdict": Verdict.FAIL}) if (r.exposure_id, r.detector) in fail else r
        for r in results
    ]
    decision = gate.decide(results, exposures, detectors)
    assert not any(t.fails for t in decision.counts.types)
    assert decision.outcome is REFUSED
    assert decision.reasons[0] == "every detector is withheld"


def test_results_from_outside_the_set_and_contradictions_are_refused():
    mine = result("NOISE", "amplifier", "e", 0, "A")
    with pytest.raises(ValueError, match="exposure e, which is not in the set"):
        gate.decide([mine], ["f"], [0])
    with pytest.raises(ValueError, match="detector 0, which is not in the set"):
        gate.decide([mine], ["e"], [1])
    with pytest.raises(ValueError, match="two results of NOISE"):
        gate.decide([mine, mine.model_copy(update={"verdict": Verdict.FAIL})], ["e"], [0])
    assert gate.decide([mine, mine], ["e"], [0]).counts.results == 1


def test_a_reason_tells_a_detector_without_a_result_from_one_that_fails():
    results, exposures, detectors = build(2, 2, noise(2, detectors=1))
    seen = [one for one in results if one.detector == 0]
    decision = gate.decide(seen, exposures, detectors)
    assert (
        "fails in at least 2 of 2 detectors (1 has no result and counts as failing) in 2 of 2"
        in "; ".join(decision.reasons)
    )
