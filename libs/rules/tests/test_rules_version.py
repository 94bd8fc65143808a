"""The version of verification: computed, the same for the same rules, another for any change that counts."""

import hashlib
import io
import tokenize
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import calibrant.rules
from calibrant.rules.decision import GateThresholds
from calibrant.rules.verification import LimitRule, Limits, registry
from calibrant.rules.version import BY_HAND, verification_version, version_of

FIRST, *OTHERS = registry()
CODE_OF = {"9": "76b260b1cfc52bc4"}
"""By version, the digest of the code that judges and counts."""


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


def test_code_that_judges_or_counts_does_not_change_without_its_version():
    folder = Path(calibrant.rules.__path__[0])
    paths = [*(folder / name for name in ("gate.py", "tally.py", "decision.py", "thresholds.py"))]
    paths += sorted((folder / "verification").glob("*.py"))
    code = "\n".join(line for path in paths for line in (path.name, *code_of(path.read_text())))
    digest = hashlib.sha256(code.encode()).hexdigest()[:16]
    assert digest == CODE_OF.get(BY_HAND), (
        "what a test judges or the gate counts has changed: raise BY_HAND in rules/version.py, so that sets are measured "
        f"and decided anew, and note it here: CODE_OF = {{<the new version>: {digest!r}}}. Where nobody could tell the "
        "difference from any verdict, count, reason or limit, note the digest under the version that there is"
    )


def test_words_about_the_code_are_none_of_it():
    said = '"""What it does."""\n\nX = 1  # why\n"""What it is."""\n# more\n\n\ndef f():\n    """Do."""\n    return "#"\n'
    assert list(code_of(said)) == ["X = 1", "def f():", '    return "#"']


def code_of(source: str) -> Iterator[str]:
    """Yield the lines of a module without comments and documentation."""
    lines = source.splitlines()
    begins = True  # of a statement
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
        elif token.type == tokenize.STRING and begins:
            lines[token.start[0] - 1 : token.end[0]] = [""] * (token.end[0] - token.start[0] + 1)
        if token.type not in (tokenize.NL, tokenize.COMMENT):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return (line.rstrip() for line in lines if line.strip())
