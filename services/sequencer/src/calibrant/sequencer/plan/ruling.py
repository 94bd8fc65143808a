"""What a run is made by: the rules of its instrument, with what it asks otherwise. Knows no frames."""

from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.rules.rulesets import RuleSet, SetRule


def rules_for(request: RunRequested, rules: RuleSet) -> RuleSet:
    """Return an instrument's rules with the fewest frames that a run's sets have, where it says so."""
    asked = request.min_frames
    changed = (
        rule.model_copy(update={"min_frames": asked[rule.kind]}) for rule in rules.rules if rule.kind in asked
    )
    return rules.replaced(*changed)


def is_wanted(request: RunRequested, rule: SetRule) -> bool:
    """Tell whether a run asks for a kind of calibration: by its name, or, of what is usually made, for all."""
    return rule.kind in (*request.make, *request.build) or not (request.make or rule.on_request)


def only_frames(request: RunRequested) -> bool:
    """Tell whether nothing is asked for but frames: neither made to anything nor verified."""
    return bool(request.skip_verification) and not (request.generate or request.build)
