"""Adding a verification test is adding a file: the page's own example, put into the folder, is all it takes."""

import re
import sys
from pathlib import Path

import pytest

from calibrant.rules import gate
from calibrant.rules import verification as v
from calibrant.rules.verification import LimitRule, Limits, Scope, Verdict
from calibrant.rules.version import BY_HAND, version_of

PAGE = Path(__file__).parents[3] / "docs" / "verification.md"
NUMBERS = {"MEAN": 0.1, "NOISE": 5.0, "READ_NOISE": 5.0, "PROCESSING_ERRORS": 0.0, "AMP_CORNER": 3.1}


@pytest.fixture
def added(tmp_path, monkeypatch):
    """Put the page's example beside the other tests; give the version of the rules before."""
    before = version_of(v.registry(), Limits(), gate.GateThresholds(), BY_HAND)
    (example,) = re.findall(r"```py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "bias_corner.py").write_text(example)
    monkeypatch.setattr(v, "__path__", [*v.__path__, str(tmp_path)])
    v.registry.cache_clear()
    yield before
    sys.modules.pop("calibrant.rules.verification.bias_corner", None)
    monkeypatch.undo()
    v.registry.cache_clear()


def test_a_file_is_all_that_a_new_test_needs(added):
    place = Scope(exposure_id="e", detector=0, amplifier="A")
    found = {one.test: one for one in v.evaluate("bias", NUMBERS, Limits(), place)}
    assert (found["CORNER"].verdict, found["CORNER"].value) == (Verdict.FAIL, pytest.approx(3.0))
    wider = LimitRule(test="bias.amplifier.CORNER", limit=4.0, version="mine")
    (mine,) = [
        one
        for one in v.evaluate("bias", NUMBERS, v.limits_of("mine", [wider]), place)
        if one.test == "CORNER"
    ]
    assert (mine.verdict, mine.limits_version) == (Verdict.PASS, "mine")
    decision = gate.decide(found.values(), ["e"], [0])
    assert (decision.outcome, decision.counts.advisory_failed) == ("certified", 1)
    assert version_of(v.registry(), Limits(), gate.GateThresholds(), BY_HAND) != added


def test_and_it_is_gone_with_its_file():
    assert "bias.amplifier.CORNER" not in {test.key for test in v.registry()}
