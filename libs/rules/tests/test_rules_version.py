"""The version of verification: computed, the same for the same rules, another for any change that counts."""

from dataclasses import replace

import pytest

from calibrant.rules.decision import GateThresholds
from calibrant.rules.verification import LimitRule, Limits, registry
from calibrant.rules.version import BY_HAND, verification_version, version_of

FIRST, *OTHERS = registry()


def version(tests=(FIRST, *OTHERS), limits=None, thresholds=None, by_hand=BY_HAND):
    return version_of(tests, limits or Limits(), thresholds or GateThresholds(), by_hand)


def test_the_same_rules_have_the_same_version_in_any_order():
    assert verification_version() == version() == version(tests=(*OTHERS, FIRST))
    assert len(verification_version()) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"tests": OTHERS},
        *({"tests": (replace(FIRST, **change), *OTHERS)} for change in [
            {"name": "OTHER"}, {"level": "detector"}, {"limit": FIRST.limit + 0.01},
            {"advisory": not FIRST.advisory}, {"required": ("MEAN",)}, {"optional": {"MEAN": "x"}},
        ]),
        {"limits": Limits(version="2")},
        {"limits": Limits(rules=(LimitRule(test=FIRST.key, limit=3.0, version="x"),))},
        {"thresholds": GateThresholds(failed_tests=7)},
        {"thresholds": GateThresholds(version="2")},
        {"by_hand": f"{BY_HAND}x"},
    ],
)  # fmt: skip
def test_any_change_of_the_rules_is_another_version(changed):
    assert version(**changed) != version()


def test_words_for_people_are_no_part_of_it():
    assert version(tests=(replace(FIRST, summary="x", source="y"), *OTHERS)) == version()
