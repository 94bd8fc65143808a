"""The gate's properties: what must never happen, whatever the set and the thresholds."""

import random

from gate_sets import CERTIFIED, REFUSED, WITH_FAILURES, result
from hypothesis import given
from hypothesis import strategies as st

from calibrant.rules import gate
from calibrant.rules.decision import GateThresholds, ProcessingError
from calibrant.rules.verification import Verdict


@st.composite
def verified_sets(draw):
    """A set with tests at three levels, verdicts drawn."""
    exposures = [f"e{i}" for i in range(draw(st.integers(1, 4)))]
    detectors = list(range(draw(st.integers(1, 3))))
    amplifiers = [f"C{i}" for i in range(draw(st.integers(1, 3)))]
    verdicts = st.sampled_from([Verdict.PASS, Verdict.FAIL, Verdict.NOT_APPLICABLE])
    results = [result("SCATTER", "exposure", e, verdict=draw(verdicts)) for e in exposures]
    for e in exposures:
        for d in detectors:
            results.append(result("SCATTER", "detector", e, d, verdict=draw(verdicts)))
            results += [result("NOISE", "amplifier", e, d, a, verdict=draw(verdicts)) for a in amplifiers]
    return results, exposures, detectors


GATES = st.one_of(
    st.builds(
        GateThresholds,
        failed_tests=st.integers(1, 4),
        tests_fraction=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
        detectors_fraction=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
        exposures_fraction=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
    ),
    st.just(GateThresholds(rule="any")),
)


def plain(decision):
    """What is decided, in an order of severity."""
    return [CERTIFIED, WITH_FAILURES, REFUSED].index(decision.outcome), set(decision.withheld)


@given(verified_sets(), GATES, st.randoms(use_true_random=False))
def test_more_failures_never_certify_more(verified, limits, rng: random.Random):
    results, exposures, detectors = verified
    worse = [
        r.model_copy(update={"verdict": Verdict.FAIL})
        if r.verdict is Verdict.PASS and rng.random() < 0.4
        else r
        for r in results
    ]
    severity, withheld = plain(gate.decide(results, exposures, detectors, limits))
    severity_worse, withheld_worse = plain(gate.decide(worse, exposures, detectors, limits))
    assert severity_worse >= severity
    assert withheld_worse >= withheld


@given(verified_sets(), GATES, st.data())
def test_an_exception_is_never_a_pass(verified, limits, data):
    results, exposures, detectors = verified
    exposure, detector = data.draw(st.sampled_from(exposures)), data.draw(st.sampled_from([None, *detectors]))
    error = ProcessingError(exposure_id=exposure, detector=detector, reason="division by zero")
    severity, withheld = plain(gate.decide(results, exposures, detectors, limits))
    broken = gate.decide(results, exposures, detectors, limits, [error])
    severity_broken, withheld_broken = plain(broken)
    assert broken.outcome is not CERTIFIED
    assert severity_broken >= severity
    assert withheld_broken >= withheld
    everything = [
        ProcessingError(exposure_id=e, detector=d, reason="no memory") for e in exposures for d in detectors
    ]
    assert gate.decide(results, exposures, detectors, limits, everything).outcome is REFUSED


@given(GATES, st.integers(0, 2), st.integers(0, 2))
def test_no_set_without_results_passes_any_gate(limits, exposures, detectors):
    names = [f"e{i}" for i in range(exposures)]
    assert gate.decide([], names, range(detectors), limits).outcome is REFUSED


@given(verified_sets(), GATES, st.randoms(use_true_random=False))
def test_names_and_order_change_nothing(verified, limits, rng: random.Random):
    results, exposures, detectors = verified
    new_e = dict(zip(exposures, rng.sample(exposures, len(exposures)), strict=True))
    new_d = dict(zip(detectors, rng.sample([7, 40, 3], len(detectors)), strict=True))
    renamed = [
        r.model_copy(update={"exposure_id": new_e[r.exposure_id], "detector": new_d.get(r.detector)})
        for r in results
    ]
    rng.shuffle(renamed)
    severity, withheld = plain(gate.decide(results, exposures, detectors, limits))
    other = gate.decide(renamed, list(new_e.values()), list(new_d.values()), limits)
    assert plain(other) == (severity, {new_d[d] for d in withheld})
    assert gate.decide(results[::-1], exposures[::-1], detectors[::-1]) == gate.decide(
        results, exposures, detectors
    )


@given(verified_sets())
def test_a_certified_detector_was_measured_in_at_least_half_of_the_exposures(verified):
    results, exposures, detectors = verified
    decision = gate.decide(results, exposures, detectors)
    for d in set(detectors) - set(decision.withheld):
        decided = {
            r.exposure_id for r in results if r.detector == d and r.verdict is not Verdict.NOT_APPLICABLE
        }
        assert decision.outcome is not REFUSED
        assert 2 * len(decided) >= len(exposures)


@given(verified_sets())
def test_clean_means_clean(verified):
    results, exposures, detectors = verified
    decision = gate.decide(results, exposures, detectors)
    if decision.outcome is CERTIFIED:
        assert not any(r.verdict is Verdict.FAIL for r in results)
        assert decision.withheld == {}
