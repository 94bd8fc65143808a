"""The association rules of a run: its instrument's, with what the run asks otherwise. Knows no frames."""

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.rulesets import RuleSet


def rules_for(request: RunRequested, rules: RuleSet) -> RuleSet:
    """Return an instrument's rules with the fewest frames that a run's sets have, where it says so."""
    asked = request.min_frames
    changed = (
        rule.model_copy(update={"min_frames": asked[rule.kind]}) for rule in rules.rules if rule.kind in asked
    )
    return rules.replaced(*changed)
